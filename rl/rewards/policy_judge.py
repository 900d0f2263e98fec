"""The judge of rewards: the one of `evals`, asked about a run's answer, its reasoning or one of its turns."""

import threading
from collections.abc import Callable

from agent.policy import PolicyError
from agent.trajectory import Trajectory
from evals.example import Example
from evals.scoring.judge.judge import AnswerJudge
from evals.scoring.judge.rubrics import CITING, CONSISTENCY, CORRECTNESS, STEP, Rubric
from evals.scoring.judge.wording import write_answer, write_reasoning, write_reference
from rl.rewards.aids import Aspect

_RUBRICS: dict[Aspect, Rubric] = {
    "answer": CORRECTNESS,
    "consistent": CONSISTENCY,
    "evidence cited": CITING,
    "step": STEP,
}
_MAX_CHARACTERS = 20_000
"""Characters of a run that are shown; of a longer one the last, with its answer."""


class PolicyJudge:
    """Asks the judge about runs, and says once why there is no verdict."""

    def __init__(self, judge: AnswerJudge, say: Callable[[str], None] = lambda _: None) -> None:
        """Asks nothing yet.

        Args:
            judge: the judge, which keeps its verdicts by what was asked.
            say: prints a line.
        """
        self._judge, self._say = judge, say
        self._lock = threading.Lock()
        self._told: set[str] = set()

    def __call__(
        self, aspect: Aspect, example: Example, trajectory: Trajectory, turn: int | None = None
    ) -> float | None:
        """1 for yes, 0 for no; None where the judge can't be asked, or gives no verdict.

        Args:
            aspect: what is rated.
            example: the question with its reference.
            trajectory: the run.
            turn: for `step`, which of the policy's turns, from 0; None for the rest.
        """
        options = "".join(f"\nOption: {option}" for option in example.question.options)
        try:
            verdict = self._judge.judge(
                _RUBRICS[aspect],
                question=example.question.text + options,
                reference=write_reference(example),
                answer="" if trajectory.answer is None else write_answer(trajectory.answer)[-_MAX_CHARACTERS:],
                reasoning=write_reasoning(trajectory, turn)[-_MAX_CHARACTERS:],
            )
        except PolicyError as error:
            self._tell(str(error))
            return None
        if verdict.value is None:
            self._tell(verdict.why)
        return verdict.value

    def _tell(self, why: str) -> None:
        """Says why there is no verdict, once for each reason."""
        with self._lock:
            is_new = why not in self._told
            self._told.add(why)
        if is_new:
            self._say(f"the judge gave no verdict: {why}")
