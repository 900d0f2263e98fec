"""The agent as harnesses ask a model: a prompt and a video in, a text out.

A prompt of multiple choice holds its options as lines with letters. They become the options of the question, and the
answer is the letter, which every harness reads; what stands below them, as "Answer with the letter", is left out. An
answer that abstains is an empty text, which counts as wrong.
"""

import re
from pathlib import Path

from agent.sleuth import Sleuth
from agent.trajectory import Limits

_OPTION = re.compile(r"\s*\(?([A-Z])[.):]\s*(\S.*)")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class HarnessAgent:
    """Answers prompts about videos, each of which stays open for the questions that follow."""

    def __init__(self, policy: str = "lite", encoder: str | None = None, max_turns: int = Limits().max_turns) -> None:
        """Opens nothing yet.

        Args:
            policy: spec of the policy, as `agent ask --policy` takes it.
            encoder: encoder of the frame index; None is the default one.
            max_turns: most turns of a question.
        """
        self._sleuth = Sleuth(policy, encoder=encoder)
        self._max_turns = int(max_turns)  # harnesses pass options as text

    def answer(self, prompt: str, video: str | Path) -> str:
        """The answer to a prompt: a letter where it has options, else a text; empty where there is none.

        Raises:
            ValueError: the video can't be opened.
            PolicyError: the policy can't be had.
        """
        question, options = split_prompt(prompt)
        found = self._sleuth.ask(video, question, options=options, max_turns=self._max_turns)
        if found.trajectory.error and found.trajectory.answer is None:
            return ""
        if options:
            return "" if found.option is None else _LETTERS[found.option]
        return found.text if found.status == "answered" else ""


def split_prompt(prompt: str) -> tuple[str, tuple[str, ...]]:
    """The question and the options of a prompt; no options where it has no lines A, B and so on."""
    lines = prompt.strip().split("\n")
    for start, line in enumerate(lines):
        if start and (match := _OPTION.match(line)) is not None and match[1] == "A":
            options = _read_options(lines[start:])
            if len(options) > 1 and len(set(options)) == len(options):
                return "\n".join(lines[:start]).strip(), options
    return prompt.strip(), ()


def _read_options(lines: list[str]) -> tuple[str, ...]:
    found: list[str] = []
    for line in lines:
        match = _OPTION.match(line)
        if match is None or len(found) == len(_LETTERS) or match[1] != _LETTERS[len(found)]:
            break
        found.append(match[2].strip())
    return tuple(found)
