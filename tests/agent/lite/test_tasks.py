"""lite explains and predicts: only what is on record, causes only where they are given, confidences counted."""

from itertools import pairwise
from typing import Any

import pytest

from agent.loop.graph import RunContext, run_graph
from agent.policies.lite import LitePolicy
from agent.policies.lite_rules.explaining import MOST_STEPS, ONLY_ORDER
from agent.trajectory import Answer, Question, Trajectory, VideoFacts
from tools.observation import Finding, FrameRef, Observation
from tools.toolbox import TOOL_NAMES


class Findings:
    """Tools that bring the given findings, by tool, and one picture."""

    specs = ()

    def __init__(self, **by_tool: tuple[Finding, ...]) -> None:
        self.by_tool = by_tool

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        assert name in TOOL_NAMES
        return Observation("", (FrameRef(1.0, 252, 448),), self.by_tool.get(name, ()))

    def picture(self, ref: FrameRef) -> bytes | None:
        return None


def played(task: str, tools: Findings, seconds: float = 60.0, text: str = "What happens, and why?") -> Answer:
    facts = VideoFacts("0" * 32, seconds, 640, 360, has_speech_track=True)
    ended = run_graph(Trajectory(Question("v.mp4", text, task=task), facts), RunContext(LitePolicy(), tools))  # type: ignore[arg-type]
    assert not ended.error, ended.error
    assert ended.answer is not None
    return ended.answer


def said(start: float, text: str, doubt: str = "") -> Finding:
    return Finding("speech", start, start + 2.0, text, 0.9, doubt=doubt)


def shown(start: float, stop: float, text: str) -> Finding:
    return Finding("text", start, stop, text, 0.95, (0.1, 0.1, 0.5, 0.2))


def shots(*bounds: float) -> tuple[Finding, ...]:
    return tuple(Finding("shot", a, b, "", 0.9) for a, b in pairwise(bounds))


def test_the_chain_is_in_order_and_every_step_has_its_evidence() -> None:
    tools = Findings(list_shots=shots(0, 20, 60), read_speech=(said(30, "Hello."),), search_text=(shown(5, 8, "EXIT"),))
    chain = played("explain", tools).chain
    assert [link.event for link in chain] == [
        "The video begins",
        "“EXIT” appears on screen",
        "The picture cuts to shot 2",
        "Somebody says “Hello.”",
    ]
    assert all(len(link.evidence) == 1 and link.evidence[0].call_ids for link in chain)


def test_the_first_step_follows_from_nothing_and_the_others_say_that_only_their_order_is_known() -> None:
    answer = played("explain", Findings(list_shots=shots(0, 20, 40, 60)))
    assert [link.because for link in answer.chain] == ["", ONLY_ORDER, ONLY_ORDER]
    assert answer.confidence == 0.0
    assert "no cause is on record" in answer.text


def test_words_that_give_a_reason_are_a_reason() -> None:
    tools = Findings(
        list_shots=shots(0, 60), read_speech=(said(9, "We wait."), said(12, "We stop because it is late."))
    )
    answer = played("explain", tools)
    assert [link.because for link in answer.chain] == [
        "",
        ONLY_ORDER,
        "A reason is given in the words themselves: “because it is late.”.",
    ]
    # 1 of 2 steps after the first, of at most 0.5
    assert answer.confidence == 0.25


def test_text_that_comes_with_a_cut_belongs_to_it() -> None:
    tools = Findings(list_shots=shots(0, 20, 60), search_text=(shown(20.3, 25, "THE END"), shown(50, 55, "LATE")))
    because = {link.event: link.because for link in played("explain", tools).chain}
    assert because["“THE END” appears on screen"].startswith("It comes with the cut at 20.0 s")
    assert because["“LATE” appears on screen"] == ONLY_ORDER


def test_speech_that_may_be_invented_is_no_event() -> None:
    tools = Findings(list_shots=shots(0, 60), read_speech=(said(3, "Thanks for watching.", "probably nobody speaks"),))
    assert len(played("explain", tools).chain) == 1


def test_a_long_video_is_told_in_twelve_steps_and_says_so() -> None:
    answer = played("explain", Findings(read_speech=tuple(said(2.0 * n, f"Line {n}.") for n in range(30))))
    assert len(answer.chain) == MOST_STEPS
    assert answer.text.startswith("The 12 most telling of 30 things")


