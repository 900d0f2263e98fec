"""The tools of one run with a memory of the pictures that its policy has seen: each turn shows all of them again.

So a picture is fetched once a run, however many runs there are and whatever the toolbox that they share has dropped by
then; the memory lasts as long as the run, and holds JPEGs.
"""

from agent.loop.forwarding_tools import ForwardingTools
from agent.policy import Tools
from tools.observation import FrameRef


class RunPictures(ForwardingTools):
    """Tools that fetch each picture once. For one run, whose policy is asked by one thread at a time."""

    def __init__(self, tools: Tools) -> None:
        super().__init__(tools)
        self._jpegs: dict[FrameRef, bytes | None] = {}

    def picture(self, ref: FrameRef) -> bytes | None:
        """The JPEG behind a reference; None where the frame is damaged."""
        if ref not in self._jpegs:
            self._jpegs[ref] = self._tools.picture(ref)
        return self._jpegs[ref]
