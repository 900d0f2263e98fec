"""The files: what was written is decoded again by PyAV alone and held against the tables."""

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from evals.composed.__main__ import WriteConfig, main
from evals.composed.drawn_needles import COLOURS
from evals.composed.recipe import FPS
from evals.example import load_examples
from tools.sampling import crop


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two videos of 30 s."""
    folder = tmp_path_factory.mktemp("composed") / "set"
    main(WriteConfig(folder, count=2, seed=3, questions=2), "python -m evals.composed ...")
    return folder


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def pictures(path: Path) -> dict[int, NDArray[np.uint8]]:
    """Pictures by their time in frames."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return {
            round(float(f.pts * stream.time_base) * FPS): f.to_ndarray(format="rgb24") for f in container.decode(stream)
        }


def share_of(colour: str, pixels: NDArray[np.uint8]) -> float:
    """Of the pixels that have about that colour after compression."""
    return float((np.abs(pixels.astype(int) - COLOURS[colour]).max(axis=2) < 50).mean())


def test_a_needle_has_its_colour_in_its_box_at_its_time_and_none_before_or_after(written: Path) -> None:
    checked = 0
    for video in sorted(written.glob("*.mp4")):
        frames = pictures(video)
        assert sorted(frames) == list(range(300))
        known = next(line for line in lines(written / "known.jsonl") if line["video"] == video.name)
        for placed in known["on_screen"]:
            first, stop = round(placed["start_seconds"] * FPS), round(placed["stop_seconds"] * FPS)
            for number in (first, (first + stop) // 2, stop - 1):
                assert share_of(placed["colour"], crop(frames[number], tuple(placed["box"]))) > 0.1
                tag = crop(frames[number], tuple(placed["tag_box"]))
                assert tag.max() > 220
                assert tag.min() < 90
            for number in (first - 1, stop):
                if number in frames:
                    assert share_of(placed["colour"], frames[number]) < 0.002
            checked += 1
    assert checked >= 2


def test_the_questions_file_is_one_that_every_evaluation_reads(written: Path) -> None:
    examples = load_examples(written / "questions.jsonl", written)
    known = lines(written / "known.jsonl")
    assert len(examples) == len(known) == len({(e.question.video, e.question.text) for e in examples})
    for example, facts in zip(examples, known, strict=True):
        assert Path(example.question.video).name == facts["video"]
        assert example.needs[0] == facts["family"]
        if example.evidence_seconds is not None:
            assert example.evidence_seconds[0] == facts["evidence"][0]["start_seconds"]


def test_the_manifest_says_how_it_was_made_and_with_what(written: Path) -> None:
    manifest = json.loads((written / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["command"] == "python -m evals.composed ..."
    assert manifest["material"] == "drawn-1"
    assert set(manifest["versions"]) == {"av", "numpy", "opencv-python", "pillow"}


def test_a_folder_in_use_is_not_written_into(written: Path) -> None:
    with pytest.raises(ValueError, match="is not empty: name a new folder"):
        main(WriteConfig(written, count=1))
