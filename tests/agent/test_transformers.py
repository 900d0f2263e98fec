"""transformers:MODEL plays with tiny random models of three families: every token and picture goes through them.

A random model never calls a tool, so its replies are forced token by token inside its own generation.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import LogitsProcessor

from agent.loop.graph import RunContext, run_graph
from agent.loop.strategies import choose_tools
from agent.policies.local import cpu_attention
from agent.policies.local.batching import Batcher
from agent.policies.local.loading import choose_dtype
from agent.policies.registry import open_policy
from agent.policies.transformers import Prompt, TransformersPolicy
from agent.policy import PolicyError, PolicyOptions
from agent.rendering.messages import render
from agent.trajectory import (
    Answer,
    Calls,
    Limits,
    Malformed,
    Question,
    Reply,
    Stop,
    Strategy,
    Trajectory,
    from_json,
    to_json,
)
from tests.agent.painted import FACTS, PaintedVideo, look, looked
from tests.tiny_llama import tiny_llama
from tests.tiny_models import FAMILIES, SMOLVLM_TOKENS_A_TILE, Family, build

START = Trajectory(Question("v.mp4", "What is on the sign?"), FACTS, limits=Limits(max_turns=6))
ANSWER = '<think>\nseen\n</think>\n<answer>{"answer": "a fox", "confidence": 0.7, "evidence": []}</answer>'
SHORT = PolicyOptions(max_reply_tokens=12)


@pytest.fixture(scope="session", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> Family:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def folder(family: Family, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(family, tmp_path_factory.mktemp(family))


@pytest.fixture(scope="session")
def policy(folder: Path) -> TransformersPolicy:
    return TransformersPolicy(str(folder), SHORT)


@pytest.fixture(scope="session")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("qwen2_5_vl", tmp_path_factory.mktemp("qwen"))


class Forced(LogitsProcessor):
    """Leaves each row one token to choose: the next of its script."""

    def __init__(self, scripts: Sequence[Sequence[int]], width: int) -> None:
        self._scripts, self._width = scripts, width

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        forced = torch.full_like(scores, -torch.inf)
        for row, script in enumerate(self._scripts):
            place = input_ids.shape[1] - self._width
            forced[row, script[min(place, len(script) - 1)]] = scores[row].max()
        return forced


class ForcedPolicy(TransformersPolicy):
    """Says given words, turn by turn, through the model's own generation."""

    def __init__(self, folder: Path, turns: Sequence[str], options: PolicyOptions | None = None) -> None:
        super().__init__(str(folder), options)
        self._turns = turns

    def processors(self, prompts: Sequence[Prompt], width: int) -> list[LogitsProcessor]:
        scribe = self.loaded.scribe
        said = [sum(after and not before for before, after in _pairs(prompt)) for prompt in prompts]
        scripts = [(*scribe.ids(self._turns[number]), scribe.end) for number in said]
        return [Forced(scripts, width)]


def _pairs(prompt: Prompt) -> list[tuple[bool, bool]]:
    """Neighbours; where it turns true, a reply begins."""
    return list(zip((False, *prompt.tokens.sampled), prompt.tokens.sampled, strict=False))


def test_a_question_with_two_zooms_is_played_to_its_answer(folder: Path) -> None:
    policy = ForcedPolicy(folder, [look(1, 1.5), look(2, 3, 4), ANSWER])
    ended = run_graph(START, RunContext(policy, PaintedVideo(), verify=False))
    assert (ended.stop, ended.error) == (Stop.ANSWERED, "")
    assert isinstance(ended.steps[1].turn.move, Calls)
    assert ended.answer == Answer("a fox", confidence=0.7)
    assert [frame.seconds for frame in ended.frames_seen] == [1.5, 3.0, 4.0]
    assert from_json(to_json(ended)) == ended


def test_every_prompt_begins_with_all_tokens_before_it_and_all_are_counted(folder: Path) -> None:
    video = PaintedVideo()
    policy = ForcedPolicy(folder, [look(1, 1.5), look(2, 3, 4), ANSWER])
    ended = run_graph(START, RunContext(policy, video, verify=False))
    for number in range(1, 3):
        before, now = (
            prompt_of(policy, replace(START, steps=ended.steps[:count]), video) for count in (number - 1, number)
        )
        reply, usage = ended.steps[number - 1].turn.reply, ended.steps[number - 1].turn.usage
        assert reply is not None
        assert reply.token_ids is not None
        assert now.tokens.ids[: len(before.tokens.ids) + len(reply.token_ids)] == before.tokens.ids + reply.token_ids
        assert (usage.prompt_tokens, usage.completion_tokens) == (len(before.tokens.ids), len(reply.token_ids))
        assert usage.cost_usd == 0.0


