"""MMVU: expert questions of 27 subjects, multiple choice and open; the official scorer is a judge model for both.

There is therefore no `official` profile here. lmms-eval's rules are lax, for choices and open answers alike: any text
that shares words with the right option, and the empty one for an open question, are right.
"""

from pathlib import Path
from string import ascii_uppercase

from evals.benchmarks.benchmark import (
    Benchmark,
    Profile,
    options_lines,
    score_strict_choice,
    score_strict_open,
    score_verdict,
    spell_letter,
)
from evals.benchmarks.item import Item, RawAnswer
from evals.benchmarks.metrics import score_metrics
from evals.benchmarks.records import Record, read_json_rows
from evals.inside import resolve_inside
from evals.scoring.published.by_gold import lmms_mmvu_choice, lmms_mmvu_open
from evals.scoring.scoring import Score

_DISCIPLINES = {
    "Science": "Biology Chemistry Modern_Physics Astronomy Geography Materials_Science Neurobiology Electromagnetism "
    "Thermodynamics Mechanics",
    "Engineering": "Civil_Engineering Electrical_Engineering Mechanical_Engineering Biomedical_Engineering "
    "Electronics_and_Communication Computer_Science",
    "Healthcare": "Clinical_Medicine Basic_Medicine Preventive_Medicine Pharmacy Dentistry",
    "Humanities & Social Science": "Art Literature History Law Economics Management",
}
_DISCIPLINE = {subject: name for name, subjects in _DISCIPLINES.items() for subject in subjects.split()}


def load(folder: Path) -> tuple[Item, ...]:
    """Reads the questions of `validation.json`; the subject is the folder in the address of the video."""
    return tuple(_item(folder, row) for row in read_json_rows(folder / "validation.json"))


def _item(folder: Path, row: Record) -> Item:
    parts = Path(row.text("video")).parts[-3:]
    if len(parts) < 3:
        raise row.damaged("video", "an address that ends in videos/SUBJECT/NAME", row.text("video"))
    subject, is_choice = parts[1], row.text("question_type") == "multiple-choice"
    options = _options(row) if is_choice else ()
    right = row.letter("answer", len(options)) if is_choice else None
    return Item(
        id=row.text("id"),
        kind="choice" if is_choice else "open",
        video=resolve_inside(folder, "/".join(parts), row.place),
        cluster="/".join(parts[1:]),
        text=row.text("question"),
        place=row.place,
        options=options,
        right=right,
        gold=row.text("answer") if right is None else options[right],
        groups=(
            ("question_type", row.text("question_type")),
            ("discipline", _DISCIPLINE.get(subject, "other")),
            ("subject", subject),
        ),
    )


def _options(row: Record) -> tuple[str, ...]:
    choices = Record(row.place, row.mapping("choices"))
    letters = [letter for letter in ascii_uppercase if choices.has(letter)]
    if letters != list(ascii_uppercase[: len(letters)]) or len(letters) < 2:
        raise row.damaged("choices", "options A, B and so on", dict(choices.values))
    return tuple(choices.text(letter) for letter in letters)


def prompt(item: Item, profile: Profile, subtitles: str = "") -> str:  # noqa: ARG001 (it has none)
    """The official prompt for a direct answer; lmms-eval's has a line more."""
    options = f"{options_lines(item, '{}: {}')}\n" if item.options else ""
    short = "" if profile == "lmms" else "short "
    gap = "\n" if profile == "lmms" else " "
    end = f"Answer directly with the option letter from the{gap}given choices." if options else ""
    end = end or f"Directly output the final {short}answer."
    question, seen = f"\nQuestion: {item.text}\n{options}", "\n"
    if profile == "lmms":
        question, seen = f"\nQuestion:{item.text}\n{options}", "Visual Information: processed video\n"
    return f"{question}{seen}Do not generate any intermediate reasoning process. {end}\n"


def score(item: Item, said: str | None, profile: Profile) -> Score:
    """Scores choices and open answers, strictly or by lmms-eval's rules without its judge."""
    text = said or ""
    if profile == "strict":
        return score_strict_choice(item, said) if item.options else score_strict_open(item, said)
    if item.options:
        choices = dict(zip(item.letters, item.options, strict=True))
        return score_verdict(lmms_mmvu_choice(text, item.right_letters[0], choices), text)
    return score_verdict(lmms_mmvu_open(text, item.gold or ""), text)


def spell(item: Item, reply: RawAnswer, profile: Profile) -> str:
    """Spells an answer as its letter, or as the text of an open answer."""
    return spell_letter(item, reply, profile) if item.options else reply.text


MMVU = Benchmark(load, prompt, spell, score, score_metrics(score), ("strict", "lmms"))
