"""Each preset on four runs, worked out on paper.

The video has 120 s, the answer is at [40, 50). What the four runs hold:

RIGHT   looks at 41, 43, 45, 47 s, which stand for [40, 48); cites [41, 49); says Paris; a second look agrees.
        overlap of what it cites 8/10, of what it looked at 8/10, F1 of that 16/18; 4 of min(10, 8) right frames found;
        thoughts of 20 and 27 characters, so FR = 0.5 + 0.5 * 47/1200 = 0.519583.
WRONG   the same at 71 s, says Berlin, and a second look agrees.
BLIND   says Paris at once, in form, with a thought of 27 characters: FR = 0.51125. No evidence.
MESSY   three turns without a tag; the game gives up.

ROUGE of one right word is 2/3: ROUGE-1 and ROUGE-L are 1, and ROUGE-2 of a text without a pair of words is 0.
"""

import numpy as np
import pytest

from agent.trajectory import Limits, Trajectory
from evals.example import Example
from rl.attacks import Believer, write_answer, write_look
from rl.rewards.aids import Aids, Aspect
from rl.rewards.preset import list_presets, load_preset
from rl.rewards.scripted_runs import run_script
from tests.rl.cases import BLIND, CHOICE, COUNT, MESSY, OPEN, RIGHT, WRONG, run

RUNS = (run(*RIGHT, second="Paris"), run(*WRONG, second="Berlin"), run(*BLIND), run(*MESSY))

BY_HAND: dict[str, tuple[float, float, float, float]] = {
    # 1 + FR | -FR | 1 + FR | no form: -2
    "tinyllava-video-r1": (1.519583, -0.519583, 1.51125, -2.0),
    "tinyllava-video-r1-code": (1.519583, -0.519583, 1.51125, -2.0),
    # 0.9 * 2/3 + 0.1 | 0.1 | 0.7 | 0
    "videokr": (0.7, 0.1, 0.7, 0.0),
    # 1 form + 0.5 + 0.5 * 1 * 1 | 1 | 1.5, for nothing is cited | 0
    "timesearch-r": (2.0, 1.0, 1.5, 0.0),
    # format .2 + .5 + .5 (.4 + .3) + .3 + .1, at most 1
    # 10 (1 + 1 + .3 + .5 - .2) | 10 (1 + .3 - .2) | 10 (1 + 1 - .2) | 10 (0 - .2)
    "paravt": (26.0, 11.0, 18.0, -2.0),
    # 1 + 1 + 8/10 | 1 | 2 | 0
    "longvt": (2.8, 1.0, 2.0, 0.0),
    # 1 + .5, for 00:45 is in [41, 49] + .02 | 0 | 1 | not consistent
    "framethinker": (1.52, 0.0, 1.0, 0.0),
    # 1 - .1 for the second turn + 2 * .1 + .5 | 2 * .1 | 1 + .1 | 0
    "video-mtr": (1.6, 0.2, 1.1, 0.0),
    "video-mtr-code": (1.6, 0.2, 1.1, 0.0),
    # 2/3 + .5 + Jaccard 4/4 + 4/8 | .5 | 2/3 + .5, for nothing is cited | 0
    "conan": (2.666667, 0.5, 1.166667, 0.0),
    # 2/3 + .5: clue and action are never paid
    "conan-code": (1.166667, 0.5, 1.166667, 0.0),
    # form + answer
    "vital": (2.0, 1.0, 2.0, 0.0),
    # 1.25 + 2 * .05 | -.5 + .1 | 1 + .05 | -2 - 3 * .1
    "sage": (1.35, -0.4, 1.05, -2.3),
    "omniagent": (1.0, 0.0, 1.0, 0.0),
    # 2/3 + nearness 1 + form 1 | form 1, 25 s away | 2/3 + .5, for there is no evidence | 0
    "open-o3": (2.666667, 1.0, 1.166667, 0.0),
    # 1 + 1 of 1 call | 0 | 1 | 0
    "video-com": (2.0, 0.0, 1.0, 0.0),
    "deepvideo-r1": (2.0, 1.0, 2.0, 0.0),
    # 1 + 16/18 | 0 | 1 | 0
    "longvideo-r1": (1.888889, 0.0, 1.0, 0.0),
    "videozoomer": (1.0, 0.1, 1.0, 0.0),
    # .8 + .2 + 1.2 | .2 | 1 | 0
    "deepeyes": (2.2, 0.2, 1.0, 0.0),
    "video-thinker": (2.0, 1.0, 2.0, 0.0),
    "love-r1": (2.0, 1.0, 2.0, 0.0),
    # 1 + .5 | .03 | 1, for no tool was used | -.05
    "deepsport": (1.5, 0.03, 1.0, -0.05),
    # the second answer is right 1 + 1 + form 1 | form 1, no crop | 1 + 1, for nothing is cited | 0
    "ergo": (3.0, 1.0, 2.0, 0.0),
    # 1 + .1 for one call | 0 | 1 | 0
    "pyvision-rl": (1.1, 0.0, 1.0, 0.0),
    # .6 + .2 * 16/18 + .1, for .8 is above the target + .1 | nothing was inspected there | nor at all, twice
    "videoseal": (0.977778, 0.0, 0.0, 0.0),
    # 1 + .1 + .3 * .8 + .3 - .1 * 4/128 | .1 - .003125 | 1.1 | 0
    "sleuth": (1.636875, 0.096875, 1.1, 0.0),
}
SPAN = Example(OPEN.question, "40 - 50 seconds", evidence_seconds=(40.0, 50.0))
LATE = run(write_look(71, 79), write_look(41, 49), write_answer("Paris", (41, 49)))
ELSEWHERE = run(write_look(71, 79), write_answer("Paris", (71, 79)))

