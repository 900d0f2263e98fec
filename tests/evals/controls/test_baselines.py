"""The controls: chance in closed form, a clip with nothing in it, one frame of the index."""

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from agent.graph import Players, run
from agent.trajectory import Limits, Question, Trajectory, VideoFacts
from evals.controls.baselines import TopFrame, chance
from evals.controls.blind import BLIND_SECONDS
from evals.controls.grey_clip import write_grey_clip
from evals.example import Example
from tools.observation import Finding, FrameRef, Observation


def test_chance_is_the_mean_of_one_over_the_options_and_nothing_for_open_questions() -> None:
    four = Example(Question("v", "q", ("a", "b", "c", "d")), "a")
    two = Example(Question("v", "q", ("a", "b")), "a")
    unknown = Example(Question("v", "q", ("a", "b")), None)
    assert chance([four, two]) == 0.375
    assert chance([four, two, Example(Question("v", "q"), "a"), unknown]) == 0.1875
    with pytest.raises(ValueError, match="at least one"):
        chance([])


def test_the_grey_clip_shows_one_grey_from_start_to_end(tmp_path: Path) -> None:
    path = tmp_path / "grey.mp4"
    write_grey_clip(path)
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert container.streams.audio == ()
    assert len(frames) == 5 * BLIND_SECONDS
    assert np.ptp(np.stack(frames)) <= 2


class Searching:
    """A toolbox that knows one score for each query."""

    def __init__(self, scores: dict[str, float]) -> None:
        self._scores = scores

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        assert name == "search_frames"
        score = self._scores[arguments["query"]]
        if score < 0:
            return Observation("nothing indexed", is_error=True)
        found = Finding("moment", 10 * score, 10 * score + 1, arguments["query"], score)
        return Observation("", (FrameRef(10 * score, 36, 64),), (found,))


def played(question: Question, scores: dict[str, float]) -> Trajectory:
    start = Trajectory(question, VideoFacts("h", 20.0, 64, 36), limits=Limits())
    return run(start, Players(TopFrame(), Searching(scores), verify=False))


def test_the_top_frame_takes_the_option_that_fits_some_frame_best() -> None:
    answer = played(Question("v", "q", ("a", "b", "c")), {"a": 0.2, "b": 0.9, "c": -1}).answer
    assert answer is not None
    assert (answer.option, answer.text) == (1, "b")
    assert (answer.evidence[0].start_seconds, answer.evidence[0].call_ids) == (9.0, ("t1c2",))


def test_the_top_frame_has_evidence_and_no_words_for_an_open_question() -> None:
    answer = played(Question("v", "what?"), {"what?": 0.5}).answer
    assert answer is not None
    assert (answer.option, answer.text, answer.evidence[0].start_seconds) == (None, "", 5.0)


def test_the_top_frame_answers_even_where_nothing_is_found() -> None:
    answer = played(Question("v", "what?"), {"what?": -1}).answer
    assert answer is not None
    assert answer.evidence == ()
