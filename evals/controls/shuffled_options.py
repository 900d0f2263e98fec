"""The same options in other places: a policy that favours a letter changes its answer.

The options are rotated, so in each order every option stands in a place of its own, never in the one it has in the
set, and all orders are known without a seed. "None of the above" or "A and B" lose their sense when they move: such
sets are read with care.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from agent.trajectory import Answer
from evals.controls.control import ControlledQuestion, ControlPlan
from evals.controls.subject import ControlSubject

ORDERS = 3


def rotated_options(subjects: Sequence[ControlSubject]) -> ControlPlan:
    """Every question with options in up to three orders: fewer where there are fewer options."""
    asked = [one for subject in subjects for one in _orders(subject)]
    left_out = {s.question.id: "it has no options" for s in subjects if not s.question.options}
    return ControlPlan(tuple(asked), left_out)


@dataclass(frozen=True)
class Flips:
    """How often the answer follows the place of an option."""

    questions: int
    """That were answered in every order."""
    flipped: int
    """Of these, how many got different answers in different orders."""

    @property
    def share(self) -> float | None:
        """0..1; None where no question counts."""
        return self.flipped / self.questions if self.questions else None


def flips(asked: Sequence[ControlledQuestion], answers: Mapping[str, Answer | None]) -> Flips:
    """Compares the answers to one question in its orders, "not shown" and "I can't tell" being answers too.

    Args:
        asked: what was asked.
        answers: by the id of what was asked; None or missing is no answer.
    """
    said: dict[str, list[Answer | None]] = {}
    for one in asked:
        answer = answers.get(one.question.id)
        said.setdefault(one.of, []).append(None if answer is None else one.back(answer))
    whole = [[a for a in group if a is not None] for group in said.values() if None not in group]
    flipped = sum(len({(a.not_shown, a.cannot_tell, None if a.abstains else a.option) for a in g}) > 1 for g in whole)
    return Flips(len(whole), flipped)


def _orders(subject: ControlSubject) -> list[ControlledQuestion]:
    question = subject.question
    count = len(question.options)
    made = []
    for step in range(1, min(ORDERS, count - 1) + 1):
        order = tuple((place + step) % count for place in range(count))
        turned = replace(question, id=f"{question.id}~{step}", options=tuple(question.options[i] for i in order))
        made.append(ControlledQuestion(turned, question.id, question.id, order))
    return made
