"""V-STaR: what happens, and when; its third question, where, wants a box for each second and is left out.

The answer to "what" is scored by a judge officially, 2 and more of 3 being right; "when" by the IoU of the span. In the
published chains the answer to one question is given with the next; here each is asked by itself.
"""

from functools import partial
from pathlib import Path

from evals.benchmarks.benchmark import Benchmark, Profile
from evals.benchmarks.grounded.ego4d_nlq import prompt as prompt_span
from evals.benchmarks.grounded.grounding import metrics as span_metrics
from evals.benchmarks.grounded.grounding import score as score_span
from evals.benchmarks.grounded.grounding import spell as write_span
from evals.benchmarks.item import Item, find_video
from evals.benchmarks.metrics import score_metrics
from evals.benchmarks.open.open_answers import prompt, score, spell
from evals.benchmarks.records import Record, read_json_rows
from evals.scoring.published.spans import spell_span

_FILE = "V_STaR_test.json"


def load(folder: Path, question: str) -> tuple[Item, ...]:
    """Reads the questions `what` or `when` of `V_STaR_test.json`."""
    return tuple(_item(folder, row, question) for row in read_json_rows(folder / _FILE))


def _item(folder: Path, row: Record, question: str) -> Item:
    video, times = row.text("vid"), row.values.get("timestamps")
    (span,) = Record(row.place, {"timestamps": [times]}).spans("timestamps")
    is_what = question == "what"
    return Item(
        id=f"{video}_{row.place.row}",
        kind="open" if is_what else "span",
        video=find_video(folder / "videos", video, row.place),
        cluster=video,
        text=row.text("question" if is_what else "temporal_question"),
        place=row.place,
        gold=row.text("answer") if is_what else spell_span(span),
        groups=(("domain", row.text("domain")),),
        duration_seconds=row.number("frame_count") / row.number("fps"),
        evidence_seconds=(span,),
    )


_STRICT: tuple[Profile, ...] = ("strict",)
V_STAR_WHAT = Benchmark(
    partial(load, question="what"), prompt, spell, score, score_metrics(score), _STRICT, has_published_prompt=False
)
V_STAR_WHEN = Benchmark(
    partial(load, question="when"),
    prompt_span,
    write_span,
    score_span,
    span_metrics,
    _STRICT,
    has_published_prompt=False,
)
