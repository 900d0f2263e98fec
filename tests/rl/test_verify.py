"""Which run is preferred to which, and what makes a thought agree with its answer."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.rendering.answer_parser import LETTERS
from agent.trajectory import Stop, to_json
from evals.datasets.composed import open_composed
from evals.runner.run_file import TRAJECTORIES, read_stored
from rl.attacks import write_answer, write_look
from rl.rewards.preset import load_preset
from rl.verify import (
    CHOSEN,
    REJECTED,
    PreferencePair,
    Verified,
    is_consistent,
    main,
    make_all_pairs,
    make_pairs,
    score_runs,
    write_pairs,
)
from tests.rl.cases import CHOICE, OPEN, RIGHT, WRONG, broken, run

LONELY = (write_look(41, 49), write_answer("Paris", (41, 49), thought="I can't tell, it may be any city."))
"""Right, and the thought does not say why."""
SLEUTH = load_preset("sleuth")


def found(*replies: str, is_right: bool, reward: float, is_consistent: bool | None = True) -> Verified:
    return Verified(run(*replies), reward, is_right, is_consistent)


GOOD = found(*RIGHT, is_right=True, reward=1.4)
WORSE = found(*RIGHT, is_right=True, reward=1.1)
BAD = found(*WRONG, is_right=False, reward=0.1)
AGAINST = found(*LONELY, is_right=True, reward=1.4, is_consistent=False)


@pytest.mark.parametrize(
    ("thought", "agrees"),
    [
        ("It says Paris, so Paris.", True),
        ("First I thought of Rome, but the sign says Paris.", True),
        ("The sign says Paris. No, it is Rome.", False),
        ("It must be option B.", True),
        ("It must be option A.", False),
        ("A comparison of Parisian things.", None),
        ("", None),
    ],
)
def test_the_option_that_is_named_last_is_what_a_thought_leads_to(thought: str, agrees: bool | None) -> None:
    reply = f"<think>{thought}</think><answer>B</answer>"
    assert is_consistent(run(reply, example=CHOICE)) is agrees


def test_an_open_answer_stands_in_its_thought_word_for_word() -> None:
    assert is_consistent(run("<think>The sign reads PARIS.</think><answer>Paris</answer>")) is True
    assert is_consistent(run("<think>The sign reads parish.</think><answer>Paris</answer>")) is False
    assert is_consistent(run("The answer is Paris.", "no", "no")) is None


def test_the_best_good_run_goes_with_the_worst_bad_one_and_none_twice() -> None:
    assert make_pairs((WORSE, BAD, GOOD)) == (PreferencePair(GOOD, BAD),)
    assert make_pairs((WORSE, BAD, AGAINST, GOOD), most=9) == (
        PreferencePair(GOOD, BAD),
        PreferencePair(WORSE, AGAINST),
    )
    assert make_pairs((WORSE, BAD, AGAINST, GOOD), most=1) == (PreferencePair(GOOD, BAD),)


def test_without_a_contrast_there_is_no_pair() -> None:
    assert make_pairs((GOOD, WORSE)) == ()
    assert make_pairs((BAD, BAD)) == ()
    assert make_pairs((AGAINST, BAD)) == ()
    close = found(*WRONG, is_right=False, reward=1.35)
    assert make_pairs((GOOD, close)) == ()
    assert make_pairs((GOOD, close), least_margin=0.01) == (PreferencePair(GOOD, close),)


def test_runs_are_judged_by_reward_answer_and_thought_and_crashes_by_nothing() -> None:
    right, wrong = score_runs(SLEUTH, OPEN, (run(*RIGHT), broken(Stop.CRASHED), run(*WRONG)))
    assert (right.is_right, wrong.is_right) == (True, False)
    assert right.reward > wrong.reward


def test_a_run_of_another_set_is_not_judged_by_this_one() -> None:
    with pytest.raises(ValueError, match="which --data does not ask"):
        list(make_all_pairs([run(*RIGHT)], {}, SLEUTH, 1, 0.1))


def test_what_is_written_is_read_as_runs_in_the_same_order(tmp_path: Path) -> None:
    write_pairs([PreferencePair(GOOD, BAD)], tmp_path)
    assert read_stored(tmp_path / CHOSEN) == (GOOD.run,)
    assert read_stored(tmp_path / REJECTED / TRAJECTORIES) == (BAD.run,)


def test_runs_of_a_set_become_pairs_of_it(tmp_path: Path) -> None:
    data = "drawn,level=1,count=1"
    example = next(one for one in open_composed(data).examples().values() if one.option is not None)
    right = LETTERS[example.option or 0]
    wrong = "A" if right != "A" else "B"
    replies = [f"<think>It is option {letter}.</think><answer>{letter}</answer>" for letter in (wrong, right)]
    played = [replace(run(reply, example=example), sample=n) for n, reply in enumerate(replies)]
    (tmp_path / TRAJECTORIES).write_text("".join(to_json(one) + "\n" for one in played), encoding="utf-8")
    told = main([tmp_path], data, tmp_path / "pairs")
    assert told == "1 pairs of 2 runs: 1 rejected are wrong, 0 are right against their thought"
    assert read_stored(tmp_path / "pairs" / CHOSEN) == (played[1],)
    assert read_stored(tmp_path / "pairs" / REJECTED) == (played[0],)
    (tmp_path / TRAJECTORIES).write_text(to_json(played[1]) + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no pair in 1 runs"):
        main([tmp_path], data, tmp_path / "none")