MORE_BY_HAND: list[tuple[str, Example, Trajectory, float]] = [
    # a span is asked for: 5 s shared of 15; form 1
    ("vital", SPAN, run(write_look(41, 49), write_answer("45 - 55 seconds"), example=SPAN), 1 + 1 / 3),
    ("omniagent", SPAN, run(write_look(41, 49), write_answer("45 - 55 seconds"), example=SPAN), 1 / 3),
    # 4 for 5 is wrong by 0.2: under 1 - t for t = .5, .55 .. .75, six thresholds of ten
    ("omniagent", COUNT, run(write_answer("4"), example=COUNT), 0.6),
    ("vital", COUNT, run(write_answer("4"), example=COUNT), 1.6),
    # numbers are exact for VideoKR's and Video-R1's kin: 0.9 * 0 + 0.1
    ("videokr", COUNT, run(write_answer("4"), example=COUNT), 0.1),
    # a call that was refused is at the first level: 10 (1 + 1 + .1 + .5 - .2)
    ("paravt", OPEN, run(write_look(49, 41), write_answer("Paris")), 24.0),
    # no thinking, tags balanced: .5 + .1, so 10 (1 + .6 - .2)
    ("paravt", OPEN, run("<answer>Paris</answer>"), 14.0),
    # an answer of 1,000 characters breaks the form and is wrong; the window stays: 8/10
    ("longvt", OPEN, run(write_look(41, 49), write_answer("Paris " * 200)), 0.8),
    # the last window counts: 8/10 after a wrong one, and none at all the other way round
    ("longvt", OPEN, LATE, 2.8),
    ("longvt", OPEN, run(write_look(41, 49), write_look(71, 79), write_answer("Paris")), 2.0),
    # right, and a window that the thought names but not at the time of the question: 1 + .02
    ("framethinker", OPEN, ELSEWHERE, 1.02),
    # 1 - .1 * 2 + .1 * 3, and .5 for the second look alone
    ("video-mtr", OPEN, LATE, 1.6),
    # right, with evidence that shows nothing: 2/3 + .5
    ("conan", OPEN, ELSEWHERE, 2 / 3 + 0.5),
    # one call of two is right
    ("video-com", OPEN, LATE, 1.5),
    # nobody answered in two turns in form: -.5 + .1
    ("sage", OPEN, run_script(OPEN, (write_look(41, 49), write_look(71, 79)), limits=Limits(max_turns=2)), -0.4),
    # a right answer that cites nothing: form 1 + .5
    ("timesearch-r", OPEN, run(write_look(41, 49), write_answer("Paris"), second="Paris"), 1.5),
    # right without form: no answer counts
    ("love-r1", OPEN, run("<answer>Paris</answer>"), 0.0),
    # nor does DeepSport's: 0 - .05
    ("deepsport", OPEN, run("<answer>Paris</answer>"), -0.05),
    # a wrong first answer, and a right second one from what it cites: 1 + form 1
    ("ergo", OPEN, run(write_look(41, 49), write_answer("Berlin", (41, 49)), second="Paris"), 2.0),
    # two calls that worked and one that was refused
    ("pyvision-rl", OPEN, run(write_look(49, 41), write_look(71, 79), *RIGHT), 1.2),
    # the first window has the F1, the last the IoU: .2 * 16/18
    ("videoseal", OPEN, run(write_look(41, 49), write_look(71, 79), write_answer("Paris")), 0.177778),
    # IoU .5/10.0 opens the gate: .6 + .2 * 2 * .5/10.5 + .1 * .5 + .1; .4 s of it do not: .2 * 2 * .4/10.4 + .1 * .4
    ("videoseal", OPEN, run(write_look(45, 45.5), write_answer("Paris")), 0.6 + 0.2 / 10.5 + 0.05 + 0.1),
    ("videoseal", OPEN, run(write_look(45, 45.4), write_answer("Paris")), 0.16 / 10.4 + 0.04),
    # 25 s after the end of the moment: 2/3 + exp(-25^2 / 32), which is nothing, + form 1
    ("open-o3", OPEN, ELSEWHERE, 5 / 3),
]
COMPARING = {"video-r1", "pixel-reasoner"}
JUDGED = {"video-r2", "ver", "rewatch-r1"}


