"""An episode is decided by its seed alone, and training and held-out episodes share nothing."""

import hashlib
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from agent.trajectory import Answer, Evidence
from evals.composed.drawn import DRAWN
from evals.composed.episode import Episode, compose
from evals.composed.held_out import names_of, split_of
from evals.composed.material import Material
from evals.composed.planning import FEWEST_NEEDLES, LEVELS
from evals.composed.recipe import FPS, Split, VideoRecipe
from evals.scoring.scoring import evidence_hit, score_answer
from tools.toolbox import make_toolbox

SPLITS: tuple[Split, ...] = ("train", "heldout")


def digest(episode: Episode) -> str:
    """Of the pixels of all needles, a frame each, and of the questions."""
    sums = hashlib.blake2b()
    for placement in episode.plan.recipe.placements:
        sums.update(episode.painter.picture(placement.start_seconds).tobytes())
    sums.update(repr(episode.questions).encode())
    return sums.hexdigest()


def test_the_same_seed_gives_the_same_pixels_and_questions_in_another_process() -> None:
    code = (
        "from tests.evals.composed.test_episode import digest\n"
        "from evals.composed.drawn import DRAWN\n"
        "from evals.composed.episode import compose\n"
        "print(digest(compose(DRAWN, 11, 4, level=2)))"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == digest(compose(DRAWN, 11, 4, level=2))


def test_a_seed_stands_for_the_same_video_for_good() -> None:
    """Written down once. Whatever changes these makes every number that was reported about a seed another one's."""
    episode = compose(DRAWN, 0, 0, level=2)
    assert episode.plan.recipe.content_hash("drawn-1") == "ea143c8c9c0cd79dbcdeed7aa11b5bb2"
    asked = repr([(one.text, one.options, one.answer) for one in episode.questions])
    assert hashlib.blake2b(asked.encode(), digest_size=8).hexdigest() == "467fe57932422acd"
    means = episode.painter.picture(12.4)[:336].reshape(3, 112, 4, 160, 3).mean(axis=(1, 3, 4))
    expected = [[113.8, 107.2, 103.9, 119.8], [112.7, 125.6, 121.2, 117.8], [122.0, 122.4, 134.1, 128.4]]
    assert np.allclose(means, expected, atol=0.5)


def test_another_seed_number_split_or_level_gives_another_video() -> None:
    hashes = {
        compose(DRAWN, seed, number, split=split, level=level).painter.video().content_hash
        for seed in (0, 1)
        for number in (0, 1)
        for split in SPLITS
        for level in (1, 2)
    }
    assert len(hashes) == 16


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_has_its_length_and_its_needles(level: int) -> None:
    recipe = compose(DRAWN, 0, 0, level=level).plan.recipe
    assert (recipe.seconds, len(recipe.needles)) == (LEVELS[level].seconds, LEVELS[level].needles)
    assert (LEVELS[1].seconds, LEVELS[1].needles) == (30, 1)
    assert (LEVELS[len(LEVELS)].seconds, LEVELS[len(LEVELS)].needles) == (600, 6)


def names_in(episode: Episode) -> set[str]:
    """Every needle that is shown, asked about or offered."""
    plan = episode.plan
    return {plan.ghost.needle.name, *plan.absent_names, *(needle.name for needle in plan.recipe.needles)}


@pytest.mark.parametrize("level", [1, 3, 5])
def test_training_and_held_out_episodes_share_no_needle_and_no_clip(level: int) -> None:
    needles: dict[Split, set[str]] = {"train": set(), "heldout": set()}
    clips: dict[Split, set[str]] = {"train": set(), "heldout": set()}
    for split in SPLITS:
        for number in range(60):
            episode = compose(DRAWN, 0, number, level=level, split=split)
            needles[split] |= names_in(episode)
            clips[split] |= {segment.clip for segment in episode.plan.recipe.segments}
    assert needles["train"] & needles["heldout"] == set()
    assert clips["train"] & clips["heldout"] == set()
    # and all of both sides is used
    assert needles["train"] | needles["heldout"] == set(DRAWN.cutouts.names)
    assert len(clips["train"] | clips["heldout"]) > 0.9 * len(DRAWN.clips.names)


def test_a_name_keeps_its_side_for_good() -> None:
    assert [split_of(name) for name in ("star", "umbrella", "house", "bell")] == [
        "train",
        "heldout",
        "train",
        "heldout",
    ]


def test_too_few_names_on_a_side_are_an_error_that_says_so() -> None:
    with pytest.raises(ValueError, match=r"need at least 12 needles on the side 'heldout', got 1: add more needles"):
        names_of("heldout", ["star", "umbrella"], FEWEST_NEEDLES, "needles")


def check_table(recipe: VideoRecipe) -> None:
    edges = [edge for segment in recipe.segments for edge in (segment.start_seconds, segment.stop_seconds)]
    assert edges[0] == 0
    assert edges[-1] == recipe.seconds
    assert edges[1:-1:2] == edges[2::2], "a gap"
    for segment in recipe.segments:
        assert segment.stop_seconds - segment.start_seconds <= 15
    for before, after in pairwise(recipe.placements):
        assert after.start_seconds - before.stop_seconds >= 2 - 1e-9
    for placement in recipe.placements:
        assert 0 <= placement.start_seconds < placement.stop_seconds <= recipe.seconds
        assert placement.start_seconds * FPS == pytest.approx(round(placement.start_seconds * FPS))
        for left, top, right, bottom in (placement.box, placement.tag_box):
            assert 0 <= left < right <= 1
            assert 0 <= top < bottom <= 1


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("height", [360, 720])
def test_the_tables_have_no_gaps_and_needles_are_apart(level: int, height: int) -> None:
    for number in range(30):
        check_table(compose(DRAWN, 2, number, level=level, height=height).plan.recipe)


def test_the_tools_work_on_an_episode_that_is_nowhere_a_file() -> None:
    episode = compose(DRAWN, 0, 0)
    placement = episode.plan.recipe.placements[0]
    with make_toolbox(episode.painter.video(), encoder="hashing") as toolbox:
        observation = toolbox.call("zoom", {"seconds": placement.start_seconds, "box": placement.box})
        assert toolbox.picture(observation.frames[0])
    assert observation.frames[0].seconds == placement.start_seconds


def test_its_questions_are_scored_like_any_others() -> None:
    examples = [x for number in range(10) for x in compose(DRAWN, 0, number).examples()]
    for example in examples:
        span = example.evidence_seconds
        evidence = () if span is None else (Evidence(*span),)
        right = Answer(example.answer or "", example.option, None, evidence, not_shown=example.answer is None)
        assert score_answer(example, right).value == 1.0
        assert evidence_hit(example, right) is (None if span is None else True)
    assert len({example.question.id for example in examples}) == len(examples)


def test_a_height_that_is_no_whole_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 18"):
        compose(DRAWN, 0, 0, height=361)
    with pytest.raises(ValueError, match=r"need a level in 1\.\.5, got 6"):
        compose(DRAWN, 0, 0, level=6)


def test_a_frame_is_the_callers_own() -> None:
    painter = compose(DRAWN, 0, 0).painter
    for seconds in (0.0, painter.recipe.placements[0].start_seconds):
        first = painter.picture(seconds)
        kept = first.copy()
        first[:] = 0
        assert np.array_equal(painter.picture(seconds), kept)


class FewNeedles:
    """Six needles on both sides together."""

    names = ("star", "heart", "umbrella", "bell", "fish", "house")
    colours: tuple[str, ...] = ("red",)

    def aspect(self, name: str) -> float:
        return 1.0

    def picture(self, name: str, colour: str | None, width: int, height: int) -> np.ndarray:
        return np.zeros((height, width, 4), np.uint8)


def test_too_little_material_is_said_before_anything_is_composed() -> None:
    with pytest.raises(ValueError, match="need at least 12 needles"):
        compose(Material("few", DRAWN.clips, FewNeedles()), 0, 0)
