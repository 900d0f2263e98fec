"""A picture is a row of ids of its own, and a model that sees so is loaded, asked and trained like one of words."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from transformers import LlamaConfig, LlamaForCausalLM

from agent.policies.local import picture_words
from agent.policies.local.connectors import FEATURES, GRID, OBJECTS, TOKENS, ConnectorShape, make_connector
from agent.policies.local.loading import Loaded, load_model
from agent.policies.local.picture_words import FIRST_ID, load_language_model
from agent.policies.transformers import TransformersPolicy
from agent.policy import PolicyOptions
from rl.finetune.rows import TrainingConversation
from rl.objective.grouped_logprobs import score_batch
from rl.objective.logprobs import policy_loss
from tests.rl.look_models import RandomFeatures, tiny_look

RED, BLUE = Image.new("RGB", (64, 36), "red"), Image.new("RGB", (64, 36), "blue")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_look(tmp_path_factory.mktemp("look"))


@pytest.fixture
def loaded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Loaded:
    monkeypatch.setattr(picture_words, "LiteFeatures", RandomFeatures)
    return load_model(str(folder), 1)


def span(loaded: Loaded, picture: Image.Image) -> tuple[int, ...]:
    assert loaded.eyes is not None
    return loaded.eyes.look(picture).span


def test_a_picture_has_ids_of_its_own_and_the_same_one_always_has_the_same(loaded: Loaded) -> None:
    red, blue = span(loaded, RED), span(loaded, BLUE)
    assert len(red) == TOKENS
    assert min(red + blue) >= FIRST_ID
    assert max(red + blue) < 2**32
    assert red == span(loaded, RED.copy())
    assert not set(red) & set(blue)


def test_a_language_model_of_fewer_layers_keeps_its_first_and_its_last(tmp_path: Path) -> None:
    deep = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=32, hidden_size=8, intermediate_size=8, num_hidden_layers=5, num_attention_heads=2, head_dim=4
        )
    )  # type: ignore[no-untyped-call]
    deep.save_pretrained(tmp_path)
    kept = load_language_model(str(tmp_path), torch.float32, 3).model.layers
    wanted = [deep.model.layers[number].mlp.up_proj.weight for number in (0, 1, 4)]
    assert all(torch.equal(layer.mlp.up_proj.weight, one) for layer, one in zip(kept, wanted, strict=True))
    assert [layer.self_attn.layer_idx for layer in kept] == [0, 1, 2]
    assert len(load_language_model(str(tmp_path), torch.float32, 9).model.layers) == 5


def test_words_have_the_vectors_of_the_language_model_and_pictures_those_of_the_connector(loaded: Loaded) -> None:
    embedding = loaded.model.get_input_embeddings()
    red, blue = span(loaded, RED), span(loaded, BLUE)
    ids = torch.tensor([[5, *blue, 7, *red], [5, *red, 7, *blue]])
    vectors = embedding(ids)
    features = torch.stack([RandomFeatures()(RED), RandomFeatures()(BLUE)]).float()
    first, second = embedding.connector(features)
    assert torch.equal(vectors[0, 0], embedding.weight[5])
    assert torch.allclose(vectors[0, 1 : TOKENS + 1], second, atol=1e-6)
    assert torch.allclose(vectors[1, 1 : TOKENS + 1], first, atol=1e-6)
    assert torch.allclose(vectors[0, TOKENS + 2 :], first, atol=1e-6)


@pytest.mark.parametrize("kind", ["fusion", "linear"])
def test_a_connector_gives_numbers_of_the_size_that_is_asked_for(kind: Any) -> None:
    torch.manual_seed(0)
    made = make_connector(ConnectorShape(kind, width=16, layers=1), 24, 0.1)
    features = torch.randn(3, GRID**2 + OBJECTS, FEATURES)
    tokens = made(features)
    assert tokens.shape == (3, TOKENS, 24)
    assert tokens.square().mean().sqrt().item() == pytest.approx(0.1, rel=0.01)


def test_a_region_that_is_not_there_changes_nothing_in_the_fusion_core() -> None:
    torch.manual_seed(0)
    made = make_connector(ConnectorShape(width=16, layers=2), 24)
    features = torch.randn(1, GRID**2 + OBJECTS, FEATURES)
    features[:, GRID**2 + 2 :] = 0
    assert torch.allclose(made(features), made(features[:, : GRID**2 + 2]), atol=1e-5)
    assert not torch.allclose(made(features), made(features[:, : GRID**2]), atol=1e-3)


def test_rows_that_share_a_picture_have_the_loss_that_they_have_alone(loaded: Loaded) -> None:
    beginning = (*range(40), *span(loaded, RED))
    rows = [
        TrainingConversation((*beginning, *rest), (False,) * len(beginning) + (False, True, True))
        for rest in ((50, 51, 52), (60, 61, 62))
    ]
    together = policy_loss(loaded.model, rows)
    alone = [policy_loss(loaded.model, [row]).total for row in rows]
    assert together.total.item() == pytest.approx(sum(loss.item() for loss in alone), rel=1e-4)
    together.total.backward()
    assert loaded.model.get_input_embeddings().connector.queries.grad.abs().sum() > 0


def test_ids_of_pictures_among_a_completion_are_not_scored(loaded: Loaded) -> None:
    completion = [9, *span(loaded, RED), 8]  # as for a KL term and older probabilities, which ask for every token
    ids = torch.tensor([[5, 6, *completion]])
    logps, _ = score_batch(loaded.model, ids, torch.ones_like(ids), len(completion), 1.0)
    assert torch.equal(logps[0] != 0, torch.tensor([token < FIRST_ID for token in completion]))


def test_an_adapter_in_the_folder_is_used(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rl.finetune.trainer import with_lora
    from rl.objective.vision_logprobs import OF_EYES

    monkeypatch.setattr(picture_words, "LiteFeatures", RandomFeatures)
    before = load_model(str(folder), 1)
    tuned = with_lora(before.model, 2, exclude=OF_EYES)
    assert not any("connector" in name for name, weight in tuned.named_parameters() if weight.requires_grad)
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.5)
    both = tmp_path / "both"
    import shutil

    shutil.copytree(folder, both)
    tuned.save_pretrained(both / "adapter")
    ids = torch.tensor([[5, *span(before, RED), 7]])
    with torch.inference_mode():
        wanted = tuned(ids).logits
        found = load_model(str(both), 1)
        span(found, RED)
        assert torch.allclose(found.model(ids).logits, wanted, atol=1e-4)
        plain = load_model(str(folder), 1)
        span(plain, RED)
        assert not torch.allclose(plain.model(ids).logits, wanted, atol=1e-2)


def test_the_policy_is_asked_in_a_batch_as_alone_and_never_samples_a_placeholder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agent.policies.local.token_sampling import SamplingParams
    from agent.policies.transformers import Prompt
    from agent.rendering.messages import Conversation, ImageBlock, Message, Text
    from tools.observation import FrameRef

    monkeypatch.setattr(picture_words, "LiteFeatures", RandomFeatures)
    policy = TransformersPolicy(str(folder), PolicyOptions(max_reply_tokens=6))
    assert policy.setup.sees_pictures
    assert policy.loaded.image_token_id in policy.loaded.never
    shown = Conversation((Message("user", (Text("Look, " * 30), ImageBlock(FrameRef(0.0, 36, 64)), Text("?"))),), ())
    prompts = [
        Prompt(policy.loaded.scribe.write(shown).expanded([span(policy.loaded, picture)]), (), SamplingParams(0, 1, 0))
        for picture in (RED, BLUE, RED)
    ]
    together = [reply.token_ids for reply in policy.generate(prompts)]
    assert together == [policy.generate([prompt])[0].token_ids for prompt in prompts]
    assert together[0] == together[2]


def test_pictures_that_were_seen_too_long_ago_are_told_as_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_words, "KEPT", 2)
    album = picture_words.Album()
    for number in range(3):
        album.add(number, torch.zeros(1))
    assert len(album.stack([1, 2])) == 2
    with pytest.raises(KeyError, match="1 of 3 pictures are lost: more than 2"):
        album.stack([0, 1, 2])


def test_runs_that_are_shown_the_same_picture_at_once_have_it_looked_at_once() -> None:
    begun = threading.Semaphore(0)

    def look(picture: Image.Image) -> torch.Tensor:
        begun.release()
        time.sleep(0.05)
        return RandomFeatures()(picture)

    eyes = picture_words.PictureWords(look, picture_words.Album())
    with ThreadPoolExecutor(8) as pool:
        spans = list(pool.map(lambda _: eyes.look(RED).span, range(8)))
    assert len(set(spans)) == 1
    assert begun.acquire(blocking=False)
    assert not begun.acquire(blocking=False), "looked at twice"