def test_a_changed_corner_of_a_picture_changes_what_the_model_expects_next(policy: TransformersPolicy) -> None:
    plain = last_logits(policy, PaintedVideo())
    assert torch.equal(plain, last_logits(policy, PaintedVideo(marked=9.0)))  # a frame that is not shown
    changed = last_logits(policy, PaintedVideo(marked=3.0))
    assert (plain - changed).abs().max() > 1e-4


def test_the_order_of_pictures_reaches_the_model(policy: TransformersPolicy) -> None:
    forth = prompt_of(policy, shown(1.5, 3.0), PaintedVideo())
    swapped = replace(forth, seen=forth.seen[::-1])
    logits = [policy.loaded.model(**policy.inputs([prompt])).logits[0, -1] for prompt in (forth, swapped)]
    assert (logits[0] - logits[1]).abs().max() > 1e-4


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_batch_brings_to_each_what_it_gets_alone(folder: Path, temperature: float) -> None:
    policy = TransformersPolicy(str(folder), replace(SHORT, temperature=temperature, top_p=0.9))
    video = PaintedVideo()
    prompts = [
        prompt_of(policy, trajectory, video, seed)
        for seed, trajectory in enumerate((shown(), shown(1.5), shown(1.5, 3.0, 4.0)))
    ]
    together = policy.generate(prompts)
    for alone, reply in zip([policy.generate([prompt])[0] for prompt in prompts], together, strict=True):
        assert reply.token_ids == alone.token_ids
        assert reply.logprobs == pytest.approx(alone.logprobs, abs=1e-4)


class EndsAfter(LogitsProcessor):
    """Ends each row after so many tokens, and notes how many rows there are."""

    def __init__(self, counts: Sequence[int], width: int, end: int, rows: list[int]) -> None:
        self._counts, self._width, self._end, self._rows = counts, width, end, rows

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        self._rows.append(len(scores))
        for row, count in enumerate(self._counts):
            if input_ids.shape[1] - self._width >= count:
                scores[row] = -torch.inf
                scores[row, self._end] = 0.0
        return scores


class EndingPolicy(TransformersPolicy):
    """Writes as many tokens as the seed of a prompt says, modulo 100, and its end."""

    def __init__(self, folder: Path, options: PolicyOptions) -> None:
        super().__init__(str(folder), options)
        self.rows: list[int] = []
        """At each token."""

    def processors(self, prompts: Sequence[Prompt], width: int) -> list[LogitsProcessor]:
        counts = [prompt.draw.seed % 100 for prompt in prompts]
        return [EndsAfter(counts, width, self.loaded.scribe.end, self.rows)]


@pytest.mark.parametrize("attention", ["sdpa", cpu_attention.NAME])
def test_who_is_done_leaves_the_batch_and_the_others_do_not_notice(attention: str, tmp_path: Path) -> None:
    policy = EndingPolicy(tiny_llama(tmp_path), replace(SHORT, max_reply_tokens=40, temperature=1.0))
    policy.model.set_attn_implementation(attention)
    lengths = [3, 50, 5, 9, 1, 30, 4, 2, 8, 6, 7, 10, 3, 3, 3, 3, 20, 21, 22, 23]
    prompts = []
    for number, length in enumerate(lengths):
        asked = replace(START, question=Question("v.mp4", "What is it?" + " Look well." * (number % 3)))
        shown = render(asked, PaintedVideo().specs, "text", policy.options, sees_pictures=False)
        prompt = policy.prompt(shown, PaintedVideo(), 0)
        prompts.append(replace(prompt, draw=replace(prompt.draw, seed=100 * number + length)))
    together = policy.generate(prompts)
    # the tenth is done with 6 tokens and its end, five more with 20, and fewer than eight are worth no copy
    assert policy.rows == [20] * 7 + [10] * 14 + [5] * 19
    assert [len(reply.token_ids or ()) for reply in together] == [min(length + 1, 40) for length in lengths]
    for prompt, reply in zip(prompts, together, strict=True):
        [alone] = policy.generate([prompt])
        assert reply.token_ids == alone.token_ids
        assert reply.logprobs == pytest.approx(alone.logprobs, abs=1e-4)
        assert reply.is_cut == alone.is_cut == (len(reply.token_ids or ()) == 40)


