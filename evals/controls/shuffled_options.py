"""Control that reorders the options: a policy that favours a letter changes its answer.

The options are rotated, so in each order every option has a new place, never the one it has in the set, and all orders
are known without a seed. "None of the above" or "A and B" lose their sense when they move: read results on such sets
with care.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from agent.trajectory import Answer
from evals.controls.control import ControlledQuestion, ControlPlan
from evals.controls.subject import ControlSubject

ORDERS = 3
"""Most orders of a question; with four options these are all rotations but that of the set."""


def plan_rotated_options(subjects: Sequence[ControlSubject]) -> ControlPlan:
    """A plan that asks each question with options in up to `ORDERS` orders, fewer where there are fewer options."""
    asked = [one for subject in subjects for one in _orders(subject)]
    left_out = {s.question.id: "it has no options" for s in subjects if not s.question.options}
    return ControlPlan(tuple(asked), left_out)


@dataclass(frozen=True)
class Flips:
    """Counts of questions whose answer follows the place of an option."""

    questions: int
    """Questions that were answered in every order."""
    flipped: int
    """Questions among them with different answers in different orders."""

    @property
    def share(self) -> float | None:
        """Share of flipped questions, 0..1; None where no question counts."""
        return self.flipped / self.questions if self.questions else None


def count_flips(asked: Sequence[ControlledQuestion], answers: Mapping[str, Answer | None]) -> Flips:
    """Compares the answers to one question in its orders, "not shown" and "I can't tell" being answers too.

    Args:
        asked: the questions as they were asked.
        answers: answers by the id under which they were asked; None or missing is no answer.
    """
    said: dict[str, list[Answer | None]] = {}
    for one in asked:
        answer = answers.get(one.question.id)
        said.setdefault(one.of, []).append(None if answer is None else one.restore_option(answer))
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
