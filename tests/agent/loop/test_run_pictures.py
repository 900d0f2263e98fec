"""A run fetches each of its pictures once, however often it shows them."""

from agent.loop.ask import make_run_context
from agent.policies.scripted import ScriptedPolicy
from tests.agent.painted import PaintedVideo
from tools.observation import FrameRef


class Counting(PaintedVideo):
    fetched = 0

    def picture(self, ref: FrameRef) -> bytes | None:
        self.fetched += 1
        return super().picture(ref)


def test_a_picture_is_fetched_once_a_run_and_a_damaged_one_too() -> None:
    video = Counting(damaged=[2.0])
    refs = [FrameRef(1.0, 24, 32), FrameRef(2.0, 24, 32), FrameRef(1.0, 48, 64)]
    for runs in (1, 2):
        sight = make_run_context(video, ScriptedPolicy([])).toolbox  # type: ignore[arg-type]
        shown = [sight.picture(ref) for _ in range(3) for ref in refs]
        assert shown == [video.picture(ref) for ref in refs] * 3
        assert shown[1] is None
        assert video.fetched == 6 * runs, "three by the run and three by this test"