def test_requests_of_several_threads_get_their_own_replies(policy: TransformersPolicy) -> None:
    video = PaintedVideo()
    asked = [shown(*(float(s) for s in range(count))) for count in range(4)]
    alone = [policy(trajectory, video).reply for trajectory in asked]
    with ThreadPoolExecutor(4) as pool:
        assert [turn.reply.text for turn in pool.map(lambda t: policy(t, video), asked) if turn.reply] == [
            reply.text for reply in alone if reply
        ]


def test_log_probabilities_are_those_of_the_model_for_the_sampled_tokens(policy: TransformersPolicy) -> None:
    prompt = prompt_of(policy, shown(1.5), PaintedVideo())
    [reply] = policy.generate([prompt])
    assert reply.token_ids is not None
    assert reply.logprobs is not None
    written = replace(prompt, tokens=replace(prompt.tokens, ids=prompt.tokens.ids + reply.token_ids))
    logits = policy.loaded.model(**policy.inputs([written])).logits[0, len(prompt.tokens.ids) - 1 : -1]
    logits[:, list(policy.loaded.never)] = -torch.inf
    expected = logits.log_softmax(-1)[range(len(reply.token_ids)), list(reply.token_ids)]
    assert reply.logprobs == pytest.approx(expected.tolist(), abs=1e-4)


def test_a_seed_says_what_is_drawn(qwen: Path) -> None:
    policy = TransformersPolicy(str(qwen), replace(SHORT, temperature=1.0))
    prompts = [prompt_of(policy, shown(), PaintedVideo(), seed) for seed in (1, 1, 2)]
    first, again, other = (reply.token_ids for reply in policy.generate(prompts))
    assert first == again != other


def test_two_turns_of_a_run_draw_from_different_noise(qwen: Path) -> None:
    policy = TransformersPolicy(str(qwen), replace(SHORT, temperature=1.0))
    seeds = {prompt_of(policy, trajectory, PaintedVideo(), 7).draw.seed for trajectory in (shown(), shown(1.5))}
    assert len(seeds) == 2


def test_a_reply_ends_where_it_begins_to_invent_what_a_tool_brings(qwen: Path) -> None:
    policy = ForcedPolicy(qwen, [look(1, 2.0) + "\n<tool_response>\na fox"])
    turn = policy(START, PaintedVideo())
    assert isinstance(turn.move, Calls)
    assert turn.reply is not None
    assert turn.reply.text == look(1, 2.0) + "\n"
    assert not turn.reply.is_cut
    assert policy.loaded.scribe.words(turn.reply.token_ids) == look(1, 2.0) + "\n<tool_response>"


def test_in_a_batch_a_row_that_stopped_early_keeps_no_padding(qwen: Path) -> None:
    policy = ForcedPolicy(qwen, [look(1, 2.0) + "<tool_response>", "<answer>"])
    video = PaintedVideo()
    prompts = [prompt_of(policy, START, video), prompt_of(policy, looked(video, (Reply("x"), ())), video)]
    stopped, ended = policy.generate(prompts)
    assert policy.loaded.scribe.words(stopped.token_ids) == look(1, 2.0) + "<tool_response>"
    assert policy.loaded.scribe.words(ended.token_ids) == "<answer><|im_end|>"
    assert (stopped.text, ended.text) == (look(1, 2.0), "<answer>")


def test_a_reply_cut_at_its_limit_says_so(qwen: Path) -> None:
    policy = ForcedPolicy(qwen, [ANSWER], replace(SHORT, max_reply_tokens=5))
    turn = policy(START, PaintedVideo())
    assert isinstance(turn.move, Malformed)
    assert "cut off at its token limit" in turn.move.why
    assert turn.usage.completion_tokens == 5


