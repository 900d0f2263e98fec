"""What a person sees: one line for each turn, call and result, and progress that does not repeat itself."""

import io

import pytest
from rich.console import Console

from agent.policy import PolicyOptions
from agent.report.console import (
    Narrator,
    Remaining,
    Working,
    format_usage,
    print_answer,
    show_index_progress,
    show_working,
)
from agent.terminal import Screen
from agent.trajectory import (
    Answer,
    Calls,
    Evidence,
    Limits,
    Malformed,
    Question,
    Result,
    Step,
    Stop,
    ToolCall,
    Trajectory,
    Turn,
    VideoFacts,
)
from tools.index.video_index import IndexProgress
from tools.observation import Observation

FACTS = VideoFacts("0" * 32, 60.0, 640, 360)


def piped() -> Console:
    return Console(file=io.StringIO(), width=100)


def written(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_piped_progress_is_plain_lines_and_a_finished_stage_is_said_once() -> None:
    console = piped()
    with show_index_progress(console) as on_progress:
        for done in (0, 1, 2, 10, 10):
            on_progress(IndexProgress("frames", done, 10, 3.4 if done else None))
    # the first report, then nothing for five seconds but the end
    assert written(console) == ["frames 0/10", "frames 10/10, about 3 s left"]


def test_an_estimate_follows_the_speed_of_the_last_half_minute_and_the_bar_never_goes_back() -> None:
    remaining = Remaining()
    # ten frames a second for 20 s, then one a second: the load has changed
    for second in range(21):
        remaining.report(IndexProgress("frames", 10 * second, 400, None), float(second))
    assert remaining.left_seconds == pytest.approx(20.0)
    shares = [remaining.share]
    for second in range(21, 80):
        remaining.report(IndexProgress("frames", 180 + second, 400, None), float(second))
        shares.append(remaining.share)
    assert remaining.left_seconds == pytest.approx(400 - 180 - 79)
    assert shares == sorted(shares)


def test_one_bar_stands_for_frames_text_and_speech_until_the_last_is_done() -> None:
    remaining = Remaining()
    for second in (0.0, 1.0):
        remaining.report(IndexProgress("frames", round(99 + second), 100, None), second)
        remaining.report(IndexProgress("text", round(10 * second), 40, None), second)
    assert remaining.description == "text 10/40"
    assert remaining.left_seconds == pytest.approx(3.0)
    remaining.report(IndexProgress("speech", 0, 120, None), 1.5)
    assert remaining.description == "text 10/40, speech 0/120"
    assert remaining.left_seconds is None  # nobody knows yet how fast speech goes
    remaining.report(IndexProgress("text", 40, 40, None), 2.0)
    remaining.report(IndexProgress("speech", 120, 120, None), 3.0)
    assert remaining.description == ""


def test_on_a_terminal_it_is_seen_who_is_at_work_and_what_is_known_so_far() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    asked = Trajectory(Question("v", "q"), FACTS, policy="http:m@h")

    def shown(state: Working) -> str:
        with console.capture() as capture:
            console.print(state)
        return capture.get()

    with show_working(console) as state:
        state.on_event(asked)
        assert "http:m@h is thinking" in shown(state)
        state.on_event(Turn("", Calls((ToolCall("t1c1", "zoom", {}), ToolCall("t1c2", "caption", {})))))
        assert "caption, zoom" in shown(state)
        assert "thinking" not in shown(state)
        state.on_event(Turn("", Answer("a cat")))
        assert "zoom" not in shown(state)
        state.so_far("So far: a cat \x1b[2J(0.40)")
        assert "So far: a cat \\x1b[2J(0.40)" in shown(state)
        state.on_progress(IndexProgress("frames", 3, 10, None))
        assert "frames 3/10" in shown(state)


def test_each_turn_call_and_result_is_one_line_and_long_ones_are_cut() -> None:
    console = piped()
    narrator = Narrator(console)
    turn = Turn("I look\nagain.", Calls((ToolCall("t1c1", "zoom", {"seconds": 3.0}),)))
    narrator(turn)
    seen = Observation("x" * 500 + "[bold]", is_error=True)
    narrator(Trajectory(Question("v", "q"), FACTS, steps=(Step(turn, (Result("t1c1", seen),), "Answer now."),)))
    narrator(Turn("", Malformed("?", "no tag")))
    lines = written(console)
    assert lines[0] == "think I look again."
    assert lines[1] == " call t1c1 zoom(seconds=3.0)"
    assert lines[2].startswith("  saw t1c1 error: xxx")
    assert lines[2].endswith("…")
    assert len(lines[2]) < 180
    assert lines[3:] == [" note Answer now.", "reply not usable: no tag"]


def test_i_cant_tell_claims_nothing_and_says_what_was_not_established() -> None:
    seen = Observation("", gaps=("the text at 00:03 can't be read",))
    look = Step(Turn("", Calls((ToolCall("t1c1", "read_text", {"seconds": 3.0}),))), (Result("t1c1", seen),))
    answer = Answer("I can't tell, because the text at 00:03 can't be read.", cannot_tell=True)
    facts = VideoFacts("h", 60.0, 640, 360, gaps=("track 2 was not heard",))
    ended = Trajectory(Question("v.mp4", "?"), facts, steps=(look, Step(Turn("", answer))), stop=Stop.ANSWERED)
    console = piped()
    print_answer(ended, console)
    lines = written(console)
    assert lines[:2] == ["I can't tell, because the text at 00:03 can't be read.", "nothing is claimed about the video"]
    assert "Not established: track 2 was not heard." in lines
    assert "Not established: the text at 00:03 can't be read." in lines
    assert not any("confidence" in line for line in lines)


def test_what_was_not_measured_is_said_to_be_so() -> None:
    played = Trajectory(Question("v", "q"), FACTS, "http:m@u", Limits(max_turns=4), setup=PolicyOptions().setup("text"))
    assert "tokens not measured" in format_usage(played)
    assert "turns 0 of 4" in format_usage(played)


def test_tokens_are_not_spoken_of_where_no_model_reads_any() -> None:
    assert "token" not in format_usage(Trajectory(Question("v", "q"), FACTS, "lite", Limits(max_turns=4)))


@pytest.mark.parametrize("width", [50, 60, 120])
def test_a_terminal_gets_its_words_unbroken_and_the_answer_apart(width: int) -> None:
    text = "An unlucky bird sits on a branch above the slightly overweight bunny and sings the whole morning long"
    evidence = Evidence(75.0, 81.5, ("t1c1",), quote=text, source="screen text")
    played = Trajectory(Question("v", "q"), FACTS, "lite", steps=(Step(Turn("", Answer(text, evidence=(evidence,)))),))
    screen = Screen(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    print_answer(played, screen)
    lines = written(screen)
    assert lines[0] == ""
    assert max(map(len, lines)) <= width
    assert {word for line in lines for word in line.split()} >= set(text.split()[1:-1])
    assert "01:15.0-01:21.5 screen text" in " ".join(lines)


def test_what_is_one_line_stays_one_where_it_is_piped() -> None:
    screen = Screen(file=io.StringIO(), width=20)
    screen.print("one two three four five six seven", soft_wrap=True)
    assert written(screen) == ["one two three four five six seven"]
