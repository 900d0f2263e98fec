"""Opens the video of a stored run again, for the pixels behind the references of its trajectory.

A composed video is painted anew from its name; the content hash in the run says whether it is the same to the pixel.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.trajectory import Trajectory
from evals.composed.drawn import DRAWN
from evals.composed.episode import compose
from evals.composed.recipe import Split
from tools.toolbox import Toolbox, make_toolbox, open_toolbox

_NAME = re.compile(r"(train|heldout)-(\d+)-(\d+)-(\d+)")


@contextmanager
def reopen_toolbox(trajectory: Trajectory, encoder: str = "hashing") -> Iterator[Toolbox]:
    """Opens the toolbox of the video that a run was about.

    Args:
        trajectory: the stored run.
        encoder: encoder of the frame index.

    Raises:
        ValueError: the video is neither a drawn one nor a file here, or its content is not that of the run.
    """
    with _open_video(trajectory.question.video, encoder) as toolbox:
        found, wanted = toolbox.video.content_hash, trajectory.facts.content_hash
        if found != wanted:
            raise ValueError(
                f"{trajectory.question.video} is not the video of the run any more (its content is {found}, was "
                f"{wanted}): collect the run again"
            )
        toolbox.index.wait()  # frames come from the index's store where it has them, as in the run
        yield toolbox


def _open_video(name: str, encoder: str) -> Toolbox:
    if (match := _NAME.fullmatch(name)) is not None:
        split: Split = "heldout" if match[1] == "heldout" else "train"
        level, seed, number = (int(part) for part in match.groups()[1:])
        return make_toolbox(compose(DRAWN, seed, number, level=level, split=split).painter.video(), encoder=encoder)
    if not Path(name).is_file():
        raise ValueError(
            f"the pictures of a run about {name!r} can't be had: need a drawn video of `evals.composed`, or a file"
        )
    return open_toolbox(name, encoder=encoder)
