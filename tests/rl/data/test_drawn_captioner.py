"""The captioner of drawn things is right about pixels, and says nothing that is not in them."""

from collections.abc import Iterator

import pytest

from evals.composed.drawn import DRAWN
from evals.composed.episode import Episode, compose
from evals.composed.recipe import Placement, Split
from rl.data.drawn_captioner import DrawnCaptioner, find_things
from tools.video.video import Frame


def shown(split: Split) -> Iterator[tuple[Episode, Placement]]:
    for number in range(8):
        for level in (1, 2):
            episode = compose(DRAWN, 21, number, level=level, split=split)
            yield from ((episode, placement) for placement in episode.plan.recipe.placements)


@pytest.mark.parametrize("split", ["train", "heldout"])
def test_it_names_thing_and_colour_of_nearly_every_needle(split: Split) -> None:
    right = [
        [sighting.name for sighting in find_things(episode.painter.picture(p.start_seconds))]
        == [f"{p.needle.colour} {p.needle.name}"]
        for episode, p in shown(split)
    ]
    assert len(right) > 30
    assert sum(right) >= 0.95 * len(right)


def test_bare_footage_shows_nothing() -> None:
    assert not any(find_things(episode.painter.footage(p.start_seconds)) for episode, p in shown("train"))


def test_a_thing_in_two_frames_in_a_row_is_said_once_with_both_times() -> None:
    episode, placement = next(shown("train"))
    times = [placement.start_seconds, placement.start_seconds + 1.5, placement.stop_seconds]
    frames = [Frame(episode.painter.picture(t), t) for t in times]
    (finding,) = DrawnCaptioner().describe(frames)
    assert (finding.start_seconds, finding.stop_seconds) == (times[0], pytest.approx(times[1] + 0.1))


def test_it_never_says_what_is_on_a_tag() -> None:
    for episode, placement in shown("train"):
        frames = [Frame(episode.painter.picture(placement.start_seconds), placement.start_seconds)]
        said = " ".join(finding.text for finding in DrawnCaptioner().describe(frames))
        assert placement.needle.tag not in said.replace(placement.needle.name, "")
