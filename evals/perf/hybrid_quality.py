"""Measures what a search of all senses finds: `python -m evals.perf.hybrid_quality --videos 12`.

Needles of composed videos, which are things with a tag to be read beside them, are searched for by their names and by
their tags: in the pictures alone, in the text on screen alone, in captions alone, and in everything. Prints how often
one of the first five moments shows the needle. `--split train` is for choosing between methods; `--captioner` takes a
model in place of the packaged captioner.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from agent.ending import Parser
from agent.policies.captioner import open_captioner
from evals.command_line import end, say
from evals.composed.drawn import DRAWN
from evals.composed.episode import Episode, compose
from evals.composed.material_folder import open_material
from evals.composed.recipe import Needle, Split
from evals.statistics.bootstrap import BootstrapEstimate, estimate_mean
from evals.statistics.tables import render_table
from tools.toolbox import Toolbox, Where, make_toolbox

WHERE: tuple[Where, ...] = ("pictures", "screen text", "captions", "everything")
"""Senses that are searched, one at a time and all together."""
_FIRST = 5
"""Number of moments among which the needle counts as found."""


@dataclass(frozen=True)
class HybridConfig:
    """Options of the measurement."""

    videos: int = 12
    level: int = 2
    """Level of the composed videos, 1 to 5: how long they are and how small their needles."""
    split: Split = "heldout"
    material: Path | None = None
    """Folder with footage and cut-outs; None draws everything."""
    captioner: str | None = None
    encoder: str = "auto"
    cache: Path | None = None
    """Folder in which what was read and described is kept for the next measurement; None keeps nothing."""


@dataclass(frozen=True)
class NeedleSearch:
    """One search for a needle."""

    video: str
    by: str
    """How it was searched for: by its name or by its tag."""
    where: Where
    is_found: bool


def main(config: HybridConfig, say: Callable[[str], None] = lambda _: None) -> str:
    """Searches for the needles of all videos; gives a table in Markdown.

    Raises:
        ValueError: the material or the captioner can't be used.
    """
    material = DRAWN if config.material is None else open_material(config.material)
    captioner = open_captioner(config.captioner)
    found: list[NeedleSearch] = []
    for number in range(config.videos):
        episode = compose(material, 0, number, level=config.level, split=config.split)
        with TemporaryDirectory() as scratch:
            cache = config.cache or Path(scratch)
            with make_toolbox(
                episode.painter.video(), encoder=config.encoder, captioner=captioner, cache=cache
            ) as toolbox:
                toolbox.prepare(text=False, speech=False, captions=True)
                searched = list(search_needles(episode, toolbox))
        found += searched
        say(f"{number + 1} {episode.name}: {sum(one.is_found for one in searched)} of {len(searched)} searches find it")
    header = ["searched for by", "n, videos", *WHERE]
    rows = [
        [
            by,
            f"{sum(one.by == by for one in found) // len(WHERE)}, {config.videos}",
            *(_format(_estimate(found, by, where)) for where in WHERE),
        ]
        for by in ("name", "tag")
    ]
    return f"Recall at {_FIRST}, with its 95 % interval by a bootstrap over videos.\n\n{render_table(header, rows)}"


def search_needles(episode: Episode, toolbox: Toolbox) -> Iterator[NeedleSearch]:
    """Searches for each needle of a video by its name and by its tag, in each sense and in everything.

    Args:
        episode: the video.
        toolbox: its tools, with all frames indexed and all clips captioned.
    """
    for needle in episode.plan.recipe.needles:
        name = f"{needle.colour} {needle.name}" if needle.colour else needle.name
        for by, query in (("name", name), ("tag", needle.tag)):
            for where in WHERE:
                yield NeedleSearch(episode.name, by, where, _is_found(episode, toolbox, needle, query, where))


def _is_found(episode: Episode, toolbox: Toolbox, needle: Needle, query: str, where: Where) -> bool:
    shown = toolbox.search(query, count=_FIRST, where=where).frames
    return any(one.is_on_screen(frame.seconds) for one in episode.plan.recipe.appearances(needle) for frame in shown)


def _estimate(found: Sequence[NeedleSearch], by: str, where: Where) -> BootstrapEstimate:
    chosen = [one for one in found if (one.by, one.where) == (by, where)]
    return estimate_mean([float(one.is_found) for one in chosen], [one.video for one in chosen])


def _format(estimate: BootstrapEstimate) -> str:
    if estimate.low is None or estimate.high is None:
        return f"{estimate.mean:.2f}"
    return f"{estimate.mean:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


def _parse_arguments(arguments: Sequence[str] | None) -> HybridConfig:
    parser = Parser("python -m evals.perf.hybrid_quality", description="What a search of all senses finds.")
    parser.add_argument("--videos", type=int, default=HybridConfig.videos, help="number of composed videos")
    parser.add_argument("--level", type=int, default=HybridConfig.level, help="1 to 5: longer, with smaller needles")
    parser.add_argument("--split", choices=("heldout", "train"), default=HybridConfig.split, help="which names")
    parser.add_argument("--material", type=Path, metavar="FOLDER", help="footage and cut-outs; drawn if left out")
    parser.add_argument("--captioner", metavar="SPEC", help="a model in place of the packaged captioner")
    parser.add_argument("--encoder", default=HybridConfig.encoder, help="of the index")
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="keep what was read and described here")
    return HybridConfig(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    end("evals.perf.hybrid_quality", lambda: main(_parse_arguments(None), say))
