"""CG-Bench: multiple choice on the whole video, the same on the clue alone, and finding the clue; three to 14 options.

The three together make the composite numbers. The official script removes what it can't read (-1) before averaging,
takes any mention of the right letter A..H as right, and intervals that all end by 1 as fractions of the video.
"""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

from evals.benchmarks.benchmark import (
    Benchmark,
    Profile,
    options_lines,
    score_letter,
    score_strict_choice,
    score_verdict,
)
from evals.benchmarks.item import Item, Kind, RawAnswer, find_video
from evals.benchmarks.metrics import score_metrics
from evals.benchmarks.records import Record, read_json_rows
from evals.inside import resolve_inside
from evals.scoring.published.by_gold import official_cgbench
from evals.scoring.published.ranked import lmms_mcq
from evals.scoring.published.spans import official_cgbench_spans, strict_cgbench_spans
from evals.scoring.scoring import Score
from evals.scoring.spans import Span, union_iou

_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5)
_MOST_SPANS = 5
"""Most intervals of an answer, as the prompt says."""
_FRAMES = (
    "You will be provided with {}, along with a multiple-choice question that includes a question and several answer "
    "options.\n"
)
_CHOOSE = (
    "Your task is to analyze the provided frames, infer the most plausible answer based on the visual information.\n"
    "If the video does not provide enough information, infer the answer based on the options available and still "
    "provide a result. Therefore, In all cases, an answer must be given.\n"
    'Only output the answer in the following format:\n\n```json\n{"result": "option"}\n```\n'
    'The "option" is the uppercase letter corresponding to your answer.\n\n'
)
_FIND = (
    "Your task is to determine in which intervals the 'clue intervals' exist that contain visual information needed to "
    "answer the question.\n"
    'Only output the answer in the following format:\n\n```json\n{"result": [[start1, end1], [start2, end2], ...]}\n'
    "```\n\nIn this output format, each 'start' and 'end' represents the beginning and end of an interval in seconds "
    "where relevant clues can be found.\n"
    "You must provide at least one interval and at most five intervals. Intervals exceeding five will NOT be "
    "considered valid.\n"
)


def load(
    folder: Path, file: str, *, clue_only: bool = False, has_subtitles: bool = False, kind: Kind = "choice"
) -> tuple[Item, ...]:
    """Reads the questions of `cgbench.json` or `cgbench_mini.json`.

    Args:
        folder: folder with the official files.
        file: name of the questions' file.
        clue_only: whether the clue's own video is shown.
        has_subtitles: whether subtitles are given.
        kind: `choice`, or `span` for finding the clue.
    """
    items = tuple(_item(folder, row, clue_only=clue_only, kind=kind) for row in read_json_rows(folder / file))
    return items if has_subtitles else tuple(replace(item, subtitles=None) for item in items)


def _item(folder: Path, row: Record, *, clue_only: bool, kind: Kind) -> Item:
    video, number, options = row.name("video_uid"), row.name("qid"), row.texts("choices")
    right = row.letter("right_answer", len(options))
    subtitles = resolve_inside(folder / "cg_subtitles", f"{video}.srt", row.place)
    whole = find_video(folder / "cg_videos_720p", video, row.place)
    duration = row.number("duration")
    return Item(
        id=number,
        kind=kind,
        video=find_video(folder / "cg_clue_videos", number, row.place) if clue_only else whole,
        cluster=video,
        text=row.text("question"),
        place=row.place,
        options=options,
        right=options.index(options[right]),
        gold=options[right],
        groups=(
            ("minutes", _minutes(duration)),
            ("domain", row.text("domain")),
            ("sub_category", row.text("sub_category")),
        ),
        duration_seconds=None if clue_only else duration,
        subtitles=subtitles if subtitles.exists() else None,
        evidence_seconds=() if clue_only else row.spans("clue_intervals"),
    )


def _minutes(duration_seconds: float) -> str:
    """The ten-minute bin of the published tables; a length on the edge belongs to the bin before."""
    edge = next((edge for edge in range(10, 61, 10) if duration_seconds <= 60 * edge), None)
    return "60+" if edge is None else f"{edge - 10} ~ {edge}"


