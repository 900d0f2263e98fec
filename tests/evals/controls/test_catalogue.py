"""Every control can be played by rules and by a model, on a set of two videos."""

import pytest

from agent.loop.ask import ask
from agent.policy import Policy
from agent.trajectory import Limits, Stop
from evals.controls.blind import no_video
from evals.controls.catalogue import CONTROLS, control_named
from evals.controls.control import open_view
from evals.controls.subject import ControlSubject, EvidenceSpan
from tests.evals.controls.doubles import SQUARE, Looker, counted, drawn, subject, toolbox_of

SUBJECTS = (
    subject(EvidenceSpan(2.0, 4.0, SQUARE), question_id="q1", video="drawn"),
    ControlSubject(
        subject(question_id="q2", video="counted", text="How many?").question,
        "a word",
        (EvidenceSpan(1.0, 2.0, SQUARE),),
    ),
)


@pytest.mark.parametrize("name", CONTROLS)
@pytest.mark.parametrize("is_model", [True, False])
def test_it_is_played_to_an_answer(name: str, is_model: bool) -> None:
    control = CONTROLS[name]
    plan = control.plan(SUBJECTS)
    assert plan.left_out == {}
    policy: Policy = Looker()
    footage = {"q1": drawn, "q2": counted, None: no_video}
    for asked in plan.asked:
        mine = next(s for s in SUBJECTS if s.question.id == asked.of)
        with (
            toolbox_of(footage[asked.video_of]()) as toolbox,
            open_view(control, mine, toolbox, toolbox_of, is_model=is_model) as given,
        ):
            ended = ask(asked.question, given.tools, policy, Limits(), mode=given.mode, opening=given.opening)
        assert ended.stop is Stop.ANSWERED, ended.error


def test_a_name_that_is_not_there_is_told_those_that_are() -> None:
    assert control_named("blind") is CONTROLS["blind"]
    with pytest.raises(ValueError, match="no control 'blnd': known are blind, random-frame"):
        control_named("blnd")


def test_each_says_what_it_takes_away_in_a_sentence() -> None:
    assert all(control.about.endswith(".") for control in CONTROLS.values())
