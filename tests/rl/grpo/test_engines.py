"""Adapters for other trainers: what they are given is what the graph played, by the types of their releases."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from agent.policies.local.image_processing import QwenImageProcessor
from agent.policies.local.loading import Loaded, load_preprocessor
from agent.policy import PolicyError
from rl.grpo.config import read_training
from rl.grpo.engines import verl_loop
from rl.grpo.engines.rollouts import EngineRollouts
from rl.grpo.engines.rows import NAME, make_rows
from rl.grpo.engines.skyrl_generator import SkyRLEngine, SleuthGenerator, fill_in, place_pictures
from rl.grpo.engines.verl_loop import SleuthAgentLoop
from tests.rl.grpo import engine_types
from tests.rl.grpo.engine_types import ENGINE_INPUT, GENERATOR_OUTPUT, AgentLoopMetrics, AgentLoopOutput, read_fields
from tests.rl.small_training import LOOK, built, say

FILE = """
model = "{model}"
out = "runs/none"
preset = "videokr"
data = "composed,first=1,last=1,view=pictures,families=read"
steps = 2
generations = 2
[play]
encoder = "hashing"
max_reply_tokens = 64
max_frame_pixels = 5184
max_turns = 3
"""
SAMPLING = {"temperature": 0.7, "top_p": 0.9, "top_k": -1, "repetition_penalty": 1.0, "logprobs": True}


class Speaker:
    """Says a script, turn by turn, in every conversation."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self.asked: list[dict[str, Any]] = []
        self.turns: Counter[str] = Counter()
        self.ended: list[str] = []

    def say(self, conversation: str) -> list[int]:
        script = LOOK, say("A")
        turn = self.turns[conversation]
        self.turns[conversation] += 1
        return [*self.loaded.scribe.ids(script[min(turn, 1)]), self.loaded.scribe.end]


class VerlClient(Speaker):
    """`LLMServerClient` of verl."""

    async def generate(self, request_id: str, **asked: Any) -> Any:
        self.asked.append(asked)
        ids = self.say(request_id)
        return SimpleNamespace(token_ids=ids, log_probs=[-0.5] * len(ids), stop_reason="completed")


class SkyRLClient(Speaker):
    """`InferenceEngineInterface` of SkyRL."""

    model_name = "m"

    async def render_chat_completion(self, payload: dict[str, Any]) -> dict[str, Any]:
        [message] = payload["json"]["messages"]
        spans = [self.count(part["image_url"]["url"]) for part in message["content"]]
        ids, places = [7], []
        for span in spans:
            places.append({"offset": len(ids), "length": span})
            ids += [self.loaded.image_token_id or 0] * span
        return {"token_ids": ids, "features": {"mm_placeholders": {"image": places}, "kwargs_data": {}}}

    def count(self, url: str) -> int:
        import base64
        import io

        from PIL import Image

        size = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).size
        assert self.loaded.eyes is not None
        return len(self.loaded.eyes.measure(*size).ids)

    async def generate(self, asked: dict[str, Any], model: str | None = None) -> dict[str, Any]:
        assert asked.keys() <= set(ENGINE_INPUT)
        self.asked.append(asked)
        ids = self.say(asked["session_ids"][0])
        return {"response_ids": [ids], "response_logprobs": [[-0.5] * len(ids)], "stop_reasons": ["stop"]}

    async def finish_session(self, session_id: str) -> None:
        self.ended.append(session_id)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("engines")
        patch.setenv("VIDEOSLEUTH_CACHE", str(folder / "cache"))
        model = built("qwen3_vl", folder / "model", folder / "cache")
        (folder / "train.toml").write_text(FILE.format(model=model), encoding="utf-8")
        yield folder / "train.toml"


@pytest.fixture
def loaded(file: Path) -> Loaded:
    training = read_training(file)
    return load_preprocessor(training.model, training.play.max_frame_pixels)


@pytest.fixture
def question(file: Path) -> str:
    return str(make_rows(read_training(file))[0]["question"])


def make_loop(file: Path, client: VerlClient, response_length: int = 9999) -> SleuthAgentLoop:
    rollout = SimpleNamespace(prompt_length=9999, response_length=response_length)
    config = SimpleNamespace(actor_rollout_ref=SimpleNamespace(rollout=rollout))
    return SleuthAgentLoop(
        training=str(file), trainer_config=SimpleNamespace(config=config), server_manager=client, tokenizer=None
    )


@pytest.fixture
def verl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verl_loop, "import_module", lambda name: engine_types)
    monkeypatch.setattr(verl_loop, "_opened", {})


def check_tokens(loaded: Loaded, prompt: Sequence[int], response: Sequence[int], mask: Sequence[int]) -> None:
    """The policy's own tokens are those that were said, and an observation with a picture lies between."""
    said = [token for token, is_own in zip(response, mask, strict=True) if is_own]
    assert loaded.scribe.words(said).startswith(LOOK)
    assert (mask[0], mask[-1], 0 in mask) == (1, 1, True)
    assert loaded.image_token_id not in said
    assert loaded.image_token_id in response


