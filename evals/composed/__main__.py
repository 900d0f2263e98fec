"""Writes composed videos and their questions into a new folder.

python -m evals.composed --out FOLDER --count 20 --seed 0 --level 2 --split heldout
python -m evals.run composed --data FOLDER --policy lite --out RUN
"""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import get_args

from agent.ending import Parser
from evals.command_line import end, quote_command, say
from evals.composed.drawn import DRAWN
from evals.composed.episode import compose
from evals.composed.families import QUESTIONS_A_VIDEO
from evals.composed.material_folder import MANIFEST, open_material
from evals.composed.planning import LEVELS
from evals.composed.recipe import Split
from evals.composed.sound_tracks import compose_sound_track
from evals.composed.visible import find_problems
from evals.composed.writing import write_episode
from tools.cache import write_json

SOURCES = "material.tsv"
"""File that names the owners of fetched footage and cut-outs."""

_PARTS = ("av", "numpy", "opencv-python", "pillow")
"""Packages whose version may change the pixels."""


@dataclass(frozen=True)
class WriteConfig:
    """Options of the set to write: number of videos, seed, split, level and material."""

    out: Path
    """Folder to write, new or empty."""
    count: int = 20
    """Number of videos."""
    seed: int = 0
    split: Split = "train"
    level: int = 1
    height: int = 360
    questions: int = QUESTIONS_A_VIDEO
    """Most questions of a video."""
    material: Path | None = None
    """Folder with footage and cut-outs; parts that it lacks are drawn. None draws all."""
    heard: bool = False
    """Whether the videos have a sound track, and questions about it."""


def main(config: WriteConfig, command: str = "", say: Callable[[str], None] = lambda _: None) -> int:
    """Writes the set, except videos whose needles could be missed; gives back the number of questions.

    Args:
        config: options of the set.
        command: command line, for the record.
        say: prints a line of progress.

    Raises:
        ValueError: the folder holds something, there is too little material, or no espeak-ng for a voice.
    """
    if config.out.exists() and any(config.out.iterdir()):
        raise ValueError(f"{config.out} is not empty: name a new folder")
    material = DRAWN if config.material is None else open_material(config.material)
    config.out.mkdir(parents=True, exist_ok=True)
    written = 0
    for number in range(config.count):
        started = time.perf_counter()
        episode = compose(
            material,
            config.seed,
            number,
            level=config.level,
            split=config.split,
            height=config.height,
            questions=config.questions,
        )
        if found := find_problems(episode.painter):
            say(f"{number + 1}/{config.count} {episode.name} is left out: {found[0]}")
            continue
        seconds = episode.plan.recipe.seconds
        track = compose_sound_track(episode.name, config.seed, number, seconds, config.split) if config.heard else None
        write_episode(config.out, episode, track)
        written += len(episode.questions) + (0 if track is None else len(track.questions))
        say(f"{number + 1}/{config.count} {episode.name} in {time.perf_counter() - started:.1f} s")
    made_of = {"command": command, "material": material.name, "versions": {name: version(name) for name in _PARTS}}
    write_json(config.out / "manifest.json", made_of)
    if config.material is not None:
        shutil.copy(config.material / MANIFEST, config.out / SOURCES)
    return written


def _parse_arguments(arguments: Sequence[str] | None) -> WriteConfig:
    parser = Parser("python -m evals.composed", description="Videos whose answers are known.")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--count", type=int, default=WriteConfig.count, metavar="N", help="videos")
    parser.add_argument("--seed", type=int, default=WriteConfig.seed, metavar="S")
    parser.add_argument("--split", choices=get_args(Split), default=WriteConfig.split)
    parser.add_argument(
        "--level", type=int, choices=LEVELS, default=WriteConfig.level, help="30 s with 1 to 600 s with 6"
    )
    parser.add_argument("--height", type=int, default=WriteConfig.height, metavar="PIXELS")
    parser.add_argument("--questions", type=int, default=WriteConfig.questions, metavar="N", help="a video, at most")
    parser.add_argument("--material", type=Path, metavar="FOLDER", help="footage and cut-outs; all is drawn without")
    parser.add_argument("--heard", action="store_true", help="with music, a voice and questions about them: espeak-ng")
    return WriteConfig(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    end("evals.composed", lambda: f"{main(_parse_arguments(None), quote_command('evals.composed'), say)} questions")
