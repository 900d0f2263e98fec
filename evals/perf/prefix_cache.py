"""Measures whether each request of a question begins with the one before it, so that a prefix cache has the old part.

    python -m evals.perf.prefix_cache RUN
    python -m evals.perf.prefix_cache RUN --max-pictures 16

A simulator of vLLM's cache (V1: full blocks of 16 tokens, each identified by all that comes before it, pictures by
their content) over the requests that recorded trajectories would send. The hit rate alone misleads, since it rises when
more is sent again: the goal is a ratio of prefilled to unique tokens of at most 1.05. Tokens are pieces of words and
marks and no model's own; a picture has one for each 32x32 pixels begun, a little more than Qwen3-VL takes. Nothing that
a model sampled counts as cached, which is the worst case: engines do keep it where a reply is sent back token for
token.
"""

import argparse
import json
import math
import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from agent.ending import Parser
from agent.policy import PolicyOptions
from agent.rendering.messages import Conversation, ImageBlock, Message, render
from agent.trajectory import Form, Trajectory
from evals.command_line import end_with_page
from evals.runner.run_file import read_stored
from evals.statistics.tables import format_percent, render_table
from tools.observation import FrameRef
from tools.schema import ToolSpec, describe
from tools.toolbox import TOOL_NAMES, Toolbox

BLOCK = 16
"""Tokens of a cache block, as in vLLM by default."""
MAX_PREFILL = 1.05
"""Goal for the ratio of prefilled to unique tokens, beside one block a turn."""
PIXELS_A_TOKEN_SIDE = 32
"""Side of a picture token in pixels, as in Qwen3-VL."""

Token = Hashable
PictureKey = Callable[[FrameRef], Hashable]
"""Function from a reference to the key by which an engine identifies a picture, equal for equal bytes. By default the
reference, for which a toolbox always gives the same bytes."""

_TOKEN = re.compile(r" ?\w{1,6}| ?[^\w\s]|\s+")
"""Pattern of tokens that keeps all characters: a reply that comes back with one space less is another prompt."""


@dataclass(frozen=True)
class PrefixUse:
    """Use of a prefix cache by the requests of one or several questions; all counts but of turns are tokens."""

    turns: int
    prompt: int
    """Prompt tokens of all requests together."""
    unique: int
    """Tokens that would be prefilled if each were sent once."""
    prefilled: int
    rewritten_turns: int = 0
    """Number of requests that do not begin with the whole request before them."""

    @property
    def hit(self) -> float:
        """Share of the prompt tokens that came from the cache, 0..1."""
        return 1 - self.prefilled / self.prompt if self.prompt else 0.0

    @property
    def ratio(self) -> float:
        """Ratio of prefilled to unique tokens, without one block a turn: 1 or less is ideal."""
        return max(0, self.prefilled - BLOCK * self.turns) / self.unique if self.unique else 0.0

    @property
    def is_disciplined(self) -> bool:
        """Whether no request rewrites an earlier one, and hardly anything is prefilled twice."""
        return self.rewritten_turns == 0 and self.ratio <= MAX_PREFILL

    def __add__(self, other: "PrefixUse") -> "PrefixUse":
        return PrefixUse(
            self.turns + other.turns,
            self.prompt + other.prompt,
            self.unique + other.unique,
            self.prefilled + other.prefilled,
            self.rewritten_turns + other.rewritten_turns,
        )


class BlockCache:
    """A prefix cache of full blocks, each identified by its tokens and the block before it; nothing is evicted."""

    def __init__(self) -> None:
        self._ids: dict[tuple[int, tuple[Token, ...]], int] = {}

    def prefill(self, tokens: Sequence[Token]) -> int:
        """Number of tokens of a request that have to be computed; its full blocks are then cached."""
        cached, parent, is_hit = 0, 0, True
        for first in range(0, len(tokens) - BLOCK + 1, BLOCK):
            key = (parent, tuple(tokens[first : first + BLOCK]))
            # the last token is always computed: the next one is sampled from it
            is_hit = is_hit and key in self._ids and first + BLOCK < len(tokens)
            cached += BLOCK if is_hit else 0
            parent = self._ids.setdefault(key, len(self._ids) + 1)
        return len(tokens) - cached


def render_requests(
    trajectory: Trajectory, specs: Sequence[ToolSpec], form: Form, options: PolicyOptions
) -> Iterator[Conversation]:
    """The conversation before each turn of the policy; the initial looks are part of the first.

    Args:
        trajectory: the run.
        specs: the tools of the system message.
        form: form of tool calls.
        options: options of rendering.
    """
    for number, step in enumerate(trajectory.steps):
        if not step.turn.is_opening:
            yield render(replace(trajectory, steps=trajectory.steps[:number], stop=None), specs, form, options)


