"""The controls leave only what the answer rests on, and from it every tag can be read."""

import numpy as np
import pytest

from evals.composed.drawn import DRAWN
from evals.composed.drawn_needles import COLOURS
from evals.composed.episode import Episode, compose
from evals.composed.families import Composed
from evals.composed.oracle import Oracle
from evals.composed.recipe import FPS
from tests.evals.composed.observer import answer, sightings
from tools import packaged
from tools.sampling import crop

needs_ocr = pytest.mark.skipif(not packaged.is_installed("rapidocr"), reason="needs videosleuth[ocr]")


def asked_in(family: str, count: int) -> list[tuple[Episode, Composed]]:
    """Questions of a family that can be answered, of the first episodes that have one."""
    found: list[tuple[Episode, Composed]] = []
    for number in range(200):
        episode = compose(DRAWN, 4, number)
        found += [(episode, asked) for asked in episode.questions if asked.family == family and asked.evidence]
        if len(found) >= count:
            return found[:count]
    raise AssertionError(f"only {len(found)} questions of the family {family}")


def is_grey(pixels: np.ndarray) -> bool:
    return bool((pixels == 128).all())


@pytest.mark.parametrize("kind", ["frame", "crop"])
@pytest.mark.parametrize("family", ["read", "count", "which"])
def test_all_is_grey_but_the_evidence(kind: str, family: str) -> None:
    ((episode, asked),) = asked_in(family, 1)
    video = Oracle(episode.painter, asked, kind).video()  # type: ignore[arg-type]
    seen = {round(frame.seconds * FPS) for frame in video.read(list(video.timestamps)) if not is_grey(frame.pixels)}
    assert seen == {
        number
        for placement in asked.evidence
        for number in range(round(placement.start_seconds * FPS), round(placement.stop_seconds * FPS))
    }


def test_an_oracle_frame_is_the_frame() -> None:
    ((episode, asked),) = asked_in("colour", 1)
    seconds = asked.evidence[0].start_seconds
    assert np.array_equal(Oracle(episode.painter, asked, "frame").picture(seconds), episode.painter.picture(seconds))


def test_a_crop_stays_in_its_place_where_the_place_is_asked_for() -> None:
    ((episode, asked),) = asked_in("where", 1)
    (placement,) = asked.evidence
    whole = episode.painter.picture(placement.start_seconds)
    shown = Oracle(episode.painter, asked, "crop").picture(placement.start_seconds)
    assert np.array_equal(crop(shown, placement.whole_box), crop(whole, placement.whole_box))
    assert (shown == 128).mean() > 0.2


def test_a_crop_fills_the_frame_elsewhere() -> None:
    ((episode, asked),) = asked_in("colour", 1)
    (placement,) = asked.evidence
    shown = Oracle(episode.painter, asked, "crop").picture(placement.start_seconds)
    rows, columns = np.nonzero((shown != 128).any(axis=2))
    assert np.ptp(rows) == 359 or np.ptp(columns) == 639
    colour = COLOURS[placement.needle.colour or ""]
    assert (np.abs(shown.astype(int) - colour).max(axis=2) < 12).mean() > 0.1


def test_controls_and_their_video_are_not_taken_for_one_another() -> None:
    ((episode, asked),) = asked_in("read", 1)
    hashes = {Oracle(episode.painter, asked, kind).video().content_hash for kind in ("frame", "crop")}
    assert len(hashes | {episode.painter.video().content_hash}) == 3


@pytest.mark.parametrize("level", [1, 3])
def test_everything_but_a_tag_is_answered_from_the_crops_by_whoever_knows_shapes_and_colours(level: int) -> None:
    right = []
    for number in range(16 // level):
        episode = compose(DRAWN, 6, number, level=level, split="heldout" if number % 2 else "train")
        for asked in episode.questions:
            if asked.family != "read":
                seen = sightings(Oracle(episode.painter, asked, "crop").video())
                right.append(answer(asked, seen) == asked.answer)
    assert sum(right) >= 0.95 * len(right) >= 13


@needs_ocr
def test_nine_of_ten_tags_are_read_in_their_enlarged_crop() -> None:
    from tools.screen_text import TextReader

    reader = TextReader()
    read = []
    for episode, asked in asked_in("read", 10):
        (placement,) = asked.evidence
        if placement.needle.tag.isalnum():
            pixels = Oracle(episode.painter, asked, "crop").picture(placement.start_seconds)
            read.append(placement.needle.tag in {line.text for line in reader.read(pixels)})
    assert sum(read) >= 0.9 * len(read) >= 4.5
