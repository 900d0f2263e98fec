"""TempCompass: what can only be told from motion, asked as choices, as yes or no, and as a choice of captions.

Its fourth format, captioning, is scored by a judge alone and left out. Where the official rules find no answer, its
script asks a judge, or with `--disable_llm` counts it as wrong, as `official` does here.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from evals.benchmarks.benchmark import (
    Benchmark,
    Profile,
    score_letter,
    score_strict_choice,
    spell_letter,
)
from evals.benchmarks.item import Item, RawAnswer, find_video, make_choice, split_options
from evals.benchmarks.metrics import score_metrics
from evals.benchmarks.records import Record, RecordPlace, read_json
from evals.scoring.published.tempcompass import official_caption, official_choice, official_yes_no
from evals.scoring.scoring import Score

_YES_NO = ("yes", "no")
_ASKS = {
    "multi-choice": "\nPlease directly give the best option:",
    "yes_no": "\nPlease answer yes or no:",
    "caption_matching": "\nPlease directly give the best option:",
}


def load(folder: Path, form: str) -> tuple[Item, ...]:
    """Reads the file of one format, questions by video and dimension."""
    name = f"{form}.json"
    videos = Record(RecordPlace(name, 1), read_json(folder / "questions" / name))
    return tuple(
        _item(folder, form, f"{video}_{dimension}_{i}", video, dimension, row)
        for number, video in enumerate(videos.values, start=1)
        for dimension in videos.mapping(video)
        for i, row in enumerate(
            Record(RecordPlace(f"{name}, {video}", number), videos.mapping(video)).rows(dimension), start=1
        )
    )


def _item(folder: Path, form: str, item_id: str, video: str, dimension: str, row: Record) -> Item:
    text, answer = row.text("question"), row.text("answer")
    options: tuple[str, ...]
    if form == "yes_no":
        options, gold = _YES_NO, answer.lower()
    elif form == "multi-choice":
        text, options = split_options(text)
        gold = answer.partition(". ")[2] or answer
    else:
        text, *lines = text.split("\n")
        options, gold = tuple(lines), answer
    if gold not in options:
        raise row.damaged("answer", "one of the options", answer)
    return make_choice(
        row,
        options,
        options.index(gold),
        id=item_id,
        video=find_video(folder / "videos", video, row.place),
        cluster=video,
        text=text,
        groups=(("dimension", dimension),),
    )


def prompt(item: Item, profile: Profile, subtitles: str = "", *, form: str) -> str:  # noqa: ARG001 (one wording)
    """The official prompt of a format.

    Args:
        item: the question.
        profile: not used.
        subtitles: not used: it has none.
        form: the format.
    """
    shape = "{0}. {1}" if form == "multi-choice" else "{1}"
    lines = [shape.format(x, option) for x, option in zip(item.letters, item.options, strict=True)]
    return "\n".join([item.text, *(lines if form != "yes_no" else [])]) + _ASKS[form]


def spell(item: Item, reply: RawAnswer, profile: Profile, *, form: str) -> str:
    """Spells a choice as its letter; for the official rules yes or no, or the whole caption, in words.

    Args:
        item: the question.
        reply: the answer.
        profile: rule of scoring.
        form: the format.
    """
    if reply.option is None or profile == "strict" or form == "multi-choice":
        return spell_letter(item, reply, profile)
    return item.options[reply.option]


def score(item: Item, said: str | None, profile: Profile, *, form: str) -> Score:
    """Scores a choice by its letter or, where its format has none, also by the words of one option alone.

    Args:
        item: the question.
        said: the text of the answer; None for none.
        profile: rule of scoring.
        form: the format.
    """
    text = said or ""
    if profile != "strict":
        return score_letter(item, _read_official(item, text, form))
    if form != "multi-choice" and (plain := text.strip().rstrip(".").casefold()):
        named = [x for x, option in zip(item.letters, item.options, strict=True) if option.casefold() == plain]
        if named:
            return score_letter(item, named[0])
    return score_strict_choice(item, said)


def _read_official(item: Item, text: str, form: str) -> str:
    if form == "multi-choice":
        return official_choice(text)
    if form == "yes_no":
        said = official_yes_no(text)
        return item.letters[_YES_NO.index(said)] if said else ""
    index = official_caption(text, item.options)
    return "" if index is None else item.letters[index]


def _make(form: str) -> Benchmark:
    scorer: Callable[[Item, str | None, Profile], Score] = partial(score, form=form)
    return Benchmark(
        partial(load, form=form),
        partial(prompt, form=form),
        partial(spell, form=form),
        scorer,
        score_metrics(scorer, task_mean="dimension"),
        ("strict", "official"),
    )


TEMPCOMPASS, TEMPCOMPASS_YES_NO, TEMPCOMPASS_CAPTIONS = map(_make, _ASKS)
