import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from tools.encoders import conse
from tools.encoders.open_clip import OpenClipEncoder
from tools.encoders.open_clip_weights import find_checkpoint
from tools.encoders.registry import describe_encoders, open_encoder

TINY = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


@pytest.fixture(autouse=True)
def no_weights_around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty home: what the developer has in the caches must not decide a test."""
    import huggingface_hub.constants

    torch.set_num_threads(1)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("VIDEOSLEUTH_ENCODER", raising=False)


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    """An open_clip model name of 2 million random numbers, and its weights at tmp_path/tiny.pt."""
    import json

    import open_clip

    (tmp_path / "tiny-test-model.json").write_text(json.dumps(TINY))
    open_clip.add_model_config(tmp_path / "tiny-test-model.json")
    torch.manual_seed(0)
    torch.save(open_clip.create_model("tiny-test-model").state_dict(), tmp_path / "tiny.pt")
    return "tiny-test-model"


def test_an_unknown_spec_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"unknown encoder 'clip'; known: auto, packaged, open_clip:MODEL"):
        open_encoder("clip")


def test_auto_is_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEOSLEUTH_ENCODER", "hashing")
    assert open_encoder("auto").name == "hashing"
    monkeypatch.setenv("VIDEOSLEUTH_ENCODER", "auto")
    with pytest.raises(ValueError, match="cannot be auto itself"):
        open_encoder("auto")


def test_an_unknown_model_and_absent_weights_are_one_clear_sentence_each() -> None:
    with pytest.raises(ValueError, match="open_clip has no model 'ViT-Z'"):
        open_encoder("open_clip:ViT-Z")
    with pytest.raises(ValueError, match=r"no weights of ViT-B-32 .* fetch them once with"):
        open_encoder("open_clip:ViT-B-32")
    with pytest.raises(ValueError, match=r"ViT-B-16-SigLIP needs timm/ViT-B-16-SigLIP, which is not on this machine"):
        OpenClipEncoder("ViT-B-16-SigLIP", None)
    with pytest.raises(ValueError, match="neither a file nor one of open_clip's weights"):
        open_encoder("open_clip:ViT-B-32@/no/such/file")


def test_open_clip_runs_from_a_local_checkpoint(tiny: str, tmp_path: Path) -> None:
    encoder = open_encoder(f"open_clip:{tiny}@{tmp_path / 'tiny.pt'}")
    pictures = [np.random.default_rng(0).integers(0, 255, size, np.uint8) for size in [(90, 160, 3), (33, 7, 3)]]
    rows = encoder.encode_images(pictures)
    texts = encoder.encode_texts(["a cat", "a dog"])
    assert rows.shape == texts.shape == (2, encoder.dim)
    assert rows.dtype == texts.dtype == np.float32
    assert np.allclose(np.linalg.norm(np.concatenate([rows, texts]), axis=1), 1, atol=1e-5)
    assert encoder.encode_images([]).shape == (0, encoder.dim)
    again = open_encoder(f"open_clip:{tiny}@{tmp_path / 'tiny.pt'}")
    assert encoder.name == again.name
    assert np.allclose(again.encode_texts(["a cat", "a dog"]), texts, atol=0.02)


@pytest.mark.parametrize("name", ["other.pt", "other.safetensors", "other.bin"])
@pytest.mark.parametrize("content", [b"", b"not weights", pickle.dumps({"a": Path("x")}), b"PK\x03\x04" + b"\0" * 100])
def test_a_file_that_holds_no_weights_is_one_sentence(tiny: str, tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name} holds no weights of {tiny}") as caught:
        open_encoder(f"open_clip:{tiny}@{tmp_path / name}")
    assert "\n" not in str(caught.value)


def test_our_preprocessing_of_a_square_picture_is_open_clips_own(tiny: str, tmp_path: Path) -> None:
    import open_clip
    from PIL import Image

    encoder = OpenClipEncoder(tiny, find_checkpoint(tiny, str(tmp_path / "tiny.pt")))
    model, _, preprocess = open_clip.create_model_and_transforms(tiny, pretrained=str(tmp_path / "tiny.pt"))
    picture = np.random.default_rng(1).integers(0, 255, (120, 120, 3), np.uint8)
    with torch.inference_mode():
        theirs = model.eval().encode_image(preprocess(Image.fromarray(picture))[None], normalize=True)[0].numpy()
    assert float(encoder.encode_images([picture])[0] @ theirs) > 0.999


def test_other_weights_have_another_name(tiny: str, tmp_path: Path) -> None:
    import open_clip

    torch.manual_seed(1)
    torch.save(open_clip.create_model(tiny).state_dict(), tmp_path / "other.pt")
    names = {open_encoder(f"open_clip:{tiny}@{tmp_path / file}").name for file in ("tiny.pt", "other.pt")}
    assert len(names) == 2


def test_doctor_shows_what_auto_picks_and_how_to_get_the_better_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = describe_encoders()
    assert [row.spec for row in rows] == ["open_clip:MODEL", "packaged"]
    assert "VIDEOSLEUTH_ENCODER=open_clip:" in rows[0].note
    assert [row.is_auto for row in rows] == [False, conse.is_installed()]
    monkeypatch.setenv("VIDEOSLEUTH_ENCODER", "hashing")
    assert next((row.spec, row.is_auto) for row in describe_encoders()) == ("hashing", True)


def test_auto_takes_weights_that_open_clip_fetched_before(tmp_path: Path) -> None:
    (tmp_path / ".cache" / "clip").mkdir(parents=True)
    (tmp_path / ".cache" / "clip" / "ViT-B-32.pt").write_bytes(b"not opened by the doctor")
    row = describe_encoders()[0]
    assert row.is_auto
    assert row.spec == f"open_clip:ViT-B-32@{tmp_path / '.cache' / 'clip' / 'ViT-B-32.pt'}"