def test_what_is_asked_about_is_searched_for() -> None:
    moment = Finding("moment", 33.0, 34.0, "why the glass falls", 0.4)
    tools = Findings(list_shots=shots(0, 60), search_frames=(moment,))
    events = [link.event for link in played("explain", tools, text="why the glass falls").chain]
    assert any("“why the glass falls”" in event for event in events)


def test_quotes_in_the_words_of_the_video_do_not_end_the_quotation() -> None:
    tools = Findings(list_shots=shots(0, 60), read_speech=(said(3, "a” is the cause. Somebody says “b"),))
    event = played("explain", tools).chain[1].event
    assert event == "Somebody says “a' is the cause. Somebody says 'b”"


def test_of_nothing_on_record_nothing_is_claimed() -> None:
    assert played("explain", Findings()).cannot_tell
    assert played("predict", Findings()).cannot_tell


def test_confidences_are_counted_frequencies() -> None:
    # 60 s: 20 windows of 3 s. One cut, in one window: no cut in 19, (19 + 1) / (20 + 2) = 0.91
    answer = played("predict", Findings(list_shots=shots(0, 20, 60)))
    (prediction,) = answer.predictions
    assert prediction.event == "Next 3.0 s: the shot goes on without a cut"
    assert prediction.confidence == 0.91
    assert "19 of the 20 windows of 3.0 s" in prediction.justification
    assert "(19 + 1) / (20 + 2) = 0.91" in prediction.justification
    assert prediction.evidence[0].start_seconds == 20


def test_frequent_cuts_let_a_cut_be_expected() -> None:
    answer = played("predict", Findings(list_shots=shots(*range(0, 61, 2))))
    assert answer.predictions[0].event == "Next 3.0 s: the picture cuts to another shot"


def test_speech_at_the_end_goes_on_as_it_did_before() -> None:
    # windows of 3 s; spoken in all of the last ten: nine windows after one with speech, all with speech
    lines = tuple(Finding("speech", 30.0 + 3 * n, 33.0 + 3 * n, f"Line {n}.", 0.9) for n in range(10))
    (prediction,) = played("predict", Findings(read_speech=lines)).predictions
    assert prediction.event == "Next 3.0 s: somebody goes on speaking"
    assert prediction.confidence == round(10 / 11, 2)
    assert prediction.evidence[0].quote == "Line 9."


def test_a_sentence_broken_off_at_the_end_goes_on() -> None:
    lines = (Finding("speech", 50.0, 55.0, "It is not", 0.9), Finding("speech", 55.5, 59.9, "what you think it", 0.9))
    events = {p.event: p for p in played("predict", Findings(read_speech=lines)).predictions}
    going_on = events["Next 3.0 s: the sentence “what you think it” goes on"]
    # one earlier line was broken off, and it went on: (1 + 1) / (1 + 2)
    assert going_on.confidence == 0.67


def test_what_was_never_counted_is_not_predicted() -> None:
    # spoken in every window but the last: what follows a window without speech was never seen
    lines = (Finding("speech", 0.0, 57.0, "On and on.", 0.9),)
    answer = played("predict", Findings(list_shots=shots(0, 60), read_speech=lines))
    assert [p.event for p in answer.predictions] == ["Next 3.0 s: the shot goes on without a cut"]


def test_the_same_words_read_twice_are_one_event() -> None:
    tools = Findings(search_text=(shown(0, 2, "EXIT"), shown(9, 12, "EXIT")))
    assert len(played("explain", tools).chain) == 1


def test_at_most_three_come_the_likeliest_first() -> None:
    lines = tuple(Finding("speech", 3.0 * n, 3.0 * n + 3, "and", 0.9) for n in range(20))
    change = Finding("change", 4.0, 5.0, "left", 0.1, (0.1, 0.1, 0.3, 0.3))
    tools = Findings(
        list_shots=shots(0, 60), read_speech=lines, search_text=(shown(0, 60, "LIVE"),), find_changes=(change,)
    )
    confidences = [p.confidence for p in played("predict", tools).predictions]
    assert len(confidences) == 3
    assert confidences == sorted(confidences, reverse=True)
    assert all(0 < c < 1 for c in confidences)


@pytest.mark.parametrize("seconds", [0.04, 0.5, 6.0, 18.0, 3600.0])
def test_a_video_of_any_length_can_be_predicted(seconds: float) -> None:
    answer = played("predict", Findings(list_shots=shots(0, seconds)), seconds)
    assert 0.5 < answer.predictions[0].confidence < 1
