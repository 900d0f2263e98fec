"""Policies that stand for vision-language models: they decode the pictures of the rendered request and read them.

Each differs from the honest one in a single way in which servers and models fail, so that a probe can be checked.
"""

import re

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from agent.policy import PolicyError, PolicyOptions, ToolAccess
from agent.probe.frames import DigitPlace, NumberedFrame, draw_glyph, place_numbers
from agent.rendering.messages import Text, render
from agent.rendering.reply_parser import parse_reply
from agent.trajectory import Reply, Setup, Trajectory, Turn, Usage
from tools.observation import FrameRef

FRAME_TOKENS = 220


class SeeingModel:
    """The honest one: reads every picture in order, calls the tool that it is told to call, counts its tokens."""

    spec = "test:honest"
    takes_most = 10**6
    """Pictures a request; more are refused with an error."""

    def __init__(self, options: PolicyOptions | None = None) -> None:
        self.options = options or PolicyOptions()
        self.requests = 0

    @property
    def setup(self) -> Setup:
        o = self.options
        return Setup(
            "text", o.temperature, o.top_p, o.seed, o.max_reply_tokens, o.max_frame_pixels, o.max_pictures, "prompts"
        )

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        self.requests += 1
        conversation = render(trajectory, sight.specs, "text", self.options)
        refs = conversation.pictures
        if len(refs) > self.takes_most:
            raise PolicyError(f"the server refused: At most {self.takes_most} image(s) may be provided in one prompt")
        jpegs = [sight.picture(ref) for ref in refs]
        pictures = [simplejpeg.decode_jpeg(jpeg, "RGB") for jpeg in jpegs if jpeg is not None]
        words = sum(len(b.text.split()) for m in conversation.messages for b in m.blocks if isinstance(b, Text))
        text = self.reply(trajectory, list(zip(refs, pictures, strict=True)))
        reply = Reply(text, token_ids=(1, 2), logprobs=(-0.1, -0.2), is_cut=self.is_cut(len(refs)))
        return parse_reply(reply, self.usage(words, refs), trajectory, conversation.dropped)

    def reply(self, trajectory: Trajectory, seen: list[tuple[FrameRef, NDArray[np.uint8]]]) -> str:
        if not seen:
            return self.call(trajectory.question.text)
        reading = [(ref, self.numbers(pixels)) for ref, pixels in self.kept(seen)]
        return "<answer>" + ", ".join(f"{r.seconds:.2f} = {' '.join(n)}" for r, n in reading if n) + ".</answer>"

    def call(self, told: str) -> str:
        found = re.search(r"seconds ([\d.]+) and box (\[.*?\])", told)
        assert found is not None
        arguments = f'{{"seconds": {found[1]}, "box": {found[2]}}}'
        return f'<tool_call>\n{{"name": "zoom", "arguments": {arguments}}}\n</tool_call>'

    def kept(self, seen: list[tuple[FrameRef, NDArray[np.uint8]]]) -> list[tuple[FrameRef, NDArray[np.uint8]]]:
        return seen

    def numbers(self, pixels: NDArray[np.uint8]) -> list[str]:
        return read(pixels)

    def is_cut(self, pictures: int) -> bool:
        return False

    def usage(self, words: int, refs: tuple[FrameRef, ...]) -> Usage:
        tokens = words + sum(round(FRAME_TOKENS * ref.width * ref.height / (640 * 360)) for ref in refs)
        return Usage(prompt_tokens=tokens, completion_tokens=20, cost_usd=0.001, cached_tokens=tokens - 16)


class DropsPastFour(SeeingModel):
    """Shows its model the first four pictures of a request, without a word."""

    spec = "test:drops"

    def kept(self, seen: list[tuple[FrameRef, NDArray[np.uint8]]]) -> list[tuple[FrameRef, NDArray[np.uint8]]]:
        return seen[:4]


class Reverses(SeeingModel):
    """Turns the order of the pictures round; the words between them stay where they are."""

    spec = "test:reverses"

    def kept(self, seen: list[tuple[FrameRef, NDArray[np.uint8]]]) -> list[tuple[FrameRef, NDArray[np.uint8]]]:
        refs, pictures = [ref for ref, _ in seen], [pixels for _, pixels in seen]
        return list(zip(refs, reversed(pictures), strict=True))


