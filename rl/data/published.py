"""Readers of published training sets (NExT-QA, ActivityNet-QA, LLaVA-Video-178K, Video-R1, VideoKR, WebVid) in their
original files, and of a teacher's explanations and predictions in a file of one's own.

Each reader takes the set's own file and the folder of its videos. A row that is no question with a checkable answer
about one video is left out, and counted by the reason.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evals.benchmarks.choice import next_qa
from evals.benchmarks.item import Item, find_first_existing
from evals.benchmarks.open import activitynet_qa
from evals.benchmarks.records import Record, read_csv_rows, read_json_rows, read_jsonl_rows
from evals.example import Example
from evals.scoring.published.clean_text import answer_tags

_LETTER = re.compile(r"\(?([A-Z])[.):]")
_PLACEHOLDER = re.compile(r"<(?:image|video)>\s*")
_OPTIONS_HEADS = ("options:", "option:")
_CHOICE = "multiple choice"
_CHECKABLE = (_CHOICE, "numerical", "free-form", "open-ended", "OCR", "regression")
"""Video-R1's problem types, each with a reward of its own in `rl.rewards.answers.answer_by_kind`."""
_DESCRIBE = "Describe in a sentence what is shown."
_TAUGHT = {
    "explanation": "Explain, step by step from causes to effects, how what is seen at the end came about.",
    "prediction": "What is most likely to happen right after the end, and why?",
}
"""The question that each key of a teacher's row answers."""
_NEEDS = {"OCR": "read_text", "regression": "estimate"}
"""Our words for the types that rewards tell apart."""


@dataclass(frozen=True)
class PublishedQuestions:
    """Examples of a file, and the number of rows that gave none."""

    examples: tuple[Example, ...]
    left_out: dict[str, int]
    """Number of rows left out, by the reason."""


def read_next_qa(folder: Path, split: str = "train") -> PublishedQuestions:
    """Reads NExT-QA's multiple choice: `{split}.csv` with its map to the files, as `evals` reads it.

    Raises:
        ValueError: a file is missing or damaged.
    """
    items = next_qa.load(folder, split)
    return PublishedQuestions(tuple(one for item in items if (one := item.example) is not None), {})


def read_activitynet_qa(folder: Path, split: str = "train") -> PublishedQuestions:
    """Reads ActivityNet-QA's `{split}_q.json` and `{split}_a.json`, as `evals` reads them.

    Raises:
        ValueError: a file is missing or damaged.
    """
    items = activitynet_qa.load(folder, split)
    return PublishedQuestions(tuple(one for item in items if (one := item.example) is not None), {})


def read_webvid(path: Path, videos: Path) -> PublishedQuestions:
    """Reads WebVid's `results_*.csv`: each caption is the answer to a question for one. Videos lie at
    `page_dir/videoid.mp4`, as its own downloader puts them.

    Raises:
        ValueError: the file is missing or damaged.
    """
    return _read(read_csv_rows(path), lambda row: [_webvid_item(row, videos)])


def read_taught(path: Path, videos: Path) -> PublishedQuestions:
    """Reads a teacher's JSONL of `video, explanation, prediction`; each is the answer to a question of its own.

    Raises:
        ValueError: the file is missing or damaged.
    """
    return _read(read_jsonl_rows(path), lambda row: _taught_items(row, videos))


def read_llava_video(path: Path, videos: Path) -> PublishedQuestions:
    """Reads a `*_qa_processed.json` of LLaVA-Video-178K; each round of a conversation is a question.

    Raises:
        ValueError: the file is missing or damaged.
    """
    return _read(read_json_rows(path), lambda row: _llava_items(row, videos))


def read_video_r1(path: Path, videos: Path) -> PublishedQuestions:
    """Reads `Video-R1-260k.json` or `Video-R1-COT-165k.json`; questions about images are left out.

    Raises:
        ValueError: the file is missing or damaged.
    """
    return _read(read_json_rows(path), lambda row: [_video_r1_item(row, videos)])


def read_videokr(path: Path, videos: Path) -> PublishedQuestions:
    """Reads `VideoKR-RL-114K.jsonl` or `VideoKR-COT-201K.jsonl`.

    The keys are those that VideoKR's own preparation scripts look for; the files themselves were not at hand.

    Raises:
        ValueError: the file is missing or damaged.
    """
    return _read(read_jsonl_rows(path), lambda row: [_videokr_item(row, videos)])


def _read(rows: Iterable[Record], items_of: Callable[[Record], Sequence[Item | str]]) -> PublishedQuestions:
    examples: list[Example] = []
    left_out: Counter[str] = Counter()
    for row in rows:
        for item in items_of(row):
            example = None if isinstance(item, str) else item.example
            if isinstance(item, str) or example is None:
                left_out[item if isinstance(item, str) else "no answer"] += 1
            else:
                examples.append(replace(example, needs=tuple(_NEEDS.get(label, label) for _, label in item.groups)))
    return PublishedQuestions(tuple(examples), dict(left_out))


def _webvid_item(row: Record, videos: Path) -> Item | str:
    name = row.name("videoid")
    video = row.file("page_dir", videos) / f"{name}.mp4"
    return _item(row, name, video, _DESCRIBE, (), row.text("name"), "open-ended")


