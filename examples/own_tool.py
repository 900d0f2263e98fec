"""A tool of your own beside the others: how bright the picture is through a window.

python examples/own_tool.py
"""

from typing import Any

from agent import Answer, Question, ask, open_toolbox
from agent.loop.forwarding_tools import ForwardingVideoTools
from agent.policies.scripted import ScriptedPolicy
from agent.trajectory import Calls, ToolCall, Turn
from tools.observation import Finding, Observation, ToolError
from tools.sampling import spread_times
from tools.schema import ToolSpec, describe, validate
from tools.toolbox import Seconds, Toolbox

CLIP = "agent/demo/clip.mp4"


class BrightnessTools(ForwardingVideoTools):
    """All tools of a toolbox, and `measure_brightness`."""

    def __init__(self, toolbox: Toolbox) -> None:
        super().__init__(toolbox)
        self._own = describe(self.measure_brightness)

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        return (*super().specs, self._own)

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        if name != self._own.name:
            return super().call(name, arguments)
        return self.measure_brightness(**validate(self._own, arguments))

    # The signature and the docstring are what a model is told of the tool.
    def measure_brightness(self, start: Seconds, stop: Seconds) -> Observation:
        """Measure how bright the picture is through a window, from 0 (black) to 1 (white).

        Args:
            start: first second of the window.
            stop: end of the window in seconds, not included.
        """
        duration = self.video.info.duration_seconds
        if not start < min(stop, duration):  # a mistake of the model is text that it reads next; a bug is raised
            raise ToolError(f"need 0 <= start < stop and start < {duration:.2f}, got [{start:g}, {stop:g})")
        frames = self.video.read(spread_times(start, min(stop, duration), 8))
        values = [(frame.seconds, float(frame.pixels.mean()) / 255) for frame in frames]
        findings = tuple(Finding("fact", t, stop, f"brightness: {value:.2f}") for t, value in values)
        return Observation("\n".join(f"{t:.2f} s: {value:.2f}" for t, value in values), (), findings)


if __name__ == "__main__":
    call = ToolCall("t1c1", "measure_brightness", {"start": 0, "stop": 10})
    turns = [Turn("How bright is it?", Calls((call,))), Turn("", Answer("see the measurement"))]
    with open_toolbox(CLIP) as toolbox:  # any policy takes the tool like this; here the calls are written down
        trajectory = ask(Question(CLIP, "How bright is it?"), BrightnessTools(toolbox), ScriptedPolicy(turns))
    print(trajectory.results[-1].observation.text)