def test_a_placeholder_is_never_sampled(qwen: Path) -> None:
    policy = TransformersPolicy(str(qwen), replace(SHORT, temperature=2.0, max_reply_tokens=64))
    ids = {token for seed in range(8) for token in drawn(policy, seed)}
    assert len(ids) > 200  # nearly uniform over some 600 tokens
    assert not ids & set(policy.loaded.never)


def test_a_conversation_that_does_not_fit_says_by_how_much(qwen: Path) -> None:
    policy = TransformersPolicy(str(qwen), PolicyOptions(max_reply_tokens=32_700))
    with pytest.raises(PolicyError, match=r"has \d+ tokens, 99 of them in 1 pictures, .* takes 32768 in all: lower"):
        policy(shown(1.5), PaintedVideo())


BLOCKS = {  # of 28 and of 32 pixels, each side rounded; tiles of 512, the longest side rounded, one more for the whole
    (640, 360): (23 * 13, 20 * 11, 1),
    (1280, 720): (46 * 26, 40 * 22, 2 * 2 + 1),
    (448, 252): (16 * 9, 14 * 8, 1),
    (96, 54): (3 * 2, 3 * 2, 1),
    (1280, 2): (46 * 1, 40 * 1, 2 * 1 + 1),
}


@pytest.mark.parametrize("size", BLOCKS)
def test_a_picture_is_sent_at_its_size_rounded_to_blocks(
    policy: TransformersPolicy, family: Family, size: tuple[int, int]
) -> None:
    [seen] = prompt_of(policy, shown(1.5, size=size), PaintedVideo()).seen
    each = SMOLVLM_TOKENS_A_TILE if family == "smolvlm" else 1
    assert seen.span.count(policy.loaded.image_token_id or -1) == BLOCKS[size][FAMILIES.index(family)] * each


def test_a_picture_above_the_limit_is_sent_smaller_and_its_text_says_so(qwen: Path) -> None:
    policy = TransformersPolicy(str(qwen), replace(SHORT, max_frame_pixels=640 * 360))
    prompt = prompt_of(policy, shown(1.5, size=(1280, 720)), PaintedVideo())
    assert "(640x360)" in policy.loaded.scribe.words(prompt.tokens.ids)
    assert prompt.seen[0].grid == (1, 26, 46)  # 364x644


def test_a_folder_that_is_not_there_is_named() -> None:
    with pytest.raises(PolicyError, match="no folder /no/such/model: give the folder"):
        open_policy("transformers:/no/such/model")


def test_a_folder_without_a_model_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="can't be loaded"):
        open_policy(f"transformers:{tmp_path}")


def test_a_template_in_the_file_of_older_repositories_is_found(qwen: Path, tmp_path: Path) -> None:
    older = shutil.copytree(qwen, tmp_path / "older")
    template = (older / "chat_template.jinja").read_text()
    (older / "chat_template.jinja").unlink()
    with pytest.raises(PolicyError, match="has no chat template: take a model that was made to follow instructions"):
        TransformersPolicy(str(older))
    (older / "chat_template.json").write_text(json.dumps({"chat_template": template}))
    ids = [prompt_of(TransformersPolicy(str(one)), shown(1.5), PaintedVideo()).tokens.ids for one in (qwen, older)]
    assert ids[0] == ids[1]


def test_no_model_named_is_the_users_mistake() -> None:
    with pytest.raises(ValueError, match="transformers needs a model"):
        open_policy("transformers")


def test_a_model_of_the_hub_without_network_says_what_to_do() -> None:
    code = "from agent.policies.registry import open_policy; open_policy('transformers:Nobody/no-such-model')"
    offline = os.environ | {"HF_HUB_OFFLINE": "1"}
    ran = subprocess.run([sys.executable, "-c", code], env=offline, capture_output=True, text=True)
    last = ran.stderr.strip().splitlines()[-1]
    assert last.startswith("agent.policy.PolicyError: Nobody/no-such-model is neither a folder here nor could it be")
    assert "give the folder of a model that is here" in last