def test_verl_is_given_what_was_played(file: Path, loaded: Loaded, question: str, verl: None) -> None:
    client = VerlClient(loaded)

    async def both() -> list[AgentLoopOutput]:
        loops = [make_loop(file, client) for _ in range(2)]
        return list(await asyncio.gather(*(one.run(SAMPLING, question=question, raw_prompt=[]) for one in loops)))

    for output in asyncio.run(both()):
        check_tokens(loaded, output.prompt_ids, output.response_ids, output.response_mask)
        mask, logprobs = output.response_mask, output.response_logprobs or []
        assert logprobs == [-0.5 * one for one in mask]
        ids = output.prompt_ids + output.response_ids
        assert isinstance(loaded.eyes, QwenImageProcessor)
        spans = [len(loaded.eyes.measure(*picture.size).ids) for picture in (output.multi_modal_data or {})["images"]]
        assert sum(spans) == ids.count(loaded.image_token_id or 0) > 0
        assert output.mm_processor_kwargs == {"size": loaded.eyes.size}
        assert output.num_turns == 4
        assert output.reward_score is not None
        assert output.extra_fields["reward_extra_info"]["trained_on"] == 1.0
    told = client.asked[0]["sampling_params"]
    assert {name: told[name] for name in ("temperature", "top_p", "max_tokens")} == {
        "temperature": 0.7,
        "top_p": 0.9,
        "max_tokens": 64,
    }
    assert len({one["sampling_params"]["seed"] for one in client.asked}) == len(client.asked)  # no two runs alike


def test_a_run_that_is_longer_than_verl_allows_is_rewarded_and_not_trained_on(
    file: Path, loaded: Loaded, question: str, verl: None
) -> None:
    output = asyncio.run(make_loop(file, VerlClient(loaded), response_length=20).run(SAMPLING, question=question))
    assert (output.response_mask, output.multi_modal_data["images"]) == ([0], None)
    assert output.reward_score is not None


