"""Scenes are what their lines say, of one side only, and never the same twice."""

import io

import numpy as np
from PIL import Image

from evals.composed.drawn_needles import COLOURS
from evals.composed.held_out import split_of
from rl.small_vlm.scenes import SceneCaption, Scenes, ShapeScene, parse_caption

PIXELS = 224 * 126


def pixels_of(scene: ShapeScene) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(scene.jpeg)).convert("RGB"))


def strong(pixels: np.ndarray, colour: str) -> np.ndarray:
    """Where the picture is near a needle's colour."""
    return np.abs(pixels.astype(int) - COLOURS[colour]).max(-1) < 40


def test_a_number_gives_the_same_scene_again_and_another_number_another() -> None:
    first, again = (Scenes(3)(5) for _ in range(2))
    assert first == again
    assert len({Scenes(3)(number).jpeg for number in range(12)}) == 12


def test_the_colour_that_is_told_is_in_the_quarter_that_is_told() -> None:
    wholes = [scene for number in range(40) if (scene := Scenes()(number)).kind == "whole"]
    assert len(wholes) > 10
    for scene in wholes:
        assert scene.told.colour is not None
        assert scene.told.quarter is not None
        rows, columns = np.nonzero(strong(pixels_of(scene), scene.told.colour))
        assert len(rows) > 50
        height, width = pixels_of(scene).shape[:2]
        found = f"{'top' if rows.mean() < height / 2 else 'bottom'} {'left' if columns.mean() < width / 2 else 'right'}"
        # the middle of a shape's box is not that of its ink: near a border between quarters they may differ
        if abs(rows.mean() / height - 0.5) > 0.08 and abs(columns.mean() / width - 0.5) > 0.08:
            assert found == scene.told.quarter


def test_nothing_is_where_nothing_is_told() -> None:
    empty = [scene for number in range(60) if (scene := Scenes()(number)).kind == "empty"]
    assert empty
    for scene in empty:
        assert scene.told == SceneCaption()
        assert not any(strong(pixels_of(scene), colour).sum() > 20 for colour in COLOURS)


def test_a_tag_is_as_fine_as_in_the_video_and_a_whole_frame_is_not() -> None:
    """Source pixels for each that is shown: print of 13 pixels stays so, or becomes one of 4."""
    scenes = [Scenes()(number) for number in range(60)]
    for scene in scenes:
        left, _, right, _ = scene.ref.box
        finer = 640 * (right - left) / scene.ref.width
        if scene.kind in ("tag", "crop"):
            assert finer < (1.05 if scene.kind == "tag" else 1.4)
            assert scene.told.tag
        else:
            assert finer > 2.8
            assert scene.told.tag is None


def test_only_names_of_the_side_are_told() -> None:
    for split in ("train", "heldout"):
        names = {scene.told.thing for number in range(60) if (scene := Scenes(1, split)(number)).told.thing}  # type: ignore[arg-type]
        assert {split_of(name) for name in names} == {split}


def test_a_line_is_read_back_as_what_was_told() -> None:
    for number in range(60):
        told = Scenes()(number).told
        assert parse_caption(told.line) == told
    assert {scene.kind for number in range(60) if (scene := Scenes()(number))} == {"whole", "tag", "crop", "empty"}
    assert parse_caption("red word GARDEN, tag 25.") == SceneCaption("red", "word GARDEN", tag="25")
    assert parse_caption("I see nothing at all, really").colour != "red"
    assert parse_caption("") == SceneCaption()