class Says:
    """A judge of one opinion."""

    def __init__(self, verdict: float | None) -> None:
        self.verdict = verdict

    def __call__(
        self, aspect: Aspect, example: Example, trajectory: Trajectory, turn: int | None = None
    ) -> float | None:
        return self.verdict


@pytest.mark.parametrize("name", BY_HAND)
def test_what_was_worked_out(name: str) -> None:
    totals_G = load_preset(name).group(OPEN, RUNS).totals_G  # noqa: N806
    assert totals_G == pytest.approx(BY_HAND[name], abs=1e-6)


@pytest.mark.parametrize(("name", "example", "trajectory", "worth"), MORE_BY_HAND)
def test_what_was_worked_out_for_other_runs(name: str, example: Example, trajectory: Trajectory, worth: float) -> None:
    assert load_preset(name).group(example, (trajectory,)).totals_G == (pytest.approx(worth, abs=1e-6),)


def test_every_preset_is_worked_out() -> None:
    assert set(list_presets()) == {*BY_HAND, *COMPARING, *JUDGED}


def test_video_r1_pays_order_and_length_only_to_the_right() -> None:
    # answers 2/3, 0, 2/3, 0; form 1, 1, 1, 0; order: mean 1/3 >= .8 * 0, so .3 to the right ones; nobody is long enough
    preset = load_preset("video-r1")
    assert preset.group(OPEN, RUNS, (RUNS[1],)).totals_G == pytest.approx((1.966667, 1.0, 1.966667, 0.0), abs=1e-6)
    # shuffled frames do as well: 1/3 < .8 * 2/3, nothing for order
    assert preset.group(OPEN, RUNS, (RUNS[0],)).totals_G == pytest.approx((1.666667, 1.0, 1.666667, 0.0), abs=1e-6)
    # 1,600 characters are taken for 400 tokens: .2 to each of two right ones, nothing to a right one alone
    long = run(write_answer("Paris", thought="x" * 1560))
    assert preset.group(OPEN, (long, RUNS[2]), (RUNS[1],)).totals_G == pytest.approx((2.166667, 1.966667), abs=1e-6)
    assert preset.group(OPEN, (long, RUNS[1]), (RUNS[1],)).totals_G == pytest.approx((1.966667, 1.0), abs=1e-6)


