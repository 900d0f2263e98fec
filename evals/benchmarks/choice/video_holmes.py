"""Video-Holmes: reasoning over clues in short suspense films, six options each.

The official script and VLMEvalKit want `<answer>E</answer>`, and nothing but the letter in it; lmms-eval wants the
letter bare and draws at random for the tag. There is a training split: don't train on it and report this.
"""

from pathlib import Path

from evals.benchmarks.benchmark import Benchmark, Profile, make_choice_scorer, options_lines
from evals.benchmarks.item import Item, RawAnswer, find_first_existing, find_video
from evals.benchmarks.metrics import score_metrics
from evals.benchmarks.records import Record, read_json_rows
from evals.scoring.published.first_letter import official_video_holmes, vlm_video_holmes
from evals.scoring.published.mmmu import lmms_mmmu

_ASK = (
    "Based on the given video, reason and answer the single-choice question. Provide your reasoning between the "
    "<think> and </think> tags, and then give your final answer between the <answer> and </answer> tags. "
)
_SELECT = (
    "Select the best answer to the following multiple-choice question based on the video. Respond with only the letter "
    "(A, B, C, D, E, or F) of the correct option."
)


def load(folder: Path) -> tuple[Item, ...]:
    """Reads the questions of `test_Video-Holmes.json`, in the folder or in `Benchmark`."""
    name = "test_Video-Holmes.json"
    file = find_first_existing(folder / name, folder / "Benchmark" / name)
    videos = find_first_existing(folder / "videos_cropped", folder / "videos", folder / "Benchmark" / "videos")
    return tuple(_item(videos, row) for row in read_json_rows(file))


def _item(videos: Path, row: Record) -> Item:
    choices = Record(row.place, row.mapping("Options"))
    options = tuple(choices.text(letter) for letter in sorted(choices.values))
    right = row.letter("Answer", len(options))
    return Item(
        id=row.name("Question ID"),
        kind="choice",
        video=find_video(videos, row.text("video ID"), row.place),
        cluster=row.text("video ID"),
        text=row.text("Question"),
        place=row.place,
        options=options,
        right=options.index(options[right]),
        gold=options[right],
        groups=(("type", row.text("Question Type")),),
    )


def prompt(item: Item, profile: Profile, subtitles: str = "") -> str:  # noqa: ARG001 (it has none)
    """The official prompt, or lmms-eval's."""
    if profile == "lmms":
        return f"Question: {item.text}\n{options_lines(item)}\n{_SELECT}"
    options = options_lines(item, "{}: {}").replace("\n", ", ")
    return f"{_ASK}The question is: {item.text}. The options are: {options}. Your answer:"


score = make_choice_scorer(
    official=lambda _, said: official_video_holmes(said),
    lmms=lambda item, said: lmms_mmmu(said, item.options),
    vlm=lambda _, said: vlm_video_holmes(said),
)


def spell(item: Item, reply: RawAnswer, profile: Profile) -> str:
    """Spells a choice as its letter; in a tag for the profiles that read one."""
    if reply.option is None:
        return ""
    letter = item.letters[reply.option]
    return f"<answer>{letter}</answer>" if profile in ("official", "vlm") else letter


VIDEO_HOLMES = Benchmark(load, prompt, spell, score, score_metrics(score), ("strict", "official", "lmms", "vlm"))
