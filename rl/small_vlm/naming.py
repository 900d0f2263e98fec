"""How well a model names what is on scenes that it was never shown: thing, colour, quarter, tag.

    python -m rl.small_vlm.naming MODEL [--split heldout] [--scenes 200]

On the side `train` the scenes are new and the names are known; on the side `heldout` the names are new too, so that a
thing can't be named there by anybody who has learned names from pictures alone.
"""

from agent.ending import check_arguments_first, end_process
from rl.small_vlm import command_lines

if __name__ == "__main__":  # before torch is imported
    check_arguments_first("rl.small_vlm.naming", command_lines.make_naming_parser(__doc__))

from collections.abc import Sequence
from dataclasses import dataclass

from agent.policies.local.image_processing import measure_jpeg
from agent.policies.local.token_sampling import SamplingParams
from agent.policies.transformers import Prompt, TransformersPolicy
from agent.policy import PolicyOptions
from agent.terminal import escape_controls
from evals.composed.recipe import Split
from rl.small_vlm.pretrain import render_scene
from rl.small_vlm.scenes import SceneCaption, Scenes, ShapeScene, parse_caption

SEED = 1_000_003
"""Seed of the test scenes; no training should take it."""
_MAX_TOKENS = 24
"""Longest reply; bounds a model that does not stop. A line names at most thing, quarter and tag."""
FIELDS = ("colour", "thing", "quarter", "tag")


@dataclass(frozen=True)
class Named:
    """A model's reply about one scene."""

    scene: ShapeScene
    said: str

    @property
    def told(self) -> SceneCaption:
        """The reply parsed into the fields of a caption."""
        return parse_caption(self.said)


def name_scenes(policy: TransformersPolicy, scenes: Sequence[ShapeScene], at_once: int = 8) -> list[Named]:
    """The model's greedy reply about each scene.

    Args:
        policy: the model.
        scenes: the scenes.
        at_once: scenes in one batch.
    """
    found = []
    for start in range(0, len(scenes), at_once):
        some = scenes[start : start + at_once]
        replies = policy.generate([_prompt(policy, scene) for scene in some])
        found += [Named(scene, reply.text) for scene, reply in zip(some, replies, strict=True)]
    return found


def count_shares(found: Sequence[Named]) -> dict[str, tuple[int, int]]:
    """Correct replies and scenes by field, over scenes that have the field; `empty` counts scenes without a needle."""
    counted = {}
    for field in FIELDS:
        asked_for = [one for one in found if getattr(one.scene.told, field) is not None]
        right = sum(getattr(one.told, field) == getattr(one.scene.told, field) for one in asked_for)
        counted[field] = (right, len(asked_for))
    empty = [one for one in found if one.scene.kind == "empty"]
    counted["empty"] = (sum(one.said.strip() == one.scene.told.line for one in empty), len(empty))
    return counted


def format_shares(found: Sequence[Named]) -> str:
    """The counts of `shares` as one line of text."""
    parts = [f"{name} {right} of {count}" for name, (right, count) in count_shares(found).items()]
    return f"named right: {', '.join(parts)}"


def load_policy(model: str, max_pixels: int, adapter: str = "") -> TransformersPolicy:
    """Loads the model as a policy that is asked for one line about a picture.

    Args:
        model: folder of the model.
        max_pixels: pixels of the largest picture.
        adapter: folder of a LoRA adapter; empty for none.
    """
    options = PolicyOptions(max_reply_tokens=_MAX_TOKENS, max_frame_pixels=max_pixels, adapter=adapter)
    return TransformersPolicy(model, options)


def _prompt(policy: TransformersPolicy, scene: ShapeScene) -> Prompt:
    eyes = policy.loaded.eyes
    if eyes is None:
        raise ValueError(f"{policy.spec} only reads: nothing can be shown to it")
    seen = measure_jpeg(eyes, scene.jpeg)
    return Prompt(
        policy.loaded.scribe.write(render_scene(scene)).expanded([seen.span]), (seen,), SamplingParams(0.0, 1.0, 0)
    )


def make_scenes(split: Split, count: int, max_frame_pixels: int, crop_pixels: int) -> list[ShapeScene]:
    """Test scenes, which no training has seen.

    Args:
        split: split of their needles and clips.
        count: number of scenes.
        max_frame_pixels: pixels of the largest whole frame or tag.
        crop_pixels: pixels of the largest crop with needle and tag.
    """
    return list(map(Scenes(SEED, split, max_frame_pixels, crop_pixels), range(count)))


def _command_line(arguments: Sequence[str] | None = None) -> None:
    got = command_lines.make_naming_parser(__doc__).parse_args(arguments)
    policy = load_policy(got.model, max(got.max_frame_pixels, got.crop_pixels), got.adapter)
    print(
        escape_controls(
            format_shares(
                name_scenes(policy, make_scenes(got.split, got.scenes, got.max_frame_pixels, got.crop_pixels))
            )
        )
    )


if __name__ == "__main__":
    end_process("rl.small_vlm.naming", _command_line)