def test_video_r1_without_shuffled_runs_leaves_the_group_out() -> None:
    found = load_preset("video-r1").group(OPEN, RUNS)
    assert found.totals_G == (None,) * len(RUNS)
    assert found.unmeasured == ("temporal",)


def test_pixel_reasoner_pays_for_tools_only_while_few_use_them() -> None:
    preset = load_preset("pixel-reasoner")
    # one of four uses tools: .5 (.3 - .25)
    few = preset.group(OPEN, (RUNS[0], RUNS[2], RUNS[2], RUNS[2])).totals_G
    assert few == pytest.approx((1.025, 1.0, 1.0, 1.0))
    # two of four: none; three calls cost .05 (1 - 3)
    busy = run(write_look(41, 49), write_look(42, 48), write_look(43, 47), write_answer("Paris"))
    assert preset.group(OPEN, (RUNS[0], busy, RUNS[2], RUNS[2])).totals_G == pytest.approx((1.0, 0.9, 1.0, 1.0))


def test_video_r2_counts_claims_only_where_the_reasoning_agrees() -> None:
    # 2/3 + 1 + 1 claim of 1
    assert load_preset("video-r2", Aids(judge=Says(1.0))).group(OPEN, RUNS[:1]).totals_G == pytest.approx((2.666667,))
    assert load_preset("video-r2", Aids(judge=Says(0.0))).group(OPEN, RUNS[:1]).totals_G == pytest.approx((1.666667,))
    # a second claim that is nowhere near: 1 of 2
    two = run(write_look(41, 49), write_answer("Paris", (41, 49), (71, 79)))
    assert load_preset("video-r2", Aids(judge=Says(1.0))).group(OPEN, (two,)).totals_G == pytest.approx((13 / 6,))
    assert load_preset("video-r2", Aids(judge=Says(None))).group(OPEN, RUNS[:1]).totals_G == (None,)


def test_ver_pays_its_bonus_only_to_right_answers() -> None:
    preset = load_preset("ver", Aids(judge=Says(1.0)))
    # 2/3 + 1 + .3 | 1 | 2/3 + 1 + .3 | 0
    assert preset.group(OPEN, RUNS).totals_G == pytest.approx((1.966667, 1.0, 1.966667, 0.0), abs=1e-6)
    # without a judge right answers can't be measured, and wrong ones alone teach nothing
    assert load_preset("ver").group(OPEN, RUNS).totals_G == (None,) * 4


def test_rewatch_r1_pays_for_observation_and_reasoning_only_beside_a_right_answer() -> None:
    class Reads(Says):
        def __call__(self, aspect: Aspect, example: Example, trajectory: Trajectory, turn: int | None = None) -> float:
            return 0.4 if aspect == "evidence cited" else 0.0

    # 1 (1 + .4 + 1) + 1 | 1 | 1 (1 + .4 + 0) + 1, for nothing is cited | 0
    totals_G = load_preset("rewatch-r1", Aids(judge=Reads(None))).group(OPEN, RUNS).totals_G  # noqa: N806
    assert totals_G == pytest.approx((3.4, 1.0, 2.4, 0.0))
    assert load_preset("rewatch-r1").group(OPEN, RUNS).totals_G == (None,) * 4, "a judge is needed"


def test_paper_and_code_of_tinyllava_differ_on_a_right_answer_without_form() -> None:
    bare = run("<answer>Paris</answer>")
    assert load_preset("tinyllava-video-r1").group(OPEN, (bare,)).totals_G == (-2.0,)
    assert load_preset("tinyllava-video-r1-code").group(OPEN, (bare,)).totals_G == (1.0,)


def test_tinyllava_thoughts_pay_up_to_their_limit_and_cost_when_wrong() -> None:
    preset = load_preset("tinyllava-video-r1")
    for length, fr in ((600, 0.75), (1200, 1.0), (5000, 1.0)):
        right, wrong = (run(write_answer(text, thought="x" * length)) for text in ("Paris", "Berlin"))
        assert preset.group(OPEN, (right, wrong)).totals_G == pytest.approx((1 + fr, -fr))


