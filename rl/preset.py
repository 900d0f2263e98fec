"""Writes a whole training file for a published recipe, with the values that it was published with.

    python -m rl.preset timesearch-r --write t.toml

Says what the file can't say, and which values were not published and are ours.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.ending import Parser, end_process
from agent.terminal import escape_controls, tell
from rl.grpo.config import Training
from rl.options.toml_config import parse_toml
from rl.rewards.preset import Preset, list_presets, load_preset

_PLACES = {
    "generations": "generations",
    "max_turns": "play.max_turns",
    "frames": "play.max_frames",
    "temperature": "play.temperature",
    "max_reply_tokens": "play.max_reply_tokens",
    "learning_rate": "update.learning_rate",
    "kl": "update.kl",
    "clip_low": "update.clip_low",
    "clip_high": "update.clip_high",
    "shuffled_generations": "sampling.shuffled_runs",
}
"""Key of a training file for each published value that has one."""
_SENTENCES = {
    "batch": "its batch was {}: set `questions`, of which each has `generations` runs",
    "epochs": "it was trained for {} epochs: set `steps` to as many questions as `data` has",
    "frames_a_turn": "a turn saw {} frames: here the policy says how many it wants, and `max_frames` bounds them all",
    "data": "its data: {}",
    "hardware": "its hardware: {}",
}
"""What is said of the published values that have none."""
_HEAD = ("model", "out", "preset", "data")


def make_training_file(preset: Preset, model: str = "Qwen/Qwen3-VL-4B-Instruct") -> tuple[str, list[str]]:
    """The text of a training file with the published values of a preset, and what differs from the publication.

    Args:
        preset: the preset.
        model: the model in training.
    """
    published = preset.recipe.published
    given = {key: value for key in published.model_fields_set if (value := getattr(published, key)) not in (None, "")}
    values: dict[str, object] = {"model": model, "out": f"runs/{preset.name}", "preset": preset.name}
    values["data"] = "drawn,level=1,count=64"
    values |= {place: given[key] for key, place in _PLACES.items() if key in given}
    unusable = []
    if given.get("generations") == 1:
        del values["generations"]
        unusable.append("it played each question once, and had a critic; here runs of a group are compared")
    if "frames_a_turn" in given and "frames" in given:
        del values["play.max_frames"]
        unusable.append(f"it began with {given['frames']} frames; here `max_frames` bounds all that a run looks at")
    needs = frozenset[str]().union(*preset.needs.values())
    if "second look" in needs:
        values["play.verify"] = True
    if "judge" in needs:
        values["judge.policy"] = "http:MODEL@http://127.0.0.1:8000/v1"
    notes = unusable + [_SENTENCES[key].format(given[key]) for key in _SENTENCES if key in given]
    ours = [place for key, place in _PLACES.items() if key not in given and key != "shuffled_generations"]
    if ours:
        notes.append(f"not published, or not known, and so the defaults of this project: {', '.join(ours)}")
    if "judge" in needs:
        notes.append("its reward asks a judge: name yours under [judge]")
    notes.append("model and data are examples: name your own")
    return _write(preset, values, notes), notes


def _write(preset: Preset, values: dict[str, object], notes: Sequence[str]) -> str:
    head = [f"# python -m rl.train {preset.name}.toml", "#", f"# {preset.recipe.paper}: its published values."]
    lines = [*head, *(f"# - {note}" for note in notes)]
    top = [key for key in values if "." not in key]
    lines += [f"{key} = {_literal(values[key])}" for key in sorted(top, key=lambda key: key not in _HEAD)]
    for table in dict.fromkeys(key.partition(".")[0] for key in values if "." in key):
        inner = {key.partition(".")[2]: value for key, value in values.items() if key.startswith(f"{table}.")}
        lines += ["", f"[{table}]", *(f"{key} = {_literal(value)}" for key, value in inner.items())]
    text = "\n".join(lines) + "\n"
    parse_toml(text, preset.name, Training).check(preset)
    return text


def _literal(value: object) -> str:
    """A value in TOML: texts, numbers and truth are written as in JSON."""
    return json.dumps(value)


def main(name: str, write: Path | None = None, say: Callable[[str], object] = tell) -> str:
    """The text of the training file; written to a file, if one is given.

    Args:
        name: the preset.
        write: the file; one that is there is not written over.
        say: prints what differs from the publication.

    Raises:
        ValueError: no such preset, or the file is there already.
    """
    text, notes = make_training_file(load_preset(name))
    if write is not None:
        if write.exists():
            raise ValueError(f"{write} is there already: name another file")
        write.write_text(text, encoding="utf-8")
    for note in notes:
        say(f"{name}: {note}")
    return text


def _command_line() -> None:
    parser = Parser("python -m rl.preset", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("preset", metavar="NAME", help=f"one of {', '.join(list_presets())}")
    parser.add_argument("--write", type=Path, metavar="FILE.toml", help="printed if left out")
    options = parser.parse_args()
    text = main(options.preset, options.write)
    if options.write is None:
        print(escape_controls(text), end="")


if __name__ == "__main__":
    end_process("rl.preset", _command_line)
