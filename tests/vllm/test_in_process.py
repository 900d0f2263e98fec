"""vLLM in this process: ids in and ids out, many questions at once, and every earlier token from the prefix cache."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import pytest
from PIL.Image import Image

from agent.loop.ask import ask, read_video_facts
from agent.policies.transformers import TransformersPolicy
from agent.policies.vllm import VllmPolicy
from agent.policies.vllm_engine import EngineCompletion
from agent.policy import PolicyError, PolicyOptions
from agent.rendering.messages import render
from agent.trajectory import Limits, Question, Reply, Trajectory
from tests.vllm.led import FIVE_TURNS, Led
from tests.vllm.marks import needs_vllm
from tools.toolbox import Toolbox, open_toolbox

pytestmark = needs_vllm

OPTIONS = PolicyOptions(max_reply_tokens=40, temperature=1.0, seed=3)
"""Drawn and not greedy: a random model's most probable token is the same again and again."""
COLOURS = ("red", "green", "blue", "white", "black", "yellow", "grey", "brown")


@pytest.fixture(scope="module")
def policy(tiny_model: Path) -> Iterator[VllmPolicy]:
    policy = VllmPolicy(str(tiny_model), OPTIONS, block_size=32, kv_cache_memory_bytes=1 << 30)
    yield policy
    policy.close()


@pytest.fixture(scope="module")
def by_transformers(tiny_model: Path) -> TransformersPolicy:
    return TransformersPolicy(str(tiny_model), OPTIONS)


@pytest.fixture(scope="module")
def toolbox(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toolbox]:
    with open_toolbox(clip, cache=tmp_path_factory.mktemp("cache")) as toolbox:
        yield toolbox


class Recording:
    """The engine of a policy for a while: remembers what it said, and may sample otherwise."""

    def __init__(self, policy: VllmPolicy, **sampling: Any) -> None:
        self._policy = policy
        self._engine = policy.engine
        self._sampling = sampling
        self.completions: list[EngineCompletion] = []

    def complete(
        self, prompt_ids: Sequence[int], pictures: Sequence[Image], sampling: Mapping[str, Any]
    ) -> EngineCompletion:
        completion = self._engine.complete(prompt_ids, pictures, {**sampling, **self._sampling})
        self.completions.append(completion)
        return completion

    def __enter__(self) -> Self:
        self._policy.engine = self  # type: ignore[assignment]
        return self

    def __exit__(self, *_: object) -> None:
        self._policy.engine = self._engine


@pytest.fixture(scope="module")
def played(policy: VllmPolicy, toolbox: Toolbox) -> tuple[Trajectory, tuple[EngineCompletion, ...]]:
    """Five turns with pictures in each, and what the engine made of them."""
    question = Question("drawn.mp4", "What is at the bottom right?")
    with Recording(policy) as recording:
        trajectory = ask(question, toolbox, Led(policy), Limits(max_turns=9), verify=False)
    return trajectory, tuple(recording.completions)


def started(toolbox: Toolbox, colour: str) -> Trajectory:
    return Trajectory(Question("drawn.mp4", f"When is it {colour}?"), read_video_facts(toolbox), limits=Limits())


def replies(turns: Sequence[Any]) -> list[Reply]:
    return [turn.reply for turn in turns]


def test_the_engine_sees_the_ids_that_transformers_sees(
    played: tuple[Trajectory, tuple[EngineCompletion, ...]], by_transformers: TransformersPolicy, toolbox: Toolbox
) -> None:
    trajectory, completions = played
    assert len(completions) == len(FIVE_TURNS) + 1
    for number, completion in enumerate(completions, start=len(trajectory.steps) - len(completions)):
        before = Trajectory(trajectory.question, trajectory.facts, steps=trajectory.steps[:number])
        conversation = render(before, toolbox.specs, "text", OPTIONS)
        assert completion.prompt_ids == by_transformers.prompt(conversation, toolbox, seed=0).tokens.ids


def test_a_turn_starts_with_the_very_ids_of_the_turn_before(
    played: tuple[Trajectory, tuple[EngineCompletion, ...]],
) -> None:
    _, completions = played
    for earlier, later in pairwise(completions):
        known = earlier.prompt_ids + earlier.token_ids
        assert later.prompt_ids[: len(known)] == known


def test_what_is_sampled_would_not_survive_being_written_out_and_read_again(
    played: tuple[Trajectory, tuple[EngineCompletion, ...]], policy: VllmPolicy
) -> None:
    _, completions = played
    read_again = [policy.model.scribe.ids(completion.text) for completion in completions]
    assert any(ids != completion.token_ids for ids, completion in zip(read_again, completions, strict=True))


