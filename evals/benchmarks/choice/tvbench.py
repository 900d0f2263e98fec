"""TVBench: ten tasks that need the order of frames, in MVBench's format and by MVBench's official rule.

Made against shortcuts: scores should fall when the frames are shuffled or reversed (`--control shuffled-frames`).
"""

from pathlib import Path

from evals.benchmarks.benchmark import (
    Benchmark,
    Profile,
    options_lines,
    score_strict_choice,
    score_verdict,
    spell_letter,
)
from evals.benchmarks.choice.mvbench import prompt as write_mvbench_prompt
from evals.benchmarks.item import Item, find_first_existing, make_choice
from evals.benchmarks.metrics import score_metrics
from evals.benchmarks.records import Record, read_json_rows
from evals.inside import resolve_inside
from evals.scoring.published.by_gold import official_mvbench
from evals.scoring.published.first_letter import lmms_tvbench
from evals.scoring.scoring import Score

TASKS = (
    *("action_antonym", "action_count", "action_localization", "action_sequence", "egocentric_sequence"),
    *("moving_direction", "object_count", "object_shuffle", "scene_transition", "unexpected_action"),
)


def load(folder: Path) -> tuple[Item, ...]:
    """Reads one file a task."""
    return tuple(_item(folder, task, row) for task in TASKS for row in read_json_rows(folder / "json" / f"{task}.json"))


def _item(folder: Path, task: str, row: Record) -> Item:
    options, gold, name = row.texts("candidates"), row.text("answer"), row.text("video")
    if gold not in options:
        raise row.damaged("answer", "one of the candidates", gold)
    has_part = row.has("start") and row.has("end")
    places = [resolve_inside(folder / tree, name, row.place) for tree in (f"video/{task}", task, "video")]
    return make_choice(
        row,
        options,
        options.index(gold),
        id=f"{task}_{row.place.row}",
        video=find_first_existing(*places),
        cluster=name,
        text=row.text("question"),
        groups=(("task", task),),
        segment_seconds=(row.number("start"), row.number("end")) if has_part else None,
    )


def prompt(item: Item, profile: Profile, subtitles: str = "") -> str:
    """The official prompt, which is MVBench's, or that of lmms-eval."""
    if profile == "lmms":
        return f"{item.text.strip()}\n{options_lines(item)}\nAnswer with the option letter only."
    return write_mvbench_prompt(item, profile, subtitles)


def score(item: Item, said: str | None, profile: Profile) -> Score:
    """Scores a choice, strictly, by MVBench's comparison or by lmms-eval's letter."""
    text, right = said or "", item.right_letters
    if profile == "strict":
        return score_strict_choice(item, said)
    if profile == "lmms":
        return score_verdict(lmms_tvbench(text, item.options) == right[0], text)
    return score_verdict(official_mvbench(text, f"({right[-1]}) {item.gold}"), text)


TVBENCH = Benchmark(load, prompt, spell_letter, score, score_metrics(score, task_mean="task"), frames=16)