def test_paper_and_code_of_video_mtr_differ_on_the_gate() -> None:
    dressed = run(write_look(41, 49), write_answer("Berlin", (41, 49)))
    assert load_preset("video-mtr").group(OPEN, (dressed,)).totals_G == pytest.approx((0.2,))
    assert load_preset("video-mtr-code").group(OPEN, (dressed,)).totals_G == pytest.approx((0.7,))


def test_timesearch_r_without_the_second_look_does_not_count() -> None:
    assert load_preset("timesearch-r").group(OPEN, (run(*RIGHT),)).totals_G == (None,)
    # and one that disagrees is worth the form and the answer alone
    assert load_preset("timesearch-r").group(OPEN, (run(*RIGHT, second="Rome"),)).totals_G == (1.5,)


def test_videokr_takes_options_exactly() -> None:
    assert load_preset("videokr").group(CHOICE, (run(write_answer("B"), example=CHOICE),)).totals_G == pytest.approx(
        (1.0,)
    )


def test_framethinker_pays_nothing_for_a_repeated_call_or_a_window_that_the_thought_does_not_name() -> None:
    preset = load_preset("framethinker")
    repeated = run(RIGHT[0], *RIGHT)
    elsewhere = run(write_look(41, 49, "I look at it more closely"), RIGHT[1])
    assert preset.group(OPEN, (repeated, elsewhere)).totals_G == (0.0, 0.0)


def test_sage_counts_repeats_by_the_root_of_their_number() -> None:
    # three equal calls and an answer: 1.25 + 4 * .05 - .05 (1 + sqrt 2)
    thrice = run(*[RIGHT[0]] * 3, RIGHT[1])
    assert load_preset("sage").group(OPEN, (thrice,)).totals_G == pytest.approx((1.329289,), abs=1e-6)
    # a refused call costs .1, and a judge that believes adds .1 for each of two turns that call
    refused = run(write_look(49, 41), *RIGHT)
    assert load_preset("sage").group(OPEN, (refused,)).totals_G == pytest.approx((1.25 + 0.15 - 0.1,))
    assert load_preset("sage", Aids(judge=Believer())).group(OPEN, (refused,)).totals_G == pytest.approx((1.5,))


def test_open_o3_grows_stricter() -> None:
    # 4 s beyond the reference: exp(-16 / (2 * 16)) at the start, exp(-16 / 2) at the end; form 1; answer 2/3
    beyond = run(write_look(41, 49), write_answer("Paris", (53, 55)))
    early, late = (load_preset("open-o3").at(progress).group(OPEN, (beyond,)).totals_G[0] for progress in (0.0, 1.0))
    assert early == pytest.approx(5 / 3 + 0.606531, abs=1e-6)
    assert late == pytest.approx(5 / 3 + 0.000335, abs=1e-6)


def test_open_o3_pays_for_a_span_where_one_is_asked_for() -> None:
    asked = Example(OPEN.question, "40 - 50 seconds", evidence_seconds=(40.0, 50.0))
    # span 5/15; middle of the evidence 47.5 inside: 1; nearness is for other questions; form 1
    said = run(write_answer("45 - 55 seconds", (45, 50)), example=asked)
    components = load_preset("open-o3").reward(asked, said)
    assert components["span"] == pytest.approx(1 / 3)
    assert (components["inside"], components["nearness"], components["format"]) == (1.0, None, 1.0)


def test_longvideo_r1_counts_repeats_over_distinct_calls() -> None:
    # five equal calls: 4 repeats of 1; 1 + 16/18 - .2 * 4
    repeated = run(*[RIGHT[0]] * 5, RIGHT[1])
    assert load_preset("longvideo-r1").group(OPEN, (repeated,)).totals_G == pytest.approx((1.088889,), abs=1e-6)


def test_vital_halves_the_push_of_an_easy_group() -> None:
    # rewards 2, 2, 2, 1: mean 1.75, deviation .5; weight (clip(.25) + 1) / 2 = .625
    pushed = load_preset("vital").advantages((2.0, 2.0, 2.0, 1.0), np.random.default_rng(0))
    assert pushed == pytest.approx(0.625 * np.array([0.25, 0.25, 0.25, -0.75]) / 0.5001)
