"""What needs no policy: chance in closed form, one frame of the index."""

from typing import Any

import pytest

from agent.loop.graph import RunContext, run_graph
from agent.trajectory import Limits, Question, Trajectory, VideoFacts
from evals.controls.baselines import TopFrame, chance
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
    return run_graph(start, RunContext(TopFrame(), Searching(scores), verify=False))


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
