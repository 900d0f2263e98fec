"""Checks that a rollout which uses its limits to the full can be trained on, before the first is sampled."""

import math

from agent.policies.local.image_processing import ImageProcessor
from agent.policies.local.model_files import read_model_files
from rl.grpo.config import Training

_ASPECT = 16 / 9
"""Shape of a frame whose size is estimated before any video is open: that of most videos."""


def check_targets(training: Training) -> None:
    """Refuses an adapter that vLLM could not sample with, by the model's small files alone.

    Raises:
        ValueError: an adapter of all linear layers would change the picture side too, which vLLM leaves out.
        PolicyError: the model can't be had.
    """
    lora = training.lora
    if lora is None or lora.start or lora.targets != "all-linear" or not training.is_by_engine:
        return
    if hasattr(read_model_files(training.model).config, "vision_config"):
        raise ValueError(
            'targets = "all-linear" also adapts the layers that see, which vLLM leaves out: name those of the words '
            'under [lora], targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]'
        )


def check_room(training: Training, eyes: ImageProcessor | None, context_tokens: int) -> None:
    """Refuses limits under which the rollouts that look most would not be trained on, or not even be sampled.

    Args:
        training: the training file.
        eyes: the model's image processor; None where it is shown no pictures.
        context_tokens: most tokens that the model can read.

    Raises:
        ValueError: pictures and replies alone are more than is trained on, or than the model can read.
    """
    play, update = training.play, training.update
    each = 0 if eyes is None else count_frame_tokens(eyes, play.max_frame_pixels)
    frames = play.most_frames or 0  # without a limit, runs end where the model's context does
    wanted = frames * each + training.max_sampled_tokens
    room = min(context_tokens, update.max_tokens or context_tokens)
    if wanted <= room:
        return
    limit = "the model can read" if room == context_tokens else "update.max_tokens allows"
    raise ValueError(
        f"a rollout may have {frames} frames of {each} tokens and {play.max_turns} replies of {play.max_reply_tokens}, "
        f"{wanted} tokens in all, and {limit} {room}: those that look most would not be trained on. Lower max_frames, "
        "max_frame_pixels, max_turns or max_reply_tokens under [play]"
        + ("" if room == context_tokens else ", or raise max_tokens")
    )


def count_frame_tokens(eyes: ImageProcessor, pixels: int) -> int:
    """Tokens of the largest picture that a model is shown.

    Args:
        eyes: its image processor.
        pixels: most pixels of a picture.
    """
    width = math.floor(math.sqrt(pixels * _ASPECT))
    return len(eyes.measure(max(1, width), max(1, pixels // max(1, width))).ids)
