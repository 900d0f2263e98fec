"""Questions and videos of benchmarks are found among those of a training, and others are not."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.trajectory import Question
from evals.benchmarks.catalogue import BENCHMARKS
from evals.datasets.composed import open_composed
from evals.datasets.published import PublishedSet
from rl.data.curation.overlap import (
    HashesOf,
    HashIndex,
    QuestionIndex,
    hash_picture,
    is_youtube_id,
    read_benchmarks,
    share_window,
    split_ngrams,
)
from rl.data.curation.steps import drop_overlap
from tests.evals.test_benchmarks import LOADABLE, folder_of


@pytest.mark.parametrize("name", LOADABLE)
def test_a_copy_of_any_benchmarks_question_is_found(name: str, tmp_path: Path) -> None:
    published = PublishedSet(name, BENCHMARKS[name], folder_of(name))
    found = read_benchmarks([published], HashesOf(tmp_path))
    assert found.unseen > 0
    for entry in published.asking.entries:
        copied = Question("mine.mp4", entry.question.text.upper() + " ", entry.question.options, "mine")
        assert (place := found.questions.find(copied)) is not None
        assert place.startswith(f"{name}, question ")
    assert found.questions.find(Question("mine.mp4", "Which sign hangs over the door of the bakery at noon?")) is None


def test_ways_of_asking_are_no_overlap_and_most_of_the_words_are() -> None:
    index = QuestionIndex()
    index.add("set", Question("v", "What does the man in the video do after he opens the old wooden box?", (), "1"))
    assert index.find(Question("w", "What does the man in the video do before the train leaves for the coast?")) is None
    assert (
        index.find(Question("w", "So, what does the man in the video do after he opens the old wooden box")) is not None
    )
    assert index.find(Question("w", "What does the man?")) is None
    assert split_ngrams(Question("w", "What is it?")) == {"what is it"}


def draw(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return cv2.resize(rng.integers(0, 256, (9, 16, 3), np.uint8), (320, 180), interpolation=cv2.INTER_CUBIC)


def hashes(pictures: list[np.ndarray]) -> np.ndarray:
    return np.array([hash_picture(picture) for picture in pictures], np.uint64)


def test_a_shorter_darker_and_recompressed_cut_is_found_and_other_videos_are_not() -> None:
    film = [draw(seed) for seed in range(60)]
    cut = []
    for picture in film[17:45]:
        _, jpeg = cv2.imencode(".jpg", (0.8 * picture).astype(np.uint8)[::2, ::2], [cv2.IMWRITE_JPEG_QUALITY, 30])
        cut.append(cv2.imdecode(jpeg, cv2.IMREAD_COLOR))
    index = HashIndex()
    index.add("film", hashes(film))
    assert index.find(hashes(cut)) == "film"
    assert index.find(hashes([draw(seed) for seed in range(1000, 1060)])) is None
    backwards = hashes(film[::-1])
    assert not share_window(hashes(film), backwards), "the same pictures in another order"


def test_flat_pictures_have_no_hash_and_two_frames_are_too_few() -> None:
    assert hash_picture(np.full((90, 160, 3), 128, np.uint8)) is None
    two = hashes([draw(1), draw(2)])
    assert not share_window(two, two)


def test_the_video_of_a_benchmark_is_found_by_its_pictures(tmp_path: Path) -> None:
    candidates = open_composed("drawn,level=1,count=2,seed=1")
    same = open_composed("drawn,level=1,count=1,seed=1")
    hashes_of = HashesOf(tmp_path)
    found = read_benchmarks([same], hashes_of)
    names = list(candidates.examples())
    dropped = drop_overlap(candidates, found, hashes_of, names)
    first = {entry.id for entry in same.asking.entries}
    assert dropped.keys() == first
    # without its questions only the pictures tell
    blind = read_benchmarks([], hashes_of)
    for entry in same.asking.entries:
        shown = hashes_of(entry)
        assert shown is not None
        blind.videos.add("set, video 1", shown)
    dropped = drop_overlap(candidates, blind, hashes_of, names)
    assert dropped == dict.fromkeys(first, "its video is that of set, video 1")


def test_what_is_called_by_its_id_is_told_from_numbers() -> None:
    assert is_youtube_id("dQw4w9WgXcQ")
    assert not is_youtube_id("00000000001")
    assert not is_youtube_id("holiday")
