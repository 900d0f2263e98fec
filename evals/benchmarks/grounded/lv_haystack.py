"""LV-Haystack: find the few frames of a long first-person video that answer a question, and answer it.

Beside the answer the frames found are scored: precision, recall and F1 of times within five seconds, as published for
time. Its similarity of pictures is not: the published code mixes up frames and seconds. An agent's frames are the
middles of its evidence.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from evals.benchmarks.benchmark import Benchmark, Profile, options_lines, score_letter
from evals.benchmarks.item import Item, RawAnswer, find_video, make_choice
from evals.benchmarks.metrics import percent, score_metrics
from evals.benchmarks.records import Record, read_parquet_rows
from evals.scoring.published.clean_text import strict_letter
from evals.scoring.published.first_letter import official_tstar
from evals.scoring.scoring import Score

_NEAR_SECONDS = 5
"""Distance up to which a found time counts as a published one."""


def load(folder: Path) -> tuple[Item, ...]:
    """Reads the parquet file of the split `test_tiny`."""
    return tuple(_item(folder, row) for row in read_parquet_rows(folder / "test_tiny-00000-of-00001.parquet"))


def _item(folder: Path, row: Record) -> Item:
    choices = Record(row.place, {k: v for k, v in row.mapping("options").items() if v is not None})
    options = tuple(choices.text(letter) for letter in sorted(choices.values))
    video, of_video = row.text("video_id"), Record(row.place, row.mapping("video_metadata"))
    rate = of_video.number("frame_rate")
    frames = row.values.get("frame_indexes_video")
    if not isinstance(frames, list) or not all(isinstance(frame, int) for frame in frames) or rate <= 0:
        raise row.damaged("frame_indexes_video", "a list of whole numbers", frames)
    return make_choice(
        row,
        options,
        row.letter("answer", len(options)),
        id=f"{video}_{row.place.row}",
        video=find_video(folder / "videos", video, row.place),
        cluster=video,
        text=row.text("question"),
        duration_seconds=of_video.number("video_duration"),
        evidence_seconds=tuple((frame / rate, frame / rate) for frame in sorted(frames)),
    )


def prompt(item: Item, profile: Profile, subtitles: str = "") -> str:  # noqa: ARG001 (ours)
    """A prompt of ours: the published search has no single prompt."""
    return (
        f"{item.text}\n{options_lines(item)}\nAnswer with the option's letter, and the seconds of the frames: C 12, 340"
    )


def spell(item: Item, reply: RawAnswer, profile: Profile) -> str:  # noqa: ARG001 (one spelling)
    """Spells an answer as `C 12, 340`: its letter, and the middles of its evidence in seconds."""
    if reply.option is None:
        return ""
    times = ", ".join(f"{(start + stop) / 2:.2f}" for start, stop in reply.spans)
    return f"{item.letters[reply.option]} {times}".strip()


def score(item: Item, said: str | None, profile: Profile) -> Score:
    """Scores the letter, strictly or as the first character of the text."""
    letter = (said or "").strip().partition(" ")[0] if profile == "strict" else said or ""
    read = strict_letter(letter, len(item.options)) if profile == "strict" else official_tstar(letter)
    return score_letter(item, read)


def score_frames(found: Sequence[float], gold: Sequence[float]) -> tuple[float, float]:
    """Precision and recall of times in seconds: those within five seconds of one of the others.

    Args:
        found: times of the frames that were found.
        gold: times of the published frames, of which whole seconds count.
    """
    whole = [int(time) for time in gold]
    if not found or not whole:
        return 0.0, 0.0
    hits = sum(any(abs(time - other) <= _NEAR_SECONDS for other in whole) for time in found)
    covered = sum(any(abs(time - other) <= _NEAR_SECONDS for time in found) for other in whole)
    return hits / len(found), covered / len(whole)


def metrics(items: Sequence[Item], said: Mapping[str, str], profile: Profile) -> dict[str, float]:
    """Metrics in percent: accuracy, and precision, recall and F1 of the frames, each a mean over questions."""
    pairs = []
    for item in items:
        found = [float(number) for number in re.findall(r"\d+(?:\.\d+)?", said.get(item.id, ""))]
        pairs.append(score_frames(found, [start for start, _ in item.evidence_seconds]))
    more = {
        "frame precision": percent([precision for precision, _ in pairs]),
        "frame recall": percent([recall for _, recall in pairs]),
        "frame F1": percent([2 * p * r / (p + r) if p + r else 0.0 for p, r in pairs]),
    }
    base = score_metrics(score)(items, said, profile)
    return {**base, **{name: value for name, value in more.items() if value is not None}}


LV_HAYSTACK = Benchmark(load, prompt, spell, score, metrics, ("strict", "official"), has_published_prompt=False)
