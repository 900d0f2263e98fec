"""What the tokens of a connector say by themselves, by the words nearest to them, on scenes that it was never shown.

python -m rl.small_vlm.look_words runs/run3/aligned --split heldout --scenes 200
"""

from agent.ending import check_arguments_first, end_process
from rl.small_vlm import command_lines

if __name__ == "__main__":  # before torch is imported
    check_arguments_first("rl.small_vlm.look_words", command_lines.make_words_parser(__doc__))

import torch

from agent.policies.local.loading import load_model
from agent.terminal import escape_controls
from evals.composed.drawn_needles import COLOURS
from evals.composed.recipe import Split
from evals.statistics.stats import wilson
from rl.small_vlm.look_align import WordLoss, draw_lesson

SEED = 1_000_003
"""Seed of the scenes; no training should take it."""
_CHOICES = {"colour": tuple(COLOURS), "height": ("top", "bottom"), "side": ("left", "right")}


def measure_words(model: str, split: Split, scenes: int) -> dict[str, tuple[int, int]]:
    """How often the nearest of some words is the right one, and of how many pictures that have one of them.

    Args:
        model: folder of the model.
        split: split of the shapes and clips.
        scenes: number of pictures.
    """
    loaded = load_model(model, 1)
    lessons = [draw_lesson(loaded, SEED, number, split) for number in range(scenes)]
    loss = WordLoss(loaded, lessons)
    with torch.inference_mode():
        nearest = loss.find_nearest(range(scenes))
    found = {}
    for name, words in _CHOICES.items():
        known = [word for word in words if word in loss.known]
        places = [loss.known.index(word) for word in known]
        said = [known[place] for place in nearest[:, places].argmax(1).tolist()]
        pairs = [(one, lesson.words) for one, lesson in zip(said, lessons, strict=True) if set(known) & {*lesson.words}]
        found[name] = sum(one in wanted for one, wanted in pairs), len(pairs)
    return found


def format_words(found: dict[str, tuple[int, int]]) -> str:
    """The counts as a line of text, with Wilson's 95 % interval."""
    parts = []
    for name, (right, count) in found.items():
        low, high = wilson(right, count)
        parts.append(f"{name} {right} of {count} ({100 * low:.0f}-{100 * high:.0f} %)")
    return "said right: " + ", ".join(parts)


def _command_line() -> None:
    given = command_lines.make_words_parser(__doc__).parse_args()
    print(escape_controls(format_words(measure_words(given.model, given.split, given.scenes))))


if __name__ == "__main__":
    end_process("rl.small_vlm.look_words", _command_line)
