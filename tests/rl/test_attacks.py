"""What presets give away, as far as it is known: a change here is a change of what they teach."""

import pytest

from rl.attacks import ATTACKS, Believer, main, measure_gain, render_table, run_honest_right, run_honest_wrong
from rl.rewards.aids import Aids
from rl.rewards.preset import list_presets, load_preset

BY_NAME = {attack.name: attack for attack in ATTACKS}
AIDS = Aids(judge=Believer())


def given_away(preset: str) -> set[str]:
    return {attack.name for attack in ATTACKS if measure_gain(load_preset(preset, AIDS), attack).is_given_away}


@pytest.mark.parametrize("name", list_presets())
def test_an_honest_right_run_is_worth_more_than_an_honest_wrong_one(name: str) -> None:
    preset = load_preset(name, AIDS)
    for attack in ATTACKS:
        runs = (run_honest_right(attack.example), run_honest_wrong(attack.example))
        right, wrong = preset.group(attack.example, runs, runs[1:]).totals_G
        assert right is not None
        assert wrong is not None
        assert right > wrong


OF_ANSWER_AND_FORM = {
    *("conan-code", "deepvideo-r1", "omniagent", "tinyllava-video-r1", "tinyllava-video-r1-code", "ver"),
    *("love-r1", "video-r1", "video-thinker", "videokr", "videozoomer", "vital"),
}
"""Nothing in them is about where the policy looked, so that a right guess is worth as much as a right look."""
ROUGE_OR_JUDGE = {
    *("conan", "conan-code", "deepeyes", "longvt", "love-r1", "paravt", "pyvision-rl", "rewatch-r1", "sage"),
    *("timesearch-r", "ver", "video-r1", "video-r2", "videokr"),
}
"""They pay for words in common, or ask a judge, who is taken to believe."""
GIVEN_AWAY: dict[str, set[str]] = {
    "tag spam": set(),
    "copied question": ROUGE_OR_JUDGE,
    "two candidates": ROUGE_OR_JUDGE,
    # a wrong answer costs more after a call than without one: -.5 against 0
    "endless wrong": {"sage"},
    "not shown": {"sage"},
    # a bonus for calls or windows keeps a guess behind in the others; pixel-reasoner's is not paid where three in
    # ten use tools, as here
    "blind": OF_ANSWER_AND_FORM | {"pixel-reasoner"},
    "path leak": OF_ANSWER_AND_FORM | {"pixel-reasoner"},
    "endless right": OF_ANSWER_AND_FORM | {"pixel-reasoner"},
    # any call will do for those bonuses, and any span meets what only wants one
    "span inflation": OF_ANSWER_AND_FORM
    | {"pixel-reasoner", "deepeyes", "deepsport", "ergo", "paravt", "pyvision-rl", "rewatch-r1", "sage", "timesearch-r"}
    | {"video-r2"},
}


@pytest.mark.parametrize("attack", GIVEN_AWAY)
def test_an_attack_gets_through_where_it_must_and_nowhere_else(attack: str) -> None:
    found = {name for name in list_presets() if measure_gain(load_preset(name, AIDS), BY_NAME[attack]).is_given_away}
    assert found == GIVEN_AWAY[attack]


def test_ours_gives_nothing_away() -> None:
    assert given_away("sleuth") == set()


def test_a_reward_of_answer_and_form_can_not_tell_a_guess_from_a_look() -> None:
    assert {"blind", "idle call", "span inflation", "path leak"} <= given_away("vital") & given_away("videozoomer")


def test_rouge_pays_for_lists_and_for_the_question() -> None:
    assert {"two candidates", "list", "copied question"} <= given_away("videokr")


def test_the_exact_answer_does_not_pay_for_lists() -> None:
    for name in ("videozoomer", "vital", "tinyllava-video-r1", "sleuth"):
        assert not {"two candidates", "list", "copied question"} & given_away(name)


def test_the_gate_of_video_mtr_is_what_keeps_a_dressed_up_answer_out() -> None:
    assert "dressed-up wrong" not in given_away("video-mtr")
    assert "dressed-up wrong" in given_away("video-mtr-code")


def test_length_is_paid_to_a_guess_and_costs_a_wrong_answer() -> None:
    preset = load_preset("tinyllava-video-r1", AIDS)
    long, wrong = (measure_gain(preset, BY_NAME[name]).share for name in ("endless right", "endless wrong"))
    assert long is not None
    assert wrong is not None
    assert long > 1 > 0 > wrong


def test_rewards_for_each_turn_pay_for_more_turns() -> None:
    assert "repeats" in given_away("sage")


def test_a_wide_span_is_no_evidence_for_overlap() -> None:
    for name in ("longvt", "longvideo-r1", "sleuth"):
        assert "span inflation" not in given_away(name)


def test_the_table_has_every_preset_and_every_attack(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    printed = capsys.readouterr().out
    assert all(f"\n| {name} | " in printed for name in list_presets())
    assert all(f"| {attack.name} |" in printed for attack in ATTACKS)


def test_what_does_not_count_is_a_dash() -> None:
    lines = render_table([load_preset("video-r2")]).splitlines()  # no judge
    assert lines[2] == "| video-r2 |" + " - |" * len(ATTACKS) + f" 0 of {len(ATTACKS)} |"


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(ValueError, match="no preset 'gpro'"):
        main(["gpro"])
