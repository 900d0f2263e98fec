"""The pictures of a stored run, once more: a trajectory keeps only references, and its video is painted or opened anew.

A composed video is made from its name, and the hash of its content in the run says whether it is the same to the pixel.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.trajectory import Trajectory
from evals.composed.drawn import DRAWN
from evals.composed.episode import compose
from evals.composed.recipe import Split
from tools.toolbox import Toolbox, open_toolbox, toolbox_over

_NAME = re.compile(r"(train|heldout)-(\d+)-(\d+)-(\d+)")


@contextmanager
def shown_again(trajectory: Trajectory, encoder: str = "hashing") -> Iterator[Toolbox]:
    """The tools of the video that a run was about.

    Raises:
        ValueError: it is no drawn video and no file here, or the pictures are not those of the run.
    """
    with _opened(trajectory.question.video, encoder) as toolbox:
        found, wanted = toolbox.video.content_hash, trajectory.facts.content_hash
        if found != wanted:
            raise ValueError(
                f"{trajectory.question.video} is not the video of the run any more (its content is {found}, was "
                f"{wanted}): collect the run again"
            )
        toolbox.index.wait()  # frames come from its store where they are in it, as when a run is played
        yield toolbox


def _opened(name: str, encoder: str) -> Toolbox:
    if (match := _NAME.fullmatch(name)) is not None:
        split: Split = "heldout" if match[1] == "heldout" else "train"
        level, seed, number = (int(part) for part in match.groups()[1:])
        return toolbox_over(compose(DRAWN, seed, number, level=level, split=split).painter.video(), encoder=encoder)
    if not Path(name).is_file():
        raise ValueError(
            f"the pictures of a run about {name!r} can't be had: need a drawn video of `evals.composed`, or a file"
        )
    return open_toolbox(name, encoder=encoder)
