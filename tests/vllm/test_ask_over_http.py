"""`agent ask --policy http:MODEL@URL` against a real vLLM server: five turns with pictures, as a user would run it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from agent.cli.main import main
from agent.policies.transformers import TransformersPolicy
from agent.policy import PolicyOptions
from agent.rendering.messages import render
from agent.trajectory import Step, Stop, Trajectory, load
from tests.vllm.dictating import Dictation, Exchange
from tests.vllm.led import FIVE_TURNS
from tests.vllm.marks import needs_vllm
from tests.vllm.server import NAME, VllmServer
from tools.toolbox import open_toolbox

pytestmark = needs_vllm

ANSWER = {"answer": "a white square", "confidence": 0.8, "evidence": [{"start": 2.5, "stop": 2.6, "calls": ["t4c1"]}]}


@dataclass(frozen=True)
class Run:
    """What a run left behind on both sides."""

    status: int
    trajectory: Trajectory
    exchanges: tuple[Exchange, ...]
    refused: tuple[tuple[int, str], ...]
    queried: float
    """Tokens that the server looked up in its prefix cache."""
    hits: float
    """Tokens that it found there."""


def dictated(request: dict[str, Any]) -> str:
    """The script's move for the turn that a request asks for; the same in both forms."""
    turn = sum(message["role"] == "assistant" for message in request["messages"])
    if turn >= len(FIVE_TURNS):
        return f"<think>\nIt is white.\n</think>\n<answer>{json.dumps(ANSWER)}</answer>"
    calls = ({"name": name, "arguments": arguments} for name, arguments in FIVE_TURNS[turn])
    written = "\n".join(f"<tool_call>\n{json.dumps(call)}\n</tool_call>" for call in calls)
    return f"<think>\nI look.\n</think>\n{written}"


def run(server: VllmServer, clip: Path, folder: Path) -> Run:
    names = ("vllm:prefix_cache_queries", "vllm:prefix_cache_hits")
    before = [server.counter(name) for name in names]
    saved = folder / "run.json"
    with Dictation(server.base_url, dictated) as dictation:
        policy = f"http:{NAME}@{dictation.base_url}"
        question = ["ask", str(clip), "What is at the bottom right?", "--policy", policy, "--no-verify"]
        status = main([*question, "--encoder", "hashing", "--save", str(saved), "--json"])
    queried, hits = (server.counter(name) - earlier for name, earlier in zip(names, before, strict=True))
    return Run(status, load(saved), tuple(dictation.exchanges), tuple(dictation.refused), queried, hits)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The command's cache and settings are these tests' own, and no proxy stands between it and the server."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("NO_PROXY", "127.0.0.1")
        for name in ("VIDEOSLEUTH_ENCODER", "VIDEOSLEUTH_API_KEY"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="module")
