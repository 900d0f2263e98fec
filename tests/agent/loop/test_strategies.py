"""How a model goes about its question: what sends an answer back, what is asked first, and that it ends."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from agent.limits import QuestionBudget, compute_scale, explain_effort
from agent.loop.ask import ask, make_thread_id
from agent.loop.checks import check_playable
from agent.loop.replay import RecordedTools, find_differences, replay
from agent.loop.strategies import REFLECT, SLOW
from agent.policies.lite import LitePolicy
from agent.policy import PolicyOptions, ToolAccess
from agent.rendering.messages import Text, render
from agent.report.console import format_usage
from agent.sleuth import Sleuth
from agent.trajectory import (
    Answer,
    Calls,
    Limits,
    Question,
    Setup,
    Stop,
    Strategy,
    ToolCall,
    Trajectory,
    Turn,
    Usage,
    VideoFacts,
    make_call_ids,
)
from tests.clips import write_clip
from tests.drawn import write_drawn
from tools.toolbox import Toolbox, open_toolbox

ASKED = Question("clip.mp4", "Which colour?", ("red", "blue"))
FACTS = VideoFacts("0" * 32, 60.0, 640, 360)
MORE_OR_LESS: tuple[dict[str, Any], ...] = ({}, {"max_turns": 8}, {"effort": "low"})
PROGRAM = 'print(len(select_frames(0, 3)), "frames")'


@dataclass
class Model:
    """A language model that plays a function of the trajectory."""

    play: Callable[[Trajectory], Turn]
    spec: str = "model"

    def __post_init__(self) -> None:
        self.asked: list[Trajectory] = []

    @property
    def setup(self) -> Setup:
        return PolicyOptions(temperature=0.7).setup("text")

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        self.asked.append(trajectory)
        turn = self.play(trajectory)
        return replace(turn, usage=Usage(0.0, 100, 10))


def answer(option: int, confidence: float | None = 0.9) -> Turn:
    return Turn("", Answer(ASKED.options[option], option, confidence))


def calls(trajectory: Trajectory, name: str, **arguments: Any) -> Turn:
    (name_of_call,) = make_call_ids(trajectory, 1)
    return Turn("", Calls((ToolCall(name_of_call, name, arguments),)))


@pytest.fixture(scope="module")
def toolbox(tmp_path_factory: pytest.TempPathFactory) -> Toolbox:
    folder: Path = tmp_path_factory.mktemp("strategies")
    return open_toolbox(write_drawn(folder / "clip.mp4"), encoder="hashing", cache=folder / "cache")


def scripted(*turns: Callable[[Trajectory], Turn] | Turn) -> Model:
    """A model that plays turns in order; a turn that needs ids of its own is a function."""

    def play(trajectory: Trajectory) -> Turn:
        turn = turns[min(trajectory.turns, len(turns) - 1)]
        return turn(trajectory) if callable(turn) else turn

    return Model(play)


def zoom(seconds: float) -> Callable[[Trajectory], Turn]:
    return lambda trajectory: calls(trajectory, "zoom", seconds=seconds, box=[0, 0, 0.5, 0.5])


def program(source: str) -> Callable[[Trajectory], Turn]:
    return lambda trajectory: calls(trajectory, "run_program", program=source)


def check_replay(run: Trajectory, toolbox: Toolbox) -> None:
    for tools in (toolbox, RecordedTools(run)):
        again = replay(run, tools)
        assert find_differences(run, again) == []
        assert [step.turn.move for step in again.steps] == [step.turn.move for step in run.steps]
        assert (again.answer, again.strategy, again.stop) == (run.answer, run.strategy, run.stop)


def test_an_answer_counts_once_it_is_said_again_without_a_look(toolbox: Toolbox) -> None:
    run = ask(ASKED, toolbox, scripted(zoom(1.0), answer(0)), strategy="reflect", verify=False)
    assert [step.notice for step in run.steps] == ["", "", REFLECT, ""]
    assert (run.turns, run.stop, run.tokens) == (3, Stop.ANSWERED, 330)
    check_replay(run, toolbox)


def test_a_reflection_may_look_again_and_there_are_two_at_most(toolbox: Toolbox) -> None:
    model = scripted(answer(0), zoom(1.0), answer(1), zoom(2.0), answer(0), answer(1))
    run = ask(ASKED, toolbox, model, strategy="reflect", verify=False)
    assert [step.notice for step in run.steps] == ["", REFLECT, "", REFLECT, "", ""]
    assert run.answer == answer(0).move
    assert run.strategy == "reflect"
    check_replay(run, toolbox)


def test_a_reflection_keeps_to_the_limits(toolbox: Toolbox) -> None:
    run = ask(ASKED, toolbox, scripted(zoom(1.0), answer(0)), Limits(max_turns=3), strategy="reflect", verify=False)
    assert (run.turns, [step.notice for step in run.steps][-1]) == (2, "")


def test_what_is_sure_needs_no_program_and_what_is_not_needs_one(toolbox: Toolbox) -> None:
    sure = ask(ASKED, toolbox, scripted(answer(0)), strategy="program", verify=False)
    assert (sure.turns, sure.calls[0].name) == (1, "select_frames")
    unsure = scripted(answer(0, 0.4), program("print(1 / 0)"), program(PROGRAM), answer(1, 0.4))
    run = ask(ASKED, toolbox, unsure, strategy="program", verify=False)
    assert [step.notice for step in run.steps] == ["", SLOW, "", "", ""]
    failed, mended = (step.results[0].observation for step in run.steps[2:4])
    assert failed.is_error
    assert "division by zero" in failed.text
    assert mended.text == "«8 frames»"
    assert len(mended.frames) == 8
    assert run.answer == answer(1, 0.4).move
    check_replay(run, toolbox)


def test_a_model_of_programs_is_offered_no_other_tool(toolbox: Toolbox) -> None:
    offered: list[str] = []

    class Looking(Model):
        def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
            offered.extend(spec.name for spec in sight.specs)
            return super().__call__(trajectory, sight)

    ask(ASKED, toolbox, Looking(lambda _: answer(0)), strategy="program", verify=False)
    assert offered == ["run_program"]


def test_what_all_say_at_first_sight_is_looked_at_no_more(toolbox: Toolbox) -> None:
    model = scripted(answer(0))
    run = ask(ASKED, toolbox, model, strategy="uncertain")
    assert (len(run.samples), run.stop, run.votes) == (3, Stop.ANSWERED, (3, 3))
    assert [seen.sample for seen in model.asked] == [0, 1, 2]
    assert all("Answer at once" in seen.steps[0].notice for seen in model.asked)
    assert run.spent.tokens == 330
    assert run.limits == Limits()
    check_replay(run, toolbox)


def test_where_first_sights_differ_it_looks_once_and_is_told_of_them(toolbox: Toolbox) -> None:
    def play(trajectory: Trajectory) -> Turn:
        if trajectory.sample < 3:
            return answer(trajectory.sample % 2)
        return zoom(1.0)(trajectory) if trajectory.turns == 0 else answer(1, 0.8)

    model = Model(play)
    run = ask(ASKED, toolbox, model, strategy="uncertain")
    assert [sample.round for sample in run.samples] == [1, 1, 1, 2]
    assert "«red» (2), «blue» (1)" in model.asked[3].steps[0].notice
    assert (run.answer, run.confidence) == (answer(1, 0.8).move, 0.8)
    assert run.spent.tokens == 5 * 110
    check_replay(run, toolbox)


def test_answers_that_are_told_can_do_nothing(toolbox: Toolbox) -> None:
    said = ["<tool_call>», and", "red", "red", "red"]
    model = Model(lambda trajectory: Turn("", Answer(said[trajectory.sample])))
    ask(replace(ASKED, options=()), toolbox, model, strategy="uncertain")
    assert "«red» (2), «‹tool_call>›, and» (1)" in model.asked[3].steps[0].notice


def test_a_glance_that_looks_has_no_answer(toolbox: Toolbox) -> None:
    model = Model(lambda trajectory: zoom(1.0)(trajectory) if trajectory.turns == 0 else answer(0))
    run = ask(ASKED, toolbox, model, strategy="uncertain")
    assert [sample.answer is None for sample in run.samples] == [True, True, True, False]
    assert "there was no answer" in model.asked[3].steps[0].notice


def test_samples_vote_where_first_sights_differ(toolbox: Toolbox) -> None:
    run = ask(ASKED, toolbox, Model(lambda t: answer(int(t.sample != 1))), strategy="uncertain", samples=2)
    assert [sample.round for sample in run.samples] == [1, 1, 1, 2, 2]
    assert run.votes == (2, 2)


def test_a_second_look_at_the_evidence_has_no_strategy(toolbox: Toolbox) -> None:
    cited = Answer("red", 0, 0.9)
    model = scripted(Turn("", cited))
    ask(ASKED, toolbox, model, strategy="reflect")
    assert {seen.strategy for seen in model.asked} == {"reflect"}


@pytest.mark.parametrize("strategy", ["reflect", "program"])
def test_a_run_goes_on_where_it_was_interrupted(toolbox: Toolbox, tmp_path: Path, strategy: Strategy) -> None:
    def interrupted(_: Trajectory) -> Turn:
        raise KeyboardInterrupt

    look = zoom(1.0) if strategy == "reflect" else program(PROGRAM)
    kept: dict[str, Any] = {"strategy": strategy, "verify": False, "keep": tmp_path / "runs.sqlite"}
    first = ask(ASKED, toolbox, scripted(answer(0, 0.3), look, interrupted), **kept)
    assert (first.stop, first.turns) == (Stop.INTERRUPTED, 2)
    model = scripted(answer(1), answer(1), answer(0))
    run = ask(ASKED, toolbox, model, resume=True, **kept)
    assert len(model.asked) == run.turns - 2
    assert run.steps[:3] == first.steps


def test_each_strategy_is_a_run_of_its_own_to_resume() -> None:
    start = Trajectory(ASKED, FACTS)
    assert make_thread_id(start) != make_thread_id(replace(start, strategy="reflect"))


@pytest.mark.parametrize(("strategy", "words"), [("reflect", "Plan first"), ("program", "with run_program")])
def test_a_model_reads_how_to_go_about_it(strategy: Strategy, words: str) -> None:
    def rendered(start: Trajectory) -> str:
        blocks = render(start, (), "text", PolicyOptions()).messages[1].blocks
        return "".join(block.text for block in blocks if isinstance(block, Text))

    assert words in rendered(Trajectory(ASKED, FACTS, strategy=strategy))
    assert words not in rendered(Trajectory(ASKED, FACTS))


@pytest.mark.parametrize(
    ("question", "strategy", "why"),
    [
        (replace(ASKED, other_videos=("b.mp4",)), "program", "about one video"),
        (Question("v.mp4", "Why?", task="explain"), "uncertain", "no answer that runs could agree on"),
        (replace(ASKED, is_verbatim=True), "reflect", "no strategy but direct"),
        (ASKED, "sideways", "need one of direct, reflect, uncertain, program"),
    ],
)
def test_what_a_strategy_is_not_for_is_refused(question: Question, strategy: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        check_playable(question, scripted(answer(0)), 1, None, strategy)


def test_first_answers_that_are_all_the_same_say_nothing() -> None:
    class Greedy(Model):
        setup = PolicyOptions().setup("text")

    with pytest.raises(ValueError, match="with temperature 0"):
        check_playable(ASKED, Greedy(lambda _: answer(0)), 1, None, "uncertain")


def test_lite_goes_about_it_its_own_way() -> None:
    with pytest.raises(ValueError, match="--strategy is for models"):
        check_playable(ASKED, LitePolicy(), 1, None, "reflect")


def test_a_clip_has_the_limits_that_it_always_had() -> None:
    for seconds in (0.0, 10.0, 600.0):
        assert QuestionBudget().for_length(seconds) == Limits(max_turns=8, max_frames=128)
    assert explain_effort(Trajectory(ASKED, FACTS)) == ""


def test_turns_and_frames_grow_with_length_and_effort() -> None:
    # two hours are 12 times ten minutes: 1 + log2(12) / 4 = 1.896
    assert compute_scale("medium", 7200.0) == pytest.approx(1.896, abs=1e-3)
    assert QuestionBudget().for_length(7200.0) == Limits(max_turns=15, max_frames=243)
    assert QuestionBudget(effort="low").for_length(60.0) == Limits(max_turns=4, max_frames=64)
    assert QuestionBudget(effort="high").for_length(1200.0) == Limits(max_turns=20, max_frames=320)


def test_a_limit_that_is_given_holds_whatever_the_length() -> None:
    given = QuestionBudget({"max_turns": 8, "max_frames": None, "max_seconds": 9.0}, "high")
    assert given.for_length(7200.0) == Limits(max_turns=8, max_frames=None, max_seconds=9.0)
    with pytest.raises(ValueError, match="there is no effort 'huge'"):
        QuestionBudget(effort="huge")  # type: ignore[arg-type]


def test_what_a_long_video_may_take_is_said() -> None:
    film = Trajectory(ASKED, replace(FACTS, duration_seconds=7200.0), limits=QuestionBudget().for_length(7200.0))
    assert explain_effort(film) == "15 turns and 243 frames at most, by effort medium and 120 minutes of video"
    assert "turns 0 of 15, frames 0 of 243" in format_usage(film)
    assert "effort medium" in format_usage(film)
    assert "effort" not in format_usage(Trajectory(ASKED, FACTS))


def test_a_film_is_asked_like_a_clip_and_may_take_more(tmp_path: Path) -> None:
    film = write_clip(tmp_path / "film.mp4", frames=40, times=range(0, 1_200_000, 30_000), size=(160, 120))
    with Sleuth(Model(lambda _: answer(0)), encoder="hashing", cache=tmp_path / "cache") as sleuth:
        asked = {"options": ASKED.options, "verify": False}
        runs = [sleuth.ask(film, ASKED.text, **asked, **more).trajectory for more in MORE_OR_LESS]  # type: ignore[arg-type]
    # its 20 minutes are ten once doubled: a quarter more
    assert [(run.limits.max_turns, run.limits.max_frames) for run in runs] == [(10, 160), (8, 160), (5, 80)]
    assert [run.calls[0].arguments["count"] for run in runs] == [10, 10, 5]
