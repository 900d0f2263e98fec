"""What is looked up again and again is computed once, and what a model is given stays bounded."""

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.drawn import write_drawn
from tools import observation_text
from tools.encoders import conse
from tools.encoders.hashing import HashingEncoder
from tools.encoders.registry import open_encoder
from tools.packaged_weights import is_installed
from tools.resources import ToolResources
from tools.speech.search import search_lines
from tools.speech.subtitles import SpeechLine
from tools.toolbox import open_toolbox
from tools.video.video import Video
from tools.vision.captioner import PackagedCaptioner


class Counting(HashingEncoder):
    """Tells how many texts it was asked to encode, and how many at once."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.batches.append(len(texts))
        return super().encode_texts(texts)


def test_the_lines_of_a_long_transcript_are_encoded_once_for_all_queries(tmp_path: Path) -> None:
    lines = [SpeechLine(i, i + 1.0, f"line {i % 3000} of many", None, "subtitle file") for i in range(5000)]
    encoder = Counting()
    with Video(write_drawn(tmp_path / "a.mp4")) as video:
        parts = ToolResources(video, encoder, cache=tmp_path / "cache")
        parts.index.wait()
        first = search_lines(lines, "line 7 of many", parts.encode_texts)
        assert (sum(encoder.batches), max(encoder.batches)) == (
            3001 - ("line 7 of many" in {x.text for x in lines}),
            1024,
        )
        encoder.batches.clear()
        assert search_lines(lines, "something else", parts.encode_texts)
        assert encoder.batches == [1]
        parts.close()
    assert first[0].line.text == "line 7 of many"


def test_what_a_model_is_given_of_speech_is_bounded_and_the_rest_is_told() -> None:
    lines = [SpeechLine(i, i + 1.0, "w" * 1000, None, "subtitle file") for i in range(1000)]
    observation = observation_text.make_speech_observation(lines, "Nothing.", len(lines))
    assert len(observation.text) < 120_000
    assert len(observation.findings) == 100
    assert "(900 more lines; ask for a shorter window)" in observation.text
    assert "first 100" in observation.gaps[0]


def test_what_was_not_heard_is_told_in_words_and_as_a_gap() -> None:
    observation = observation_text.make_speech_observation(
        [], "Nothing is said.", 0, ("sound track 2 (de) was not heard",)
    )
    assert observation.gaps == ("sound track 2 (de) was not heard",)
    assert observation.text == "Nothing is said.\n(Not known: sound track 2 (de) was not heard.)"


def test_tools_that_cannot_be_had_leave_no_work_behind(tmp_path: Path) -> None:
    video = write_drawn(tmp_path / "a.mp4")
    with pytest.raises(ValueError, match="has no sound track, got audio 3"):
        open_toolbox(video, encoder="hashing", cache=tmp_path / "cache", audio=3)
    assert "index" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.weights
@pytest.mark.skipif(not conse.is_installed(), reason="needs videosleuth[encoder]")
@pytest.mark.skipif(not is_installed("rapidocr"), reason="needs videosleuth[ocr]")
def test_one_video_after_another_loads_no_weights_anew(tmp_path: Path) -> None:
    readers, labellers = set(), set()
    for name in ("a", "b"):
        with Video(write_drawn(tmp_path / f"{name}.mp4")) as video:
            parts = ToolResources(video, HashingEncoder(), cache=tmp_path / "cache")
            captioner = parts.get_captioner()
            assert isinstance(captioner, PackagedCaptioner)
            readers.add(parts.get_reader())
            labellers.add(captioner.labeller)
            parts.close()
    assert len(readers) == 1
    assert labellers == {open_encoder("packaged")}