def _taught_items(row: Record, videos: Path) -> list[Item | str]:
    video = row.file("video", videos)
    asked = [(key, text) for key, text in _TAUGHT.items() if row.has(key)]
    return [
        _item(row, f"{row.text('video')}#{key}", video, text, (), row.text(key), "open-ended") for key, text in asked
    ] or ["neither explanation nor prediction"]


def _llava_items(row: Record, videos: Path) -> list[Item | str]:
    turns = row.rows("conversations")
    if len(turns) % 2:
        raise row.damaged("conversations", "questions and answers in pairs", f"{len(turns)} turns")
    name = row.name("id")
    return [
        _llava_item(row, row.file("video", videos), f"{name}#{number}", *turns[2 * number - 2 : 2 * number])
        for number in range(1, len(turns) // 2 + 1)
    ]


def _llava_item(row: Record, video: Path, name: str, asked: Record, said: Record) -> Item | str:
    text, options = _split_options(_PLACEHOLDER.sub("", asked.text("value")).strip())
    answer = said.text("value").strip()
    kind = _CHOICE if options else "open-ended"
    return _item(row, name, video, text, options, answer, kind)


def _split_options(text: str) -> tuple[str, tuple[str, ...]]:
    """Question and options of a text that has an option a line below the question; what follows them is dropped."""
    lines = text.split("\n")
    first = next((n for n, line in enumerate(lines) if line.startswith(("A.", "A)", "(A)"))), None)
    if first is None:
        return text, ()
    options = []
    for letter, line in zip("ABCDEFGHIJ", lines[first:], strict=False):
        if (found := _parse_option(line)) is None or found[0] != letter:
            break
        options.append(found[1])
    return _drop_head("\n".join(lines[:first]).strip()), tuple(options)


def _drop_head(text: str) -> str:
    """The text without a last line that only announces options."""
    before, _, last = text.rpartition("\n")
    return before.strip() if last.strip().casefold() in _OPTIONS_HEADS else text


def _video_r1_item(row: Record, videos: Path) -> Item | str:
    if row.text("data_type") != "video":
        return "about an image"
    if (kind := row.text("problem_type")) not in _CHECKABLE:
        return f"of the type {kind}"
    options = tuple(_drop_letter(option) for option in row.texts("options")) if kind == _CHOICE else ()
    problem = _PLACEHOLDER.sub("", row.text("problem")).strip()
    return _item(row, row.name("problem_id"), row.file("path", videos), problem, options, row.text("solution"), kind)


def _videokr_item(row: Record, videos: Path) -> Item | str:
    file = _find_key(row, "file_name", "video", "path")
    options = tuple(_drop_letter(option) for option in _options(row))
    name = row.name(_find_key(row, "problem_id", "id", "file_name"))
    text = _PLACEHOLDER.sub("", row.text(_find_key(row, "question", "prompt"))).strip()
    answer = row.text(_find_key(row, "solution", "answer"))
    video = find_first_existing(row.file(file, videos), row.file(file, videos / "Videos"))
    return _item(row, name, video, text, options, answer, _CHOICE if options else "open-ended")


def _find_key(row: Record, *keys: str) -> str:
    """The first key that has a value; the first of all where none has, which is then reported as missing."""
    return next((key for key in keys if row.has(key)), keys[0])


def _options(row: Record) -> Sequence[str]:
    if not row.has("options"):
        return ()
    value: Any = row.values["options"]
    if isinstance(value, dict):
        return [f"{letter}. {option}" for letter, option in sorted(value.items())]
    return row.texts("options")


def _drop_letter(option: str) -> str:
    found = _parse_option(option.strip())
    return found[1] if found is not None else option.strip()


def _parse_option(text: str) -> tuple[str, str] | None:
    """Letter and words of an option such as `(A) a boat` or `B. two`; None for another text."""
    match = _LETTER.match(text)
    words = "" if match is None else text[match.end() :].strip()
    return None if match is None or not words else (match[1], words)


def _item(row: Record, name: str, video: Path, text: str, options: Sequence[str], answer: str, kind: str) -> Item | str:
    said = next(iter(answer_tags(answer)), answer)
    right: int | None = None
    if options:
        if len(options) == 1:
            return "one option only"
        if (right := _find_chosen(said, options)) is None:
            return "its answer is none of the options"
    return Item(
        id=name,
        kind="choice" if options else "open",
        video=video,
        cluster=str(video),
        text=text,
        place=row.place,
        options=tuple(options),
        right=right,
        gold=said if right is None else options[right],
        groups=(("type", kind),),
    )


def _find_chosen(said: str, options: Sequence[str]) -> int | None:
    """Index of the option that the answer names by letter, by words or by both; None if it names none."""
    found, alone = _parse_option(said), re.match(r"^\(?([A-Z])\)?\.?$", said.strip())
    letter = found[0] if found is not None else alone[1] if alone is not None else ""
    if letter and (index := ord(letter) - ord("A")) < len(options):
        return index
    plain = said.strip().rstrip(".").casefold()
    return next((n for n, option in enumerate(options) if option.strip().rstrip(".").casefold() == plain), None)
