"""What is counted of the pictures of a training, on one whose every look is known."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rl.cost import CountingSampler, PictureCounts, render_tables
from rl.monitor.log import LOG, PARTS, read_log
from rl.train import main as train
from tests.rl.dictated import DictatedSampler
from tests.rl.marks import trl_warns
from tests.rl.small_training import SCRIPTS, built, training

pytest.importorskip("trl", reason="needs the rl extra")
pytestmark = trl_warns
GENERATIONS = 3
"""The first three scripts: 8 pictures at the opening, then 2, then 2 and 3 of an overview, then none."""
UNIQUE = 8 + 2 + 3 - 1
"""One of the overview's frames is among those of the opening: both show frames that are stored."""
SHOWN = (8 + 10) + (8 + 10 + 13) + 8
"""Turn by turn."""
LEARNED = 10 + 13 + 8
"""Each row by itself."""


class CountedDictation(CountingSampler, DictatedSampler):
    """Plays the scripts, and counts."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cost")
        patch.setenv("VIDEOSLEUTH_CACHE", str(folder / "cache"))
        yield built("qwen3_vl", folder / "model", folder / "cache")


def counted(model: Path, out: Path, *, is_encoded_once: bool) -> tuple[PictureCounts, str]:
    """Two steps of a question each, both about one video, of which the same pictures are shown."""
    one_video = {"data": "drawn,level=1,count=1"}
    wanted = training(model, out, steps=2, generations=GENERATIONS, rows_at_once=GENERATIONS, **one_video)
    sampler = CountedDictation(model, wanted.play.options(wanted.seed), SCRIPTS[:GENERATIONS])
    pictures = sampler.count(GENERATIONS, is_encoded_once=is_encoded_once)
    train(wanted, lambda _: None, sampler)
    return pictures, render_tables(pictures, read_log(wanted.out / LOG))


def test_pictures_of_a_group_are_encoded_once_while_it_plays(model: Path, tmp_path: Path) -> None:
    pictures, said = counted(model, tmp_path / "once", is_encoded_once=True)
    assert len(pictures.unique) == 2 * UNIQUE
    assert pictures.served == 2 * SHOWN
    assert pictures.prepared == UNIQUE
    assert pictures.encoded == 2 * UNIQUE, "after a step the weights are others"
    assert pictures.learned_from == 2 * LEARNED
    assert f"\n| encoded while playing | {2 * UNIQUE} | 1.00 |" in said
    assert all(f"\n| {part} | " in said for part in PARTS)


def test_without_that_a_picture_is_encoded_each_time_it_is_shown(model: Path, tmp_path: Path) -> None:
    pictures, _ = counted(model, tmp_path / "again", is_encoded_once=False)
    assert pictures.encoded == pictures.served == 2 * SHOWN
    assert pictures.prepared == UNIQUE


def test_a_model_that_only_reads_has_no_pictures_to_count(model: Path, tmp_path: Path) -> None:
    sampler = CountedDictation(model, training(model, tmp_path).play.options(0), SCRIPTS)
    sampler._memory = None
    with pytest.raises(ValueError, match="no tower of the Qwen-VL shape"):
        sampler.count(GENERATIONS)