def in_text(plain_server: VllmServer, clip: Path, settings: None, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(plain_server, clip, tmp_path_factory.mktemp("text"))


@pytest.fixture(scope="module")
def native(tool_server: VllmServer, clip: Path, settings: None, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(tool_server, clip, tmp_path_factory.mktemp("native"))


def pictures_in(request: dict[str, Any], role: str) -> int:
    contents = [message["content"] for message in request["messages"] if message["role"] == role]
    parts = [part for content in contents if isinstance(content, list) for part in content]
    return sum(part["type"] == "image_url" for part in parts)


def pictures_of(trajectory: Trajectory, steps: int) -> int:
    return sum(len(r.observation.frames) for step in trajectory.steps[:steps] for r in step.results)


def shared(first: list[int], second: list[int]) -> int:
    """How many ids the two have in common at their start."""
    pairs = zip(first, second, strict=False)
    return next((n for n, (one, other) in enumerate(pairs) if one != other), min(len(first), len(second)))


def in_words(step: Step) -> Step:
    """The step with its reply as text alone, which is all that a server is sent of it."""
    assert step.turn.reply is not None
    return replace(step, turn=replace(step.turn, reply=replace(step.turn.reply, token_ids=None)))


def test_a_server_with_tool_calling_is_asked_natively_with_pictures_in_tool_messages(native: Run) -> None:
    trajectory = native.trajectory
    assert native.status == 0
    assert trajectory.stop is Stop.ANSWERED
    assert trajectory.answer is not None
    assert trajectory.answer.text == "a white square"
    assert trajectory.answer.evidence[0].frames
    assert trajectory.setup is not None
    assert trajectory.setup.form == "native"
    assert trajectory.turns == len(native.exchanges) == len(FIVE_TURNS) + 1
    last = native.exchanges[-1].request
    shown_at_first = pictures_of(trajectory, 1)
    assert pictures_in(last, "user") == shown_at_first > 0
    assert pictures_in(last, "tool") == pictures_of(trajectory, len(trajectory.steps)) - shown_at_first > 0
    assert not native.refused


def test_each_call_is_run_and_answered_under_the_id_that_the_server_gave_it(native: Run) -> None:
    messages = native.exchanges[-1].request["messages"]
    called = [call["id"] for message in messages for call in message.get("tool_calls", [])]
    assert called == [message["tool_call_id"] for message in messages if message["role"] == "tool"]
    assert len(set(called)) == sum(len(turn) for turn in FIVE_TURNS)
    assert not any(result.observation.is_error for result in native.trajectory.results)


def test_a_server_without_tool_calling_is_asked_in_text_after_one_refusal(in_text: Run) -> None:
    assert in_text.status == 0
    assert in_text.trajectory.setup is not None
    assert in_text.trajectory.setup.form == "text"
    assert in_text.trajectory.answer is not None
    assert in_text.trajectory.answer.text == "a white square"
    assert [status for status, _ in in_text.refused] == [400]
    assert "--enable-auto-tool-choice" in in_text.refused[0][1]


def test_the_server_sees_the_ids_that_transformers_sees(in_text: Run, tiny_model: Path, clip: Path) -> None:
    options = PolicyOptions()
    by_transformers = TransformersPolicy(str(tiny_model), options)
    trajectory = in_text.trajectory
    first = len(trajectory.steps) - len(in_text.exchanges)
    steps = (*trajectory.steps[:first], *(in_words(step) for step in trajectory.steps[first:]))
    with open_toolbox(clip, encoder="hashing") as toolbox:
        for number, exchange in enumerate(in_text.exchanges, start=first):
            before = Trajectory(trajectory.question, trajectory.facts, steps=steps[:number])
            conversation = render(before, toolbox.specs, "text", options)
            assert exchange.prompt_ids == by_transformers.prompt(conversation, toolbox, seed=0).tokens.ids


def test_the_server_tokenises_replies_anew(in_text: Run) -> None:
    """Why training samples in process: over HTTP the ids of a reply change when it becomes history."""
    earlier, later = in_text.exchanges[:2]
    sampled = earlier.prompt_ids + earlier.token_ids
    assert later.prompt_ids[: len(earlier.prompt_ids)] == earlier.prompt_ids
    assert later.prompt_ids[: len(sampled)] != sampled


@pytest.mark.parametrize("form", ["in_text", "native"])
def test_only_what_is_new_is_computed(form: str, request: pytest.FixtureRequest, plain_server: VllmServer) -> None:
    played: Run = request.getfixturevalue(form)
    print(f"{form}: {played.queried:.0f} prompt tokens, {played.hits:.0f} from the cache")
    cached = [exchange.usage["prompt_tokens_details"]["cached_tokens"] or 0 for exchange in played.exchanges]
    known: list[int] = []
    for number, (exchange, found) in enumerate(zip(played.exchanges, cached, strict=True), start=1):
        prompt = list(exchange.prompt_ids)
        new = len(prompt) - shared(known, prompt)
        computed = len(prompt) - found
        print(f"turn {number}: {len(prompt)} tokens, {new} new, {computed} computed, {found / len(prompt):.1%} cached")
        assert number == 1 or computed <= new + plain_server.block_tokens
        known = prompt + list(exchange.token_ids)
    assert played.queried == sum(len(exchange.prompt_ids) for exchange in played.exchanges)
    assert played.hits == sum(cached)
    recorded = [step.turn.usage.cached_tokens for step in played.trajectory.steps if not step.turn.is_opening]
    assert [count or 0 for count in recorded] == cached


def test_the_prompt_of_a_turn_holds_that_of_the_turn_before(native: Run, in_text: Run) -> None:
    for played in (native, in_text):
        for earlier, later in pairwise(played.exchanges):
            assert later.prompt_ids[: len(earlier.prompt_ids)] == earlier.prompt_ids