class Shrinks(SeeingModel):
    """Makes every picture 64 pixels wide before its model sees it."""

    spec = "test:shrinks"
    width = 64

    def numbers(self, pixels: NDArray[np.uint8]) -> list[str]:
        height, width = pixels.shape[:2]
        small = cv2.resize(pixels, (self.width, self.width * height // width), interpolation=cv2.INTER_AREA)
        return read(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.uint8))

    def usage(self, words: int, refs: tuple[FrameRef, ...]) -> Usage:
        return Usage(prompt_tokens=words + 64 * len(refs), completion_tokens=20)


class ShrinksZooms(Shrinks):
    """Makes what is wider than 640 pixels 640 pixels wide."""

    spec = "test:shrinks-zooms"
    width = 640


class NeverCalls(SeeingModel):
    """Answers where it is told to call a tool."""

    spec = "test:never-calls"

    def call(self, told: str) -> str:
        return "<answer>I would zoom in.</answer>"


class TakesEight(SeeingModel):
    """Refuses more than eight pictures with an error."""

    spec = "test:takes-eight"
    takes_most = 8


class CountsNothing(SeeingModel):
    """Reports no tokens."""

    spec = "test:counts-nothing"

    def usage(self, words: int, refs: tuple[FrameRef, ...]) -> Usage:
        return Usage()


class ThinksTooLong(SeeingModel):
    """Does not come to an end of its thinking where there is much to see."""

    spec = "test:thinks"

    def is_cut(self, pictures: int) -> bool:
        return pictures > 4

    def reply(self, trajectory: Trajectory, seen: list[tuple[FrameRef, NDArray[np.uint8]]]) -> str:
        return "<think>In the first frame I see" if len(seen) > 4 else super().reply(trajectory, seen)


class SeesNothing(SeeingModel):
    """Answers from the words alone, as a model does whose server ignores pictures."""

    spec = "test:blind"

    def numbers(self, pixels: NDArray[np.uint8]) -> list[str]:
        return ["1000"]

    def usage(self, words: int, refs: tuple[FrameRef, ...]) -> Usage:
        return Usage(prompt_tokens=words, completion_tokens=20)


class BlindAndTakesTwo(SeesNothing):
    """Reads nothing, and refuses more than two pictures."""

    spec = "test:blind-takes-two"
    takes_most = 2


class Babbles(SeeingModel):
    """Writes nonsense, as a model with random weights does."""

    spec = "test:babbles"

    def reply(self, trajectory: Trajectory, seen: list[tuple[FrameRef, NDArray[np.uint8]]]) -> str:
        return "\x00 zx<tool_call>{qq 9 <answer"


class SeesOnlyBesideTheQuestion(SeeingModel):
    """Its server leaves out the pictures that tools bring."""

    spec = "test:no-tool-pictures"

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        self._is_opening = bool(trajectory.steps) and trajectory.steps[0].turn.is_opening
        return super().__call__(trajectory, sight)

    def numbers(self, pixels: NDArray[np.uint8]) -> list[str]:
        return read(pixels) if self._is_opening else ["1000"]


class TakesNoPictures(SeeingModel):
    """A language model without eyes, whose server says so."""

    spec = "test:text-only"
    takes_most = 0


class Unreachable(SeeingModel):
    """No server is there."""

    spec = "test:unreachable"

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        raise PolicyError("nobody answers at localhost:8000")


def read(pixels: NDArray[np.uint8]) -> list[str]:
    """The numbers in a picture, by comparison with the letters that they are drawn with."""
    height, width = pixels.shape[:2]
    ref = FrameRef(0.0, height, width)
    grey = pixels.astype(np.float32).mean(axis=2)
    everywhere = [
        *place_numbers(NumberedFrame(ref, ("",))),
        *place_numbers(NumberedFrame(ref, ("",) * 10, is_chart=True)),
    ]
    found = (_read_at(grey, place) for place in everywhere)
    return [number for number in found if number]


def _read_at(grey: NDArray[np.float32], place: DigitPlace) -> str:
    wide = draw_glyph("8", place.height).shape[1]
    number = ""
    for cell in range(4):
        left = place.left + cell * wide
        ink = grey[place.top : place.top + place.height, left : left + wide]
        likeness = {digit: _likeness(ink, draw_glyph(digit, place.height)) for digit in "123456789"}
        best = max(likeness, key=lambda digit: likeness[digit])
        if likeness[best] < 0.8:
            return ""
        number += best
    return number


def _likeness(ink: NDArray[np.float32], letter: NDArray[np.float32]) -> float:
    """Correlation, -1 to 1; 0 for an empty cell."""
    if ink.shape != letter.shape or ink.std() < 4:
        return 0.0
    return float(np.corrcoef(ink.ravel(), letter.ravel())[0, 1])
