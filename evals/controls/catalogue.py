"""Registry of controls by name, as `--control` takes them."""

from evals.controls.blind import give_nothing, give_speech, plan_without_video
from evals.controls.control import AS_IT_IS, Control
from evals.controls.frames import random_frame, top_frame, uniform_frames
from evals.controls.missing_senses import PICTURES, SAID, SEARCH, SOUNDS, TEXT, give_all_but
from evals.controls.oracle import oracle_crop, oracle_frame, plan_known_boxes, plan_known_times
from evals.controls.other_videos import plan_unanswerable, plan_wrong_video
from evals.controls.shuffled_frames import give_shuffled_frames
from evals.controls.shuffled_options import plan_rotated_options
from evals.controls.whole_frames import give_whole_frames

CONTROLS: dict[str, Control] = {
    "blind": Control("The question alone: no picture, no sound, no length.", plan_without_video, give_nothing),
    "random-frame": Control("One frame, drawn by the id of the question.", give=random_frame),
    "middle-frame": Control("The frame in the middle.", give=uniform_frames(1)),
    "uniform-8": Control("8 evenly spread frames and no tools.", give=uniform_frames(8)),
    "uniform-32": Control("32 evenly spread frames and no tools.", give=uniform_frames(32)),
    "top-frame": Control("The one frame that the index finds for the question and its options.", give=top_frame),
    "no-zoom": Control("All tools, but no part of a picture is enlarged.", give=give_whole_frames),
    "no-text": Control("All tools but those that read screen text.", give=give_all_but(TEXT)),
    "no-speech": Control("All tools but those that bring what is said.", give=give_all_but(SAID)),
    "no-sounds": Control("All tools but the one that lists sounds.", give=give_all_but(SOUNDS)),
    "no-frame-search": Control("All tools but those that search the pictures.", give=give_all_but(PICTURES)),
    "no-search": Control("All tools but the one that searches all senses at once.", give=give_all_but(SEARCH)),
    "oracle-frame": Control("Only the frames that show the answer.", plan_known_times, oracle_frame),
    "oracle-crop": Control("Only the part of these frames that shows it.", plan_known_boxes, oracle_crop),
    "shuffled-frames": Control("Segments of the video in another order; times run forward.", give=give_shuffled_frames),
    "wrong-video": Control("Every question about another video of the set.", plan_wrong_video),
    "shuffled-options": Control("The options in up to three other orders.", plan_rotated_options),
    "subtitles-only": Control("What is said, and no picture.", give=give_speech),
    "unanswerable": Control("Questions that the video shown has no answer to.", plan_unanswerable),
}

ONE_TURN = frozenset(
    ("blind", "random-frame", "middle-frame", "uniform-8", "uniform-32", "top-frame", "oracle-frame", "oracle-crop")
)
"""Controls that show a model some frames and no tools, and leave the question's words as they are."""


def control_named(name: str | None) -> Control:
    """The control of a name; for None the one that changes nothing.

    Raises:
        ValueError: there is no such control; lists the known ones.
    """
    if name is None:
        return AS_IT_IS
    if name not in CONTROLS:
        raise ValueError(f"no control {name!r}: known are {', '.join(CONTROLS)}")
    return CONTROLS[name]