def test_a_run_that_can_t_be_measured_is_played_again_and_never_worth_nothing(
    file: Path, loaded: Loaded, question: str, verl: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = VerlClient(loaded)
    scored = EngineRollouts.score

    def score(self: EngineRollouts, rollout: Any) -> Any:
        found = scored(self, rollout)
        return found if len(client.turns) == 3 else SimpleNamespace(components=dict.fromkeys(found.components))

    monkeypatch.setattr(EngineRollouts, "score", score)
    output = asyncio.run(make_loop(file, client).run(SAMPLING, question=question))
    assert (len(client.turns), output.reward_score is None) == (3, False)


def test_a_run_that_is_never_measured_ends_the_training(
    file: Path, loaded: Loaded, question: str, verl: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = SimpleNamespace(components={"answer": None, "format": None})
    monkeypatch.setattr(EngineRollouts, "score", lambda self, rollout: nothing)
    with pytest.raises(PolicyError, match="could not be measured 3 times"):
        asyncio.run(make_loop(file, VerlClient(loaded)).run(SAMPLING, question=question))


def test_skyrl_is_given_what_was_played(file: Path, loaded: Loaded, question: str) -> None:
    client = SkyRLClient(loaded)
    batch = {
        "prompts": [[], []],
        "env_classes": [NAME, NAME],
        "env_extras": [{"question": question}, {"question": question}],
        "sampling_params": {"temperature": 0.7, "max_tokens": 5},
        "trajectory_ids": ["a", "b"],
    }
    output = asyncio.run(SleuthGenerator(file, client).generate(batch))
    assert list(output) == GENERATOR_OUTPUT
    for row in range(2):
        mask = output["loss_masks"][row]
        check_tokens(loaded, output["prompt_token_ids"][row], output["response_ids"][row], mask)
        assert output["rollout_logprobs"][row] == [-0.5 * one for one in mask]
        grid = output["image_grid_thw"][row]
        ids = output["prompt_token_ids"][row] + output["response_ids"][row]
        assert int(grid.prod(1).sum()) // 4 == ids.count(loaded.image_token_id)
        assert len(output["pixel_values"][row]) == int(grid.prod(1).sum())
    assert all(isinstance(reward, float) for reward in output["rewards"])
    assert client.asked[0]["sampling_params"]["max_tokens"] == 64  # a turn's, by the training file
    assert client.asked[0]["sampling_params"]["temperature"] == 0.7
    assert sorted(client.ended) == sorted(client.turns)


def test_a_run_that_does_not_count_moves_no_other_runs_advantage() -> None:
    keys = [("a", 0), ("b", 1), ("a", 2), ("a", 3), ("b", 4)]
    assert fill_in(keys, [1.0, None, 0.0, None, None]) == [1.0, 0.0, 0.0, 0.5, 0.0]


def test_pictures_get_their_places_in_the_prompt() -> None:
    rendered = {
        "token_ids": [1, 9, 9, 2, 9, 9, 9],
        "features": {
            "mm_hashes": "h",
            "mm_placeholders": {"image": [{"offset": 1, "length": 2}, {"offset": 4, "length": 3}]},
        },
    }
    ids, features = place_pictures([5, 9, 6, 9], rendered)
    assert ids == (5, 9, 9, 6, 9, 9, 9)
    assert features["mm_placeholders"]["image"] == [{"offset": 1, "length": 2}, {"offset": 4, "length": 3}]
    assert features["mm_hashes"] == "h"
    with pytest.raises(PolicyError, match="rendered 2 pictures, of which the prompt has 1"):
        place_pictures([5, 9, 6], rendered)


def test_rows_name_questions_and_hold_no_answer(file: Path) -> None:
    training = read_training(file)
    rows = make_rows(training)
    assert len(rows) == training.asked_questions
    assert {name for row in rows for name in row} == set(
        "question prompt data_source agent_name env_class extra_info".split()
    )
    assert [row["extra_info"] for row in rows] == [{"index": 0}, {"index": 1}]
    json.dumps(rows)


def test_presets_that_compare_with_shuffled_frames_are_refused(file: Path, loaded: Loaded) -> None:
    training = read_training(file).model_copy(update={"preset": "video-r1"})
    with pytest.raises(ValueError, match="runs on shuffled frames, which our own trainer plays"):
        EngineRollouts(training, SkyRLEngine(None, asyncio.AbstractEventLoop()), print)


def test_verl_is_refused_presets_that_compare_the_runs_of_a_question(
    file: Path, loaded: Loaded, question: str, verl: None, tmp_path: Path
) -> None:
    other = tmp_path / "other.toml"
    other.write_text(file.read_text(encoding="utf-8").replace('"videokr"', '"pixel-reasoner"'), encoding="utf-8")
    with pytest.raises(ValueError, match="compares the runs of a question, and verl asks for them one by one"):
        asyncio.run(make_loop(other, VerlClient(loaded)).run(SAMPLING, question=question))


@pytest.mark.parametrize(
    ("package", "place", "name", "known"),
    [
        ("verl", "experimental/agent_loop/agent_loop.py", "AgentLoopOutput", list(AgentLoopOutput.model_fields)),
        ("verl", "experimental/agent_loop/agent_loop.py", "AgentLoopMetrics", list(AgentLoopMetrics.model_fields)),
        ("skyrl", "train/generators/base.py", "GeneratorOutput", GENERATOR_OUTPUT),
        ("skyrl", "backends/skyrl_train/inference_servers/base.py", "InferenceEngineInput", ENGINE_INPUT),
    ],
)
def test_the_types_are_those_of_the_package(package: str, place: str, name: str, known: list[str]) -> None:
    assert read_fields(package, place, name) == known


def test_verl_itself_takes_a_run(file: Path, loaded: Loaded, question: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own worker pads the run and makes the pixels of its pictures, as many as the tokens that stand for them."""
    pytest.importorskip("verl.experimental.agent_loop.agent_loop", reason="needs verl")
    import hydra
    from omegaconf import OmegaConf
    from transformers import AutoImageProcessor, AutoTokenizer, Qwen3VLProcessor, Qwen3VLVideoProcessor
    from verl.experimental.agent_loop.agent_loop import AgentLoopWorker, DictConfigWrap, ToolListWrap

    monkeypatch.setattr(verl_loop, "_opened", {})
    training = read_training(file)
    pictures, words = (one.from_pretrained(training.model) for one in (AutoImageProcessor, AutoTokenizer))
    processor = Qwen3VLProcessor(pictures, words, Qwen3VLVideoProcessor())
    worker: Any = AgentLoopWorker.__new__(AgentLoopWorker)
    rollout = OmegaConf.create({"prompt_length": 9000, "response_length": 2000})
    worker.rollout_config, worker.tokenizer, worker.processor = rollout, processor.tokenizer, processor
    worker.mm_processor_kwargs, worker.reward_loop_worker_handles = {}, None
    worker.distillation_enabled = False
    told = {"name": NAME, "_target_": "rl.grpo.engines.verl_loop.SleuthAgentLoop", "training": str(file)}
    config = OmegaConf.create({"actor_rollout_ref": {"rollout": rollout}, "data": {}})

    async def play() -> Any:
        loop = hydra.utils.instantiate(
            config=OmegaConf.create(told),
            trainer_config=DictConfigWrap(config=config),
            server_manager=VerlClient(loaded),
            tokenizer=processor.tokenizer,
            processor=processor,
            hf_model_type="qwen3_vl",
            dataset_cls=None,
            data_config=DictConfigWrap(config.data),
            tools=ToolListWrap([]),
        )
        output = await loop.run(SAMPLING, question=question)
        return output, await worker._agent_loop_postprocess(output, False, raw_prompt=[])

    output, padded = asyncio.run(play())
    assert (padded.prompt_ids.shape, padded.response_ids.shape) == ((1, 9000), (1, 2000))
    assert padded.response_mask.sum().item() == sum(output.response_mask)
    grid: torch.Tensor = padded.multi_modal_inputs["image_grid_thw"]
    assert int(grid.prod(1).sum()) // 4 == (padded.input_ids == loaded.image_token_id).sum().item()
    assert [list(loaded.eyes.measure(*one.size).grid) for one in output.multi_modal_data["images"]] == grid.tolist()
