"""Ends a run whose policy fails question after question: its server is gone."""

from agent.policy import PolicyError
from agent.trajectory import Stop, Trajectory

PATIENCE = 10
"""Number of questions in a row whose policy fails that ends a run; all of them in a shorter run."""


class PolicyPatience:
    """Counts the questions in a row whose policy has failed."""

    def __init__(self, questions: int) -> None:
        """Counts for a run of this many questions."""
        self._most = min(PATIENCE, questions)
        self._failed_in_a_row = 0

    def check(self, trajectory: Trajectory) -> None:
        """Counts how the next question ended.

        Raises:
            PolicyError: the policy has failed too often in a row.
        """
        self._failed_in_a_row = self._failed_in_a_row + 1 if trajectory.stop is Stop.POLICY_FAILED else 0
        if self._failed_in_a_row >= self._most:
            often = f"the policy failed {self._failed_in_a_row} times in a row, at last: "
            raise PolicyError((often if self._most > 1 else "") + trajectory.error)
