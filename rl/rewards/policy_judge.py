"""A judge that is any policy, asked without a video; each verdict is asked for once and kept by what was asked.

What the run wrote stands between « and », as the words of a video do: it is judged, and no instruction to the judge.
"""

import hashlib
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.policy import Policy, PolicyError, ask_in_time
from agent.rendering.sanitize import escape_markup
from agent.trajectory import Answer, Calls, Limits, Question, Trajectory, VideoFacts
from evals.example import Example
from rl.monitor.log import remove_cut_line
from rl.rewards.aids import Aspect
from rl.rewards.turns import own_steps
from tools.observation import FrameRef, Observation, ToolError
from tools.plain_data import loads_json
from tools.schema import ToolSpec

_ASKED: dict[Aspect, str] = {
    "answer": "Does the given answer mean the same as the reference answer, and nothing beside it?",
    "consistent": "Does the reasoning lead to the given answer, without contradicting it?",
    "evidence cited": "Does the reasoning name what is to be seen in the video and what the reference answer rests on?",
    "step": "Does the last turn of the reasoning make sense as the next thing to do for the question?",
}
_VERDICTS = {"yes": 1.0, "no": 0.0}
_FACTS = VideoFacts("0" * 32, 1.0, 16, 16)
_MAX_CHARACTERS = 20_000
"""Characters of a run that are shown; of a longer one the last, with its answer."""


class NoTools:
    """The tools of a policy that has nothing to look at."""

    specs: tuple[ToolSpec, ...] = ()

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        """Refuses every call.

        Raises:
            ToolError: always.
        """
        raise ToolError("there is no video: answer from the text")

    def picture(self, ref: FrameRef) -> bytes | None:
        """None: there are no pictures."""
        return None


class PolicyJudge:
    """Asks a policy for verdicts, and keeps them in a file of this process."""

    def __init__(
        self, policy: Policy, folder: Path, process: int = 0, say: Callable[[str], None] = lambda _: None
    ) -> None:
        """Reads the verdicts that all processes have kept before; asks nothing yet.

        Args:
            policy: the policy that judges.
            folder: where verdicts are kept.
            process: rank of this process.
            say: prints a line.
        """
        self._policy, self._say = policy, say
        self._path = folder / f"judge-{process}.jsonl"
        self._lock = threading.Lock()
        self._told: set[str] = set()
        self._known: dict[str, float] = {}
        remove_cut_line(self._path)
        for path in sorted(folder.glob("judge-*.jsonl")):
            for line in path.read_text(encoding="utf-8").split("\n")[:-1]:  # a last line without an end was cut off
                row = loads_json(line)
                self._known[row["asked"]] = row["verdict"]

    def __call__(
        self, aspect: Aspect, example: Example, trajectory: Trajectory, turn: int | None = None
    ) -> float | None:
        """1 for yes, 0 for no; None where the policy can't be asked, or says neither.

        Args:
            aspect: what is rated.
            example: the question with its reference.
            trajectory: the run.
            turn: for `step`, which of the policy's turns, from 0; None for the rest.
        """
        text = write_request(aspect, example, trajectory, turn)
        key = hashlib.sha256(f"{self._policy.spec}\n{text}".encode()).hexdigest()
        with self._lock:
            if key in self._known:
                return self._known[key]
        verdict = self._ask(text)
        if verdict is not None:
            with self._lock:
                self._known[key] = verdict
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"asked": key, "verdict": verdict}) + "\n")
        return verdict

    def _ask(self, text: str) -> float | None:
        question = Question("(no video)", text, tuple(_VERDICTS), "judge")
        asked = Trajectory(question, _FACTS, self._policy.spec, Limits(max_turns=1))
        try:
            move = ask_in_time(asked, self._policy, NoTools()).move
        except PolicyError as error:
            self._tell(str(error))
            return None
        if not isinstance(move, Answer) or move.option is None:
            self._tell("its reply is neither yes nor no")
            return None
        return list(_VERDICTS.values())[move.option]

    def _tell(self, why: str) -> None:
        """Says why there is no verdict, once for each reason."""
        with self._lock:
            is_new = why not in self._told
            self._told.add(why)
        if is_new:
            self._say(f"the judge gave no verdict: {why}")


def write_request(aspect: Aspect, example: Example, trajectory: Trajectory, turn: int | None = None) -> str:
    """What the judge is asked, in words.

    Args:
        aspect: what is rated.
        example: the question with its reference.
        trajectory: the run.
        turn: for `step`, the last of the policy's turns that is shown, from 0; None for all.
    """
    steps = own_steps(trajectory)
    shown = [_write_turn(step.turn.thought, step.turn.move) for step in steps[: None if turn is None else turn + 1]]
    options = "".join(f"\nOption: {option}" for option in example.question.options)
    given = trajectory.answer.text if trajectory.answer is not None else "(none)"
    parts = [
        "There is no video to look at: judge by the text below.",
        f"Question about a video: {_quote(example.question.text)}{options}",
        f"Reference answer: {_quote(example.answer if example.answer is not None else 'it is not shown')}",
    ]
    if aspect != "answer":
        parts.append(f"Reasoning: {_quote(' | '.join(shown)[-_MAX_CHARACTERS:])}")
    if aspect != "step":
        parts.append(f"Given answer: {_quote(given[-_MAX_CHARACTERS:])}")
    return "\n".join([*parts, _ASKED[aspect]])


def _write_turn(thought: str, move: object) -> str:
    calls = [f"{call.name} {json.dumps(call.arguments)}" for call in move.calls] if isinstance(move, Calls) else []
    return "; ".join([thought.strip(), *calls])


def _quote(text: str) -> str:
    """A text between quotes that nothing in it can close."""
    return f"«{escape_markup(text.replace('»', '>').replace('«', '<'))}»"
