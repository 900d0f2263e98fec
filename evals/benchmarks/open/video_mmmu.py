"""Video-MMMU: knowledge acquired from lectures; three tracks of 300 questions, up to ten options, or a number.

In Adaptation the picture of the question is the last frame of the video; in the other two tracks the quiz that is shown
there is to be ignored. The question-only videos show the picture without the lecture: with them the gain is measured.
"""

from functools import partial
from pathlib import Path
from string import ascii_uppercase

from evals.benchmarks.benchmark import (
    Benchmark,
    Profile,
    options_lines,
    score_letter,
    score_strict_choice,
    score_strict_open,
    score_verdict,
    spell_letter,
)
from evals.benchmarks.item import Item, RawAnswer, find_video
from evals.benchmarks.metrics import score_metrics
from evals.benchmarks.records import Record, read_parquet_rows
from evals.scoring.published.mmmu import lmms_videommmu_open, official_videommmu
from evals.scoring.published.ranked import lmms_mcq
from evals.scoring.scoring import Score

_TRACKS = ("Perception", "Comprehension", "Adaptation")
_DISCIPLINES = {
    "Art": "Art Art_Theory Design Music",
    "Science": "Biology Chemistry Geography Math Physics",
    "Humanities": "History Literature Sociology Psychology",
    "Engineering": "Agriculture Architecture_and_Engineering Computer_Science Electronics Energy_and_Power Materials "
    "Mechanical_Engineering",
    "Medicine": "Basic_Medical_Science Clinical_Medicine Diagnostics_and_Laboratory_Medicine Pharmacy Public_Health",
    "Business": "Accounting Economics Finance Manage Marketing",
}
"""Folders of the videos, and the subjects in each."""
_DISCIPLINE = {subject: name for name, subjects in _DISCIPLINES.items() for subject in subjects.split()}
_LEARN = "You should watch and learn the video content. Then apply what you learned to answer the following "
_SHOWN = "question. The image for this question is at the end of the video.\n"
_IGNORE = "\nPlease ignore the Quiz question in last frame of the video."


def load(folder: Path, tracks: tuple[str, ...] = _TRACKS, *, question_only: bool = False) -> tuple[Item, ...]:
    """Reads the questions, from one parquet file a track.

    Args:
        folder: folder with the official files.
        tracks: names of the tracks to read.
        question_only: whether the videos without the lecture are shown.
    """
    return tuple(
        _item(folder, track, row, question_only=question_only)
        for track in tracks
        for row in read_parquet_rows(folder / track / "test-00000-of-00001.parquet")
    )


def _item(folder: Path, track: str, row: Record, *, question_only: bool) -> Item:
    item_id = row.text("id")
    subject = "_".join(item_id.split("_")[1:-1])
    if subject not in _DISCIPLINE:
        raise row.damaged("id", "SPLIT_SUBJECT_NUMBER with one of the 30 subjects", item_id)
    options = _strip_letters(row.texts("options"))
    right = row.letter("answer", len(options)) if options else None
    discipline = _DISCIPLINE[subject]
    lecture = find_video(folder / discipline, item_id, row.place)
    picture = row.values.get("image")
    return Item(
        id=item_id,
        kind="choice" if options else "open",
        video=find_video(folder / "question_only", f"{item_id}_image", row.place) if question_only else lecture,
        cluster=item_id,
        text=row.text("question"),
        place=row.place,
        options=options,
        right=None if right is None else options.index(options[right]),
        gold=row.text("answer") if right is None else options[right],
        groups=(("track", track), ("discipline", discipline), ("subject", subject)),
        picture=picture.get("bytes") if isinstance(picture, dict) else None,
    )


def _strip_letters(options: tuple[str, ...]) -> tuple[str, ...]:
    letters = ascii_uppercase[: len(options)]
    if all(option.startswith(f"{x}.") for x, option in zip(letters, options, strict=True)):
        return tuple(option[2:].strip() for option in options)
    return options


def prompt(item: Item, profile: Profile, subtitles: str = "") -> str:  # noqa: ARG001 (one wording, no subtitles)
    """The official prompt, which lmms-eval has too."""
    options = f"\n{options_lines(item)}" if item.options else ""
    if dict(item.groups)["track"] != "Adaptation":
        return f"{item.text}{options}{_IGNORE}"
    return f"{_LEARN}{'multi-choice' if item.options else 'open-ended'} {_SHOWN}{item.text}{options}"


def score(item: Item, said: str | None, profile: Profile) -> Score:
    """Scores an answer: strict; officially by MMMU's rules; or by lmms-eval's ranks of letters.

    An empty text is left out officially; lmms-eval counts it wrong for letters and leaves it out for open answers.
    """
    text = said or ""
    if profile == "strict":
        return score_strict_choice(item, said) if item.options else score_strict_open(item, said)
    if not item.options:
        return score_verdict(lmms_videommmu_open(text, item.gold or ""), text)
    if profile == "lmms":
        return score_letter(item, lmms_mcq(text, item.letters))
    letter = official_videommmu(text, item.options)
    return score_letter(item, letter or "", leaves_out=letter is None)


def spell(item: Item, reply: RawAnswer, profile: Profile) -> str:
    """Spells an answer as its letter, or as the text of an open answer."""
    return spell_letter(item, reply, profile) if item.options else reply.text


VIDEO_MMMU = Benchmark(load, prompt, spell, score, score_metrics(score, task_mean="track"))
VIDEO_MMMU_QUESTION_ONLY = Benchmark(
    partial(load, tracks=("Adaptation",), question_only=True), prompt, spell, score, score_metrics(score)
)
