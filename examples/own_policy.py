"""A policy of your own: reads what is on screen, and answers with the largest line of it.

python examples/own_policy.py
"""

from agent import Answer, Evidence, Sleuth, Trajectory
from agent.policy import ToolAccess
from agent.trajectory import Calls, Setup, ToolCall, Turn


class LargestTextPolicy:
    """Decides from the trajectory alone, so that a replay decides the same."""

    spec = "largest-text"
    setup: Setup | None = None  # how its model is asked; this one has none

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        if not trajectory.steps:
            return Turn("First I read the screen.", Calls((ToolCall("t1c1", "search_text", {}),)))
        lines = [f for f in trajectory.results[-1].observation.findings if f.kind == "text" and f.box and not f.doubt]
        if not lines:
            return Turn("Nothing to quote.", Answer("I read no text.", cannot_tell=True))
        largest = max(lines, key=lambda line: line.box[3] - line.box[1] if line.box else 0.0)
        evidence = Evidence(
            largest.start_seconds, largest.stop_seconds, ("t1c1",), quote=largest.text, source="screen text"
        )
        return Turn("The largest line is the title.", Answer(largest.text, evidence=(evidence,)))


if __name__ == "__main__":
    with Sleuth(LargestTextPolicy()) as sleuth:
        print(sleuth.ask("agent/demo/clip.mp4", "What is the title?").text)
    # A line in agent.policies.registry.POLICIES makes it `--policy largest-text` for every command.
