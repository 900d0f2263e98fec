"""The expert of run 3, which zooms at random: whoever imitates it learns the form, and not where to look.

It answers by what it was shown, and where that was too little it can't tell: a guess there would teach not to read what
a zoom shows, as most of its zooms show nothing.
"""

import random
from collections.abc import Mapping

from agent.policy import PolicyOptions, ToolAccess
from agent.rendering.answer_parser import CANNOT_TELL
from agent.rendering.reply_parser import parse_reply
from agent.trajectory import Calls, Reply, ToolCall, Trajectory, Turn, Usage
from evals.controls.control import ControlContext, PolicyInputs
from evals.controls.fixed_looks import fix_looks, part_at
from evals.controls.subject import ControlSubject
from evals.example import Example
from rl.data.as_reply import write_calls
from rl.small_vlm.look_set import LARGE, PARTS, SHOTS, find_part
from rl.small_vlm.zooms import find_zooms, is_hit

_SMALL_SHARE = 0.1
"""Share of the width of the picture that a small needle takes at most."""


def show_small_closer(subject: ControlSubject, desk: ControlContext) -> PolicyInputs:
    """Inputs of a lesson: a zoom on its part beside the first look, where the colour of a small needle is asked.

    It teaches to read a zoom, which the loop makes, and not to make one.
    """
    [shown] = subject.evidence or ()
    if subject.asks_place or shown.box is None or shown.box[2] - shown.box[0] > _SMALL_SHARE:
        return PolicyInputs(desk.toolbox)
    frames = "select_frames", {"start": 0.0, "stop": SHOTS, "count": SHOTS, "size": "medium"}
    return fix_looks(desk.toolbox, [frames, part_at(shown.middle_seconds, PARTS[find_part(shown.box)])])


class RandomZoomExpert:
    """A scripted policy for the questions of a look set. Threads may share it."""

    spec = "look-expert"

    def __init__(
        self, subjects: Mapping[str, ControlSubject], examples: Mapping[str, Example], zoom_share: float, seed: int = 0
    ) -> None:
        """Takes what is known of the questions.

        Args:
            subjects: evidence by the id of the question.
            examples: answers and needs by the same.
            zoom_share: share of the runs that zoom, once, whatever the needle.
            seed: seed of its choices.
        """
        self.setup = PolicyOptions(seed=seed).setup("text")
        self._subjects, self._examples, self._zoom_share, self._seed = subjects, examples, zoom_share, seed

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        """A zoom on any part of any frame that was shown, which it names in its thought, or the answer."""
        del sight  # what it knows is what the set's own record says of frames that were shown
        rng = random.Random(f"{self._seed}/{trajectory.question.id}/{trajectory.sample}")
        wants_zoom = rng.random() < self._zoom_share
        seconds = rng.choice([frame.seconds for frame in trajectory.frames_seen])
        part = rng.choice(list(PARTS))
        asks_place = self._subjects[trajectory.question.id].asks_place
        if wants_zoom and not asks_place and not find_zooms(trajectory):
            call = ToolCall("", "zoom", {"seconds": seconds, "box": list(PARTS[part])})
            said = f"<think>\n{part} at {seconds} s\n</think>\n{write_calls(Calls((call,)))}"
        else:
            said = f"<answer>{self._say(trajectory)}</answer>"
        return parse_reply(Reply(said), Usage(), trajectory)

    def _say(self, trajectory: Trajectory) -> str:
        example, subject = self._examples[trajectory.question.id], self._subjects[trajectory.question.id]
        has_seen = LARGE in example.needs or subject.asks_place or is_hit(trajectory, subject)
        return example.answer or "" if has_seen else CANNOT_TELL