def prompt(item: Item, profile: Profile, subtitles: str = "") -> str:
    """The official prompt, system message first; lmms-eval's for a choice."""
    if profile == "lmms":
        basis = "video and subtitles" if subtitles else "video"
        before = f"This video's subtitles are listed below:\n{subtitles}\n" if subtitles else ""
        ask = f"Select the best answer to the following multiple-choice question based on the {basis}."
        return f"{before}{ask}\n{item.text}\n{options_lines(item)}\nAnswer with the option letter only."
    is_span = item.kind == "span"
    given = "uniformly sampled frames from a video and their timestamps" if is_span else "sampled frames from a video"
    before = f"The subtitles of the video are as follows:\n\n{subtitles}\n\n" if subtitles else ""
    question = f"{before}Question: {item.text}\n\n{options_lines(item, '{}:{}')}\n\n"
    return f"{_FRAMES.format(given)}{_FIND if is_span else _CHOOSE}{question}"


def score(item: Item, said: str | None, profile: Profile) -> Score:
    """Scores a choice: strict; by the official block or any mention; or by lmms-eval's ranks of A..N."""
    text = said or ""
    if profile == "strict":
        return score_strict_choice(item, said)
    if profile == "lmms":
        return score_letter(item, lmms_mcq(text, "ABCDEFGHIJKLMN"))
    return score_verdict(official_cgbench(text, item.right_letters[0]), text)


def score_spans(item: Item, said: str | None, profile: Profile) -> Score:
    """Scores clue intervals by the IoU of all of them; strict: at most five in a block, in seconds, none is 0.

    Args:
        item: the question.
        said: the text of the answer; None for none.
        profile: rule of scoring.
    """
    if profile == "official":
        found = official_cgbench_spans(said or "", item.duration_seconds or 0.0)
        return Score(None, "", "left out") if found is None else _overlap(item, found)
    spans = strict_cgbench_spans(said or "")
    if spans is None or not 1 <= len(spans) <= _MOST_SPANS:
        return Score(0.0, "", f"need one to {_MOST_SPANS} intervals in a block")
    return _overlap(item, spans)


def _overlap(item: Item, spans: tuple[Span, ...]) -> Score:
    value = union_iou(spans, item.evidence_seconds)
    return Score(value, str(list(spans)), f"IoU {value:.3f}")


def spell(item: Item, reply: RawAnswer, profile: Profile) -> str:
    """Spells a choice as its letter; officially in a ```json block."""
    if reply.option is None:
        return ""
    letter = item.letters[reply.option]
    return _block(letter) if profile == "official" else letter


def spell_spans(item: Item, reply: RawAnswer, profile: Profile) -> str:
    """Spells intervals as a block of at most five, in seconds; as fractions where the official script reads such.

    Args:
        item: the question.
        reply: the answer.
        profile: rule of scoring.
    """
    spans = reply.spans[:_MOST_SPANS]
    if not spans:
        return ""
    is_short = profile == "official" and item.duration_seconds and all(stop <= 1 for _, stop in spans)
    scale = 1 / item.duration_seconds if is_short and item.duration_seconds else 1.0
    return _block([[scale * start, scale * stop] for start, stop in spans])


def _block(result: object) -> str:
    return f"```json\n{json.dumps({'result': result})}\n```"


_FULL, _MINI = "cgbench.json", "cgbench_mini.json"
_FIND_PROFILES: tuple[Profile, ...] = ("strict", "official")
CG_BENCH = Benchmark(partial(load, file=_FULL), prompt, spell, score, score_metrics(score))
CG_BENCH_SUBTITLES = Benchmark(
    partial(load, file=_FULL, has_subtitles=True), prompt, spell, score, score_metrics(score)
)
CG_BENCH_MINI = Benchmark(partial(load, file=_MINI), prompt, spell, score, score_metrics(score))
CG_BENCH_CLUE = Benchmark(
    partial(load, file=_MINI, clue_only=True), prompt, spell, score, score_metrics(score), _FIND_PROFILES
)
CG_BENCH_SPANS = Benchmark(
    partial(load, file=_MINI, kind="span"), prompt, spell_spans, score_spans, score_metrics(score_spans), _FIND_PROFILES
)
