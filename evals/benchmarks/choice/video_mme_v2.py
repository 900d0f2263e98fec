"""Video-MME-v2: 3,200 questions on 800 videos in groups of four, eight options each.

A group counts by how many of its questions are right (relevance: their square) or by how far an unbroken chain of them
goes (logic). Formats and rules are read from the adapters of lmms-eval and VLMEvalKit; `level` and the heads stand on a
group's last question only.
"""

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path

from evals.benchmarks.benchmark import Benchmark, Profile, make_choice_scorer, options_lines, spell_letter
from evals.benchmarks.item import Item, find_first_existing, find_video, make_choice, strip_letters
from evals.benchmarks.metrics import score_metrics
from evals.benchmarks.records import Record, read_parquet_rows
from evals.scoring.published.first_letter import vlm_videommev2

_ASK = (
    "Select the best answer to the following multiple-choice question based on the video. Respond with only the letter "
    "(A, B, C, D, E, F, G, or H) of the correct option."
)
_GROUPS = ("group_type", "level", "second_head", "third_head")
_SQUARES = (0.0, 100 / 16, 400 / 16, 900 / 16, 100.0)
_CHAINS = {
    "[1, 2, 3, 4]": _SQUARES,
    "[1, [2, 3], 4]": (0.0, 100 / 12, 400 / 12, 700 / 12, 100.0),
    "[[1, 2], 3, 4]": (0.0, 10.0, 20.0, 50.0, 100.0),
}
"""Points by the length of the chain, for each of the structures that a chain may have."""


def load(folder: Path) -> tuple[Item, ...]:
    """Reads `test.parquet`."""
    return tuple(_item(folder, row) for row in read_parquet_rows(folder / "test.parquet"))


def _item(folder: Path, row: Record) -> Item:
    options = strip_letters(row.text("options").strip().split("\n"))
    video = row.name("video_id")
    groups = [(key, row.name(key)) for key in _GROUPS if row.has(key)]
    structure = _structure(row) if row.text("group_type") == "logic" else ""
    return make_choice(
        row,
        options,
        row.letter("answer", len(options)),
        id=row.name("question_id"),
        video=find_video(find_first_existing(folder / "video", folder / "data"), video, row.place),
        cluster=video,
        text=row.text("question"),
        groups=(*groups, *([("group_structure", structure)] if structure else [])),
    )


def _structure(row: Record) -> str:
    try:
        structure = str(ast.literal_eval(row.text("group_structure")))
    except (ValueError, SyntaxError):
        structure = ""
    if structure not in _CHAINS:
        raise row.damaged("group_structure", f"one of {', '.join(_CHAINS)}", row.values["group_structure"])
    return structure


def prompt(item: Item, profile: Profile, subtitles: str = "") -> str:
    """The prompt of VLMEvalKit, or of lmms-eval, which says nothing of frames."""
    before = f"This video's subtitles are listed below:\n{subtitles}\n" if subtitles else ""
    if profile == "lmms":
        return f"{before}{chr(10) if before else ''}Question: {item.text}\n{options_lines(item)}\n{_ASK}"
    frames = f"These are the frames of a video.{' ' if before else ''}"
    return f"{frames}{before}Question: {item.text}\n{options_lines(item)}\n{_ASK}"


score = make_choice_scorer(lmms=lambda _, said: vlm_videommev2(said), vlm=lambda _, said: vlm_videommev2(said))


def score_group(rights: Sequence[bool], kind: str, structure: str) -> float:
    """The points of a group of four questions, 0..100.

    Args:
        rights: whether each question is right, in order.
        kind: `relevance` or `logic`.
        structure: structure of a chain, as `[1, [2, 3], 4]`: those in brackets stand side by side.
    """
    if kind != "logic":
        return _SQUARES[sum(rights)]
    length = next((i for i, is_right in enumerate(rights) if not is_right), len(rights))
    if structure == "[1, [2, 3], 4]" and length == 1 and rights[2]:
        length += 1
    if structure == "[[1, 2], 3, 4]" and length == 0 and rights[1]:
        length += 1
    return _CHAINS[structure][length]


def metrics(items: Sequence[Item], said: Mapping[str, str], profile: Profile) -> dict[str, float]:
    """Metrics in percent: `group score`, and by type, level and heads; beside it accuracy question by question."""
    by_video: dict[str, list[Item]] = {}
    for item in items:
        by_video.setdefault(item.cluster, []).append(item)
    points: dict[str, list[float]] = {}
    for group in by_video.values():
        group.sort(key=lambda item: int(item.id.rpartition("-")[2]))
        if len(group) != 4:  # a sample of the questions has no whole groups
            continue
        rights = [score(item, said.get(item.id), profile).value == 1.0 for item in group]
        labels = dict(pair for item in group for pair in item.groups)
        value = score_group(rights, labels["group_type"], labels.pop("group_structure", ""))
        for name in ("", *(f" {key}={label}" for key, label in labels.items())):
            points.setdefault(f"group score{name}", []).append(value)
    return {
        **score_metrics(score)(items, said, profile),
        **{name: sum(values) / len(values) for name, values in points.items()},
    }


VIDEO_MME_V2 = Benchmark(load, prompt, spell_letter, score, metrics, ("strict", "lmms", "vlm"), frames=64)