def test_only_what_is_new_is_computed(
    played: tuple[Trajectory, tuple[EngineCompletion, ...]], policy: VllmPolicy
) -> None:
    _, completions = played
    known = 0
    for number, completion in enumerate(completions, start=1):
        prompt, computed = len(completion.prompt_ids), len(completion.prompt_ids) - completion.cached_tokens
        print(f"turn {number}: {prompt} tokens, {prompt - known} new, {computed} computed")
        assert computed <= prompt - known + policy.engine.block_tokens
        known = prompt + len(completion.token_ids) - 1  # the last token sampled was never fed back


def test_greedy_replies_are_those_of_transformers(
    played: tuple[Trajectory, tuple[EngineCompletion, ...]],
    policy: VllmPolicy,
    tiny_model: Path,
    toolbox: Toolbox,
) -> None:
    greedy = TransformersPolicy(str(tiny_model), PolicyOptions(max_reply_tokens=40))
    trajectory = played[0]
    for number in range(1, len(trajectory.steps)):
        before = Trajectory(trajectory.question, trajectory.facts, steps=trajectory.steps[:number])
        with Recording(policy, temperature=0.0) as recording:
            policy(before, toolbox)
        reply = greedy(before, toolbox).reply
        assert reply is not None
        assert reply.token_ids == recording.completions[0].token_ids
        assert reply.logprobs == pytest.approx(recording.completions[0].logprobs, abs=2e-3)


def test_a_probability_is_that_of_the_distribution_drawn_from(policy: VllmPolicy) -> None:
    prompt = policy.model.scribe.ids("Frame at 1 s")
    narrow = policy.engine.complete(prompt, [], {"temperature": 1.0, "top_p": 0.01, "seed": 0, "max_tokens": 8})
    assert max(narrow.logprobs) > -4.0  # of at most 1 in 100 of the mass, over some 550 tokens
    wide = policy.engine.complete(prompt, [], {"temperature": 1.0, "seed": 0, "max_tokens": 8})
    assert sum(wide.logprobs) < sum(narrow.logprobs)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_eight_questions_at_once_get_what_they_get_alone_and_sooner(
    policy: VllmPolicy, toolbox: Toolbox, temperature: float
) -> None:
    asked = [started(toolbox, colour) for colour in COLOURS]
    with Recording(policy, temperature=temperature):
        policy(asked[0], toolbox)  # the first request of a kind pays for what all share
        begun = time.perf_counter()
        alone = [policy(trajectory, toolbox) for trajectory in asked]
        alone_seconds = time.perf_counter() - begun
        begun = time.perf_counter()
        with ThreadPoolExecutor(len(asked)) as threads:
            together = list(threads.map(lambda trajectory: policy(trajectory, toolbox), asked))
        together_seconds = time.perf_counter() - begun
    print(f"one by one {alone_seconds:.2f} s, at once {together_seconds:.2f} s")
    assert [reply.token_ids for reply in replies(together)] == [reply.token_ids for reply in replies(alone)]
    assert together_seconds < alone_seconds


def test_a_seed_gives_the_same_draw_and_another_seed_another(policy: VllmPolicy) -> None:
    prompt = policy.model.scribe.ids("Frame at 1 s")

    def drawn(seed: int) -> EngineCompletion:
        return policy.engine.complete(prompt, [], {"temperature": 1.0, "seed": seed, "max_tokens": 20})

    assert drawn(1).token_ids == drawn(1).token_ids != drawn(2).token_ids


def test_a_reply_ends_where_it_begins_to_invent_what_a_tool_brought(policy: VllmPolicy, toolbox: Toolbox) -> None:
    from vllm.sampling_params import StructuredOutputsParams

    prompt = policy.model.scribe.ids("Frame at 1 s")
    dictated = StructuredOutputsParams(choice=["I look.<tool_response>A sign!</tool_response>"])
    sampling = policy.sampling(started(toolbox, "red")) | {"structured_outputs": dictated}
    assert policy.engine.complete(prompt, [], sampling).text == "I look."


def test_a_conversation_longer_than_the_context_says_how_long(policy: VllmPolicy) -> None:
    prompt = policy.model.scribe.ids("Frame") * (policy.engine.max_tokens + 1)
    with pytest.raises(PolicyError, match=f"maximum context length is {policy.engine.max_tokens}"):
        policy.engine.complete(prompt, [], {"max_tokens": 1})


def test_a_folder_without_a_model_is_said_before_an_engine_starts(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"can't be loaded"):
        VllmPolicy(str(tmp_path), OPTIONS)


def test_an_adapter_that_is_not_there_is_said_before_an_engine_starts(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"adapter_config\.json"):
        VllmPolicy(str(tiny_model), PolicyOptions(adapter=str(tmp_path)))


def test_a_program_ends_by_itself_with_an_engine_that_nobody_closed(tiny_model: Path) -> None:
    opened = f"policy = open_policy('vllm:{tiny_model}')"
    program = f"from agent import open_policy\nif __name__ == '__main__':\n    {opened}\n    print('open')\n"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=400, check=False)
    assert (ended.returncode, ended.stdout) == (0, "open\n")
    assert "Traceback" not in ended.stderr
