"""From what the oracle controls show every composed question can be answered, and every tag read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from evals.composed.episode import Episode
from evals.composed.families import Composed
from evals.controls.oracle import crops_shown, frames_shown
from evals.controls.stills import StillsVideo
from evals.controls.subject import ControlSubject
from evals.datasets.composed import PaintedSource, open_composed
from tests.evals.composed.observer import answer, sightings
from tools import packaged_weights
from tools.video.source import VideoSource

needs_ocr = pytest.mark.skipif(not packaged_weights.is_installed("rapidocr"), reason="needs videosleuth[ocr]")


@dataclass(frozen=True)
class Posed:
    """A question of a painted set, as its family and as the controls see it."""

    asked: Composed
    subject: ControlSubject
    episode: Episode

    @property
    def video(self) -> VideoSource:
        """The whole of it."""
        return self.episode.painter.video()


def posed(data: str) -> Iterator[Posed]:
    """All questions of a painted set."""
    for entry in open_composed(data).asking.entries:
        assert isinstance(entry.source, PaintedSource)
        episode = entry.source.episode
        number = int(entry.id.rpartition("#")[2])
        yield Posed(episode.questions[number - 1], entry.subject, episode)


def posed_in(family: str, count: int) -> list[Posed]:
    """The first questions of a family that can be answered."""
    found = [one for one in posed("drawn,seed=4,count=60") if one.asked.family == family and one.asked.evidence]
    assert len(found) >= count
    return found[:count]


@pytest.mark.parametrize("shown", [frames_shown, crops_shown])
@pytest.mark.parametrize("family", ["read", "count", "which"])
def test_all_is_grey_but_the_evidence_of_a_composed_question(
    shown: Callable[[ControlSubject, VideoSource], StillsVideo], family: str
) -> None:
    (one,) = posed_in(family, 1)
    seen = [(found.start_seconds, found.stop_seconds) for found in sightings(shown(one.subject, one.video))]
    assert seen == [(placement.start_seconds, placement.stop_seconds) for placement in one.asked.evidence]


@pytest.mark.parametrize("data", ["count=8,level=1", "count=8,level=1,split=heldout", "count=5,level=3"])
def test_everything_but_a_tag_is_answered_from_the_crops_by_whoever_knows_shapes_and_colours(data: str) -> None:
    asked = [one for one in posed(f"drawn,seed=6,{data}") if one.asked.family != "read"]
    said = [answer(one.asked, sightings(crops_shown(one.subject, one.video))) for one in asked]
    assert said == [one.asked.answer for one in asked]
    assert len(said) >= 13


@needs_ocr
def test_nine_of_ten_tags_are_read_in_their_enlarged_crop() -> None:
    from tools.ocr.reader import TextReader

    reader = TextReader()
    read = []
    for one in posed_in("read", 10):
        if (tag := one.asked.evidence[0].needle.tag).isalnum():
            (found,) = sightings(crops_shown(one.subject, one.video))
            read.append(tag in {line.text for line in reader.read(found.pixels)})
    assert sum(read) >= 0.9 * len(read) >= 4.5