def tokenise(conversation: Conversation, key: PictureKey = lambda ref: ref) -> list[Token]:
    """The tokens of a conversation, up to where the model is to reply."""
    tokens: list[Token] = []
    tools = "\n".join(json.dumps(spec.openai) for spec in conversation.tools)
    for number, message in enumerate(conversation.messages):
        tokens += _words(f"<|im_start|>{message.role}\n")
        tokens += _content(message, key)
        tokens += _words(f"\n{tools}" if tools and number == 0 else "")
        tokens += _words("<|im_end|>\n")
    return tokens + _words("<|im_start|>assistant\n")


def picture_tokens(ref: FrameRef) -> int:
    """Number of tokens of one picture in a model of Qwen3-VL's kind."""
    return math.ceil(ref.width / PIXELS_A_TOKEN_SIDE) * math.ceil(ref.height / PIXELS_A_TOKEN_SIDE)


def measure_requests(streams: Iterable[Sequence[Token]], unique: int | None = None) -> PrefixUse:
    """Cache use of requests that are sent one after the other to an engine with an empty cache.

    Args:
        streams: tokens of each request.
        unique: tokens of the whole history sent once; the longest request if None.
    """
    cache, before = BlockCache(), None
    turns, prompt, prefilled, rewritten, longest = 0, 0, 0, 0, 0
    for tokens in streams:
        turns, prompt, longest = turns + 1, prompt + len(tokens), max(longest, len(tokens))
        prefilled += cache.prefill(tokens)
        rewritten += before is not None and list(tokens[: len(before)]) != list(before)
        before = tokens
    return PrefixUse(turns, prompt, longest if unique is None else unique, prefilled, rewritten)


def measure_trajectory(
    trajectory: Trajectory, specs: Sequence[ToolSpec], form: Form, options: PolicyOptions | None = None
) -> PrefixUse:
    """Cache use of the requests of a trajectory; pictures that are left out later count once as unique tokens.

    Args:
        trajectory: the run.
        specs: the tools of the system message.
        form: form of tool calls.
        options: options of rendering; the default ones if None.
    """
    options = options or PolicyOptions()
    whole = replace(options, max_pictures=None)
    longest = max((len(tokenise(c)) for c in render_requests(trajectory, specs, form, whole)), default=0)
    return measure_requests((tokenise(c) for c in render_requests(trajectory, specs, form, options)), longest)


def describe_tools() -> tuple[ToolSpec, ...]:
    """Specs of the tools of every toolbox, without a video."""
    return tuple(describe(getattr(Toolbox, name).__get__(Toolbox)) for name in TOOL_NAMES)


def render_page(trajectories: Sequence[Trajectory], options: PolicyOptions) -> str:
    """Markdown table of the cache use in both forms of calls, by number of turns."""
    specs, rows = describe_tools(), []
    for form in get_args(Form):
        uses = [use for t in trajectories if (use := measure_trajectory(t, specs, form, options)).turns]
        for turns in sorted({use.turns for use in uses}):
            group = [use for use in uses if use.turns == turns]
            rows.append(_row(form, group))
    header = ["form", "turns", "questions", "prompt tokens", "unique", "prefilled", "ratio", "hit", "undisciplined"]
    return (
        render_table(header, rows) + f"\n\nGoal: ratio <= {MAX_PREFILL}, nothing rewritten, hit >= 80 % at 10 turns.\n"
    )


def _row(form: Form, group: Sequence[PrefixUse]) -> list[str]:
    total = sum(group[1:], group[0])
    sums = [str(count) for count in (total.prompt, total.unique, total.prefilled)]
    failing = sum(not use.is_disciplined for use in group)
    return [
        form,
        str(group[0].turns),
        str(len(group)),
        *sums,
        f"{total.ratio:.2f}",
        format_percent(total.hit),
        str(failing),
    ]


def _content(message: Message, key: PictureKey) -> Iterator[Token]:
    if message.reply is not None:
        calls = json.dumps(message.reply.tool_calls) if message.reply.tool_calls else ""
        yield from _words(message.reply.text + calls)
    for block in message.blocks:
        if isinstance(block, ImageBlock):
            yield from ((key(block.ref), number) for number in range(picture_tokens(block.ref)))
        else:
            yield from _words(block.text)


def _words(text: str) -> list[str]:
    return _TOKEN.findall(text)


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser("python -m evals.perf.prefix_cache", description="What a prefix cache saves on a run.")
    parser.add_argument("run", type=Path, metavar="RUN", help="what evals.run --out wrote")
    parser.add_argument("--max-pictures", type=int, metavar="N", help="pictures a request; the oldest go, in blocks")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> str:
    """The report on the cache use of a run as Markdown.

    Raises:
        ValueError: there is no such run, or it can't be read.
    """
    got = _parse_arguments(arguments)
    return render_page(read_stored(got.run), PolicyOptions(max_pictures=got.max_pictures))


if __name__ == "__main__":
    end_with_page("evals.perf.prefix_cache", main)
