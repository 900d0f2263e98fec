"""The expert is right, through the graph, and teaches nothing that it could not have known."""

from pathlib import Path

import pytest

from agent.loop.ask import ask
from agent.policies.lite import LitePolicy
from agent.policy import PolicyError
from agent.rendering.reply_parser import parse_reply
from agent.trajectory import Answer, Calls, Question, Stop, Trajectory, Usage
from evals.runner.run_file import read_stored
from rl.collect import CollectConfig, is_to_imitate, main, run_question, summarize_result
from rl.data.as_reply import write_replies
from rl.data.curriculum import ComposedQuestions, ComposedTask, Curriculum, View
from rl.data.expert import PictureEyes, ScriptedExpert, WordEyes
from tests.drawn import SUBTITLES, write_drawn
from tools import packaged_weights
from tools.toolbox import open_toolbox

needs_ocr = pytest.mark.skipif(not packaged_weights.is_installed("rapidocr"), reason="needs videosleuth[ocr]")


def played(view: View, count: int, level: int = 1, family: str = "") -> list[tuple[ComposedTask, Trajectory]]:
    questions = ComposedQuestions(5, view=view, curriculum=Curriculum(level, level))
    found = (questions.compose_question(number) for number in range(200))
    chosen = [one for one in found if (one.asked.family == family if family else one.asked.family != "read")][:count]
    assert len(chosen) == count
    return [(one, run_question(one, expert(one, view), view)) for one in chosen]


def expert(posed: ComposedTask, view: View) -> ScriptedExpert:
    return ScriptedExpert(posed.asked, WordEyes() if view == "words" else PictureEyes(posed.episode))


@pytest.mark.parametrize(("view", "level"), [("words", 1), ("words", 2), ("pictures", 1), ("pictures", 3)])
def test_it_is_right_in_every_family(view: View, level: int) -> None:
    runs = played(view, 12, level)
    assert all(is_to_imitate(*run) for run in runs)
    assert len({posed.asked.family for posed, _ in runs}) >= 3


def test_with_pictures_it_zooms_to_read() -> None:
    for posed, run in played("pictures", 3, family="read"):
        assert summarize_result(posed, run).is_right
        assert [call.name for call in run.calls].count("zoom") == (0 if posed.asked.answer is None else 1)


@needs_ocr
def test_with_words_it_reads_the_tag_and_quotes_it() -> None:
    for posed, run in played("words", 3, family="read"):
        assert summarize_result(posed, run).is_right
        if posed.asked.answer is not None:
            assert run.calls[-1].name == "read_text"
            assert run.answer is not None
            assert run.answer.evidence[0].quote == posed.asked.answer


@pytest.mark.parametrize("view", ["words", "pictures"])
def test_its_first_turn_says_nothing_that_only_the_video_tells(view: View) -> None:
    """Sweeps are the same whatever the video shows; every later moment was shown first."""
    runs = played(view, 6)
    sweeps = {str([(call.name, call.arguments) for call in run.steps[0].turn.move.calls]) for _, run in runs}  # type: ignore[union-attr]
    assert len(sweeps) == 1


def test_its_evidence_was_shown_by_the_calls_that_it_names() -> None:
    for _, run in played("words", 8):
        assert run.answer is not None
        assert not [evidence.note for evidence in run.answer.evidence if evidence.note]


def test_its_words_are_read_back_as_the_turns_that_were_played() -> None:
    for _, run in played("words", 4):
        for number, step in enumerate(run.steps):
            before = Trajectory(run.question, run.facts, steps=run.steps[:number])
            assert step.turn.reply is not None
            assert parse_reply(step.turn.reply, Usage(), before).move == step.turn.move


def test_each_thing_is_said_in_one_way() -> None:
    """A small model that learns several ways to begin is sure of none (rl/LOG.md)."""
    beginnings = {run.steps[0].turn.thought.split(" the ")[0] for _, run in played("words", 12)}
    assert beginnings == {"First I have to find"}


class Blunder(ScriptedExpert):
    """Says "not shown" whatever there is."""

    def _answer(self, trajectory: Trajectory) -> tuple[str, Answer]:
        return "I give up.", Answer("not shown", not_shown=True)


def test_a_wrong_run_is_not_imitated() -> None:
    one = next(
        p for n in range(9) if (p := ComposedQuestions(5, view="words").compose_question(n)).asked.answer is not None
    )
    run = run_question(one, Blunder(one.asked, WordEyes()), "words")
    assert run.stop is Stop.ANSWERED
    assert not is_to_imitate(one, run)


def test_a_run_of_lite_is_told_in_words_that_give_the_same_moves(tmp_path: Path) -> None:
    clip, said = write_drawn(tmp_path / "clip.mp4"), tmp_path / "said.srt"
    said.write_text(SUBTITLES, encoding="utf-8")
    with open_toolbox(clip, encoder="hashing", subtitles=said, cache=tmp_path / "cache") as toolbox:
        asked = Question(str(clip), "How many bags were left, as he says?")
        run = write_replies(ask(asked, toolbox, LitePolicy(), verify=False))
    assert [call.name for call in run.calls]
    for number, step in enumerate(run.steps):
        before = Trajectory(run.question, run.facts, steps=run.steps[:number])
        assert step.turn.reply is not None
        move = parse_reply(step.turn.reply, Usage(), before).move
        if isinstance(step.turn.move, Calls):
            assert isinstance(move, Calls)
            assert [(c.name, c.arguments) for c in move.calls] == [(c.name, c.arguments) for c in step.turn.move.calls]
        else:
            assert isinstance(move, Answer)
            assert move.text == run.steps[-1].turn.move.text  # type: ignore[union-attr]


def test_a_run_that_was_broken_off_goes_on_where_it_was(tmp_path: Path) -> None:
    assert len(main(CollectConfig(tmp_path, questions=2, keep="all"))) == 2
    assert len(main(CollectConfig(tmp_path, questions=3, keep="all"))) == 1
    assert len(read_stored(tmp_path)) == 3


def test_of_the_questions_only_the_wanted_kinds_are_played(tmp_path: Path) -> None:
    every = main(CollectConfig(tmp_path / "every", questions=8, keep="all"))
    counts = main(CollectConfig(tmp_path / "counts", questions=8, families=("count",), keep="all"))
    assert {one.family for one in counts} == {"count"}
    assert len(counts) == sum(one.family == "count" for one in every) < 8


def test_a_policy_that_is_not_there_ends_the_collection(tmp_path: Path) -> None:
    nobody = CollectConfig(tmp_path, policy="http:m@http://127.0.0.1:1/v1", questions=2, view="words", concurrency=1)
    with pytest.raises(PolicyError, match="failed 2 times in a row"):
        main(nobody)