def test_a_lora_adapter_changes_what_the_model_expects(qwen: Path, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft", reason="needs the rl extra")
    policy = TransformersPolicy(str(qwen), SHORT)
    settings = peft.LoraConfig(target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    peft.get_peft_model(policy.loaded.model, settings).save_pretrained(tmp_path)
    plain = TransformersPolicy(str(qwen), SHORT)
    adapted = TransformersPolicy(str(qwen), replace(SHORT, adapter=str(tmp_path)))
    logits = [last_logits(one, PaintedVideo()) for one in (plain, adapted)]
    assert (logits[0] - logits[1]).abs().max() > 1e-4
    assert isinstance(adapted(START, PaintedVideo()).reply.token_ids, tuple)  # type: ignore[union-attr]


def test_a_folder_without_an_adapter_is_refused(qwen: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft", reason="needs the rl extra")
    with pytest.raises(PolicyError, match="no LoRA adapter in"):
        TransformersPolicy(str(qwen), replace(SHORT, adapter=str(tmp_path)))


def test_weights_saved_in_float32_stay_so_on_a_cpu() -> None:
    assert choose_dtype(torch.device("cpu"), torch.float32) is torch.float32


def test_a_batch_holds_what_came_while_the_last_one_ran() -> None:
    sizes = []
    gate = threading.Event()

    def ran(requests: Sequence[int]) -> list[int]:
        sizes.append(len(requests))
        gate.wait(5)
        return [request * request for request in requests]

    batcher = Batcher(ran, size=3, gather_seconds=0.0)
    with ThreadPoolExecutor(7) as pool:
        first = pool.submit(batcher, 1)
        while not sizes:
            pass
        others = [pool.submit(batcher, n) for n in range(2, 8)]
        while len(batcher) < 6:
            pass
        gate.set()
        assert [first.result(), *(other.result() for other in others)] == [n * n for n in range(1, 8)]
    assert sizes == [1, 3, 3]


def test_what_fails_for_a_batch_is_raised_to_everyone_in_it_and_to_nobody_after() -> None:
    def ran(requests: Sequence[int]) -> list[int]:
        if 0 in requests:
            raise PolicyError("no memory")
        return list(requests)

    batcher = Batcher(ran, size=2)
    with pytest.raises(PolicyError, match="no memory"):
        batcher(0)
    assert batcher(5) == 5


def shown(*seconds: float, size: tuple[int, int] = (320, 240)) -> Trajectory:
    """A trajectory that looked at some seconds, one a turn."""
    video = PaintedVideo(*size)
    return looked(video, *((Reply(look(number, s)), (s,)) for number, s in enumerate(seconds, 1)))


def prompt_of(policy: TransformersPolicy, trajectory: Trajectory, video: PaintedVideo, seed: int = 0) -> Prompt:
    return policy.prompt(render(trajectory, video.specs, "text", policy.options), video, seed)


def last_logits(policy: TransformersPolicy, video: PaintedVideo) -> torch.Tensor:
    """(vocabulary,) at the last position of a conversation that shows 1.5 and 3 s."""
    prompt = prompt_of(policy, shown(1.5, 3.0), video)
    with torch.inference_mode():
        logits: torch.Tensor = policy.loaded.model(**policy.inputs([prompt])).logits
    return logits[0, -1]


def drawn(policy: TransformersPolicy, seed: int) -> tuple[int, ...]:
    [reply] = policy.generate([prompt_of(policy, START, PaintedVideo(), seed)])
    return reply.token_ids or ()


def test_a_tiny_model_writes_a_program_where_it_is_not_sure(qwen: Path) -> None:
    unsure = '<answer>{"answer": "a fox", "confidence": 0.1}</answer>'
    program = '<tool_call>{"name": "run_program", "arguments": {"program": "print(len(zoom(1.5)))"}}</tool_call>'
    policy = ForcedPolicy(qwen, [unsure, program, ANSWER])
    tools = choose_tools("program", PaintedVideo())
    ended = run_graph(replace(START, strategy="program"), RunContext(policy, tools, verify=False))
    assert (ended.turns, ended.answer) == (3, Answer("a fox", confidence=0.7))
    assert ended.results[0].observation.text == "«1»"
    assert [frame.seconds for frame in ended.frames_seen] == [1.5]


@pytest.mark.parametrize("strategy", ["reflect", "program"])
def test_a_tiny_random_model_ends_whatever_its_strategy(qwen: Path, strategy: Strategy) -> None:
    tools = choose_tools(strategy, PaintedVideo())
    ended = run_graph(replace(START, strategy=strategy), RunContext(TransformersPolicy(str(qwen), SHORT), tools))
    assert (ended.stop, ended.turns) == (Stop.MALFORMED, 3)
