"""Renders a trajectory as chat messages. Pure: no model, no network, no pixels.

One rendering for every policy with a model. History only ever grows: the messages of a trajectory are a prefix of those
of the same trajectory one step later, so that prefix caches hit. Each frame is a picture of its own with its time in
words; the video sampler of no model or server is used. Text of the video can't become a tag or a special token.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, zip_longest
from typing import Any, Literal

from agent.policy import PolicyOptions
from agent.prompts import STRATEGY_PROMPTS, read_prompt
from agent.rendering.answer_parser import LETTERS
from agent.rendering.data_uri import make_jpeg_uri
from agent.rendering.sanitize import escape_markup, quote_said
from agent.trajectory import (
    Answer,
    Calls,
    ExampleRun,
    Form,
    Move,
    Reply,
    Result,
    Step,
    ToolCall,
    Trajectory,
    VideoFacts,
)
from tools.observation import FULL_FRAME, FrameRef
from tools.sampling import format_seconds
from tools.schema import ToolSpec

PictureOf = Callable[[FrameRef], bytes | None]

STOP_STRINGS = ("<tool_response>",)
"""Stop strings of replies with tool calls in the text: observations come from tools and not from the model."""

DAMAGED = "(this frame is damaged and can't be shown)"
LEFT_OUT = "(shown before; left out to save room)"
_NOTED = "(shown before; left out to save room; your thought when you had seen it: {})"
_MOST_NOTE = 400
"""Characters of a thought that takes the place of pictures: fewer tokens than one of them."""
MOST_PICTURES = 128
"""Pictures of one request where a run may see more than that, as of a film: as many as a run about a clip may see."""
NO_EYES = "(a picture)"
_SEVERAL = (
    "The question is about all of these videos. Every tool takes the number of the video that it looks at, as "
    '"video". In the answer, each piece of evidence and each claim says which video it is of: "video": its number.'
)
_FOLLOW_UP = "The next question about the same video{s}. Results from before can be cited by their ids."
CUT_SHORT = " ... (the rest is left out to save room)"


@dataclass(frozen=True)
class Text:
    """A block of text of a message."""

    text: str


@dataclass(frozen=True)
class ImageBlock:
    """A frame in a message, sent as a picture of `ref.width` by `ref.height` pixels."""

    ref: FrameRef


Block = Text | ImageBlock


@dataclass(frozen=True)
class Message:
    """A chat message. An assistant's has a reply and no blocks; every other has blocks and no reply."""

    role: Literal["system", "user", "assistant", "tool"]
    blocks: tuple[Block, ...] = ()
    reply: Reply | None = None
    call_id: str = ""
    """Id of the call that a tool message answers, as the server or the trajectory named it; else empty."""


@dataclass(frozen=True)
class Conversation:
    """The messages and tools that one request shows a model."""

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...]
    """Specs to be sent as native tools; empty where the system message describes them."""
    dropped: tuple[FrameRef, ...] = ()
    """Pictures left out for their text, since the policy takes only so many."""

    @property
    def pictures(self) -> tuple[FrameRef, ...]:
        """References of all pictures in the order shown; one may stand there twice."""
        return tuple(b.ref for message in self.messages for b in message.blocks if isinstance(b, ImageBlock))


def render(
    trajectory: Trajectory,
    specs: Sequence[ToolSpec],
    form: Form,
    options: PolicyOptions,
    *,
    sees_pictures: bool = True,
    max_result_characters: int | None = None,
) -> Conversation:
    """Renders a trajectory as the conversation that a model is shown.

    Args:
        trajectory: the trajectory so far.
        specs: the tools that can be called.
        form: tool calls by the server's API, or as JSON in the text, as Qwen's models were trained on.
        options: limits of the pixels of a picture and of the number of pictures.
        sees_pictures: False for text-only models; each picture is then a word.
        max_result_characters: characters of one observation, where there is no room for all; None is no limit.
    """
    options = _limit_pictures(trajectory, options)
    shown = sum(len(result.observation.frames) for result in trajectory.as_one.results)
    to_drop = _count_to_drop(shown, options.max_pictures) if sees_pictures else 0
    notes = _list_notes(trajectory, options.max_pictures) if to_drop else {}
    pen = _BlockRenderer(options, sees_pictures, to_drop, max_result_characters, notes)
    if trajectory.question.is_verbatim:
        blocks = _join_texts([*pen.pictures(trajectory), Text(trajectory.question.text)])
        return Conversation((Message("user", blocks),), (), tuple(pen.dropped))
    messages = [Message("system", (Text(_render_system(specs, form)),))]
    for run in (*trajectory.earlier, trajectory):
        blocks = pen.opening(run, is_first=len(messages) == 1)
        if messages[-1].role == "user":  # a run that was broken off; many chat templates refuse two in a row
            blocks = (*messages.pop().blocks, *blocks)
        messages.append(Message("user", blocks))
        for step in run.steps:
            if not step.turn.is_opening:
                messages += _render_native(step, pen) if form == "native" else _render_in_text(step, pen)
    merged = tuple(replace(message, blocks=_join_texts(message.blocks)) for message in messages)
    return Conversation(merged, tuple(specs) if form == "native" else (), tuple(pen.dropped))


def render_openai_messages(
    conversation: Conversation,
    picture: PictureOf,
    *,
    tool_pictures: Literal["inline", "after"] = "inline",
    with_thinking: bool = False,
) -> list[dict[str, Any]]:
    """The messages of a conversation as the chat-completions API takes them, pictures as data URIs.

    Args:
        conversation: the rendered trajectory.
        picture: gives the JPEG of a frame.
        tool_pictures: "after" puts the pictures of tool messages into a user message behind them, for servers that
            take only text from tools.
        with_thinking: whether to send the model's thinking back beside its words, for servers that want it.
    """
    sent: list[dict[str, Any]] = []
    waiting: list[dict[str, Any]] = []
    for message in conversation.messages:
        if waiting and message.role != "tool":
            sent.append({"role": "user", "content": waiting})
            waiting = []
        if message.role == "tool" and tool_pictures == "after":
            words, shown = _split_pictures(message.blocks)
            waiting += [_render_openai_part(block, picture) for block in shown]
            message = replace(message, blocks=words)
        entry = _render_openai_message(message, picture)
        if with_thinking and message.reply is not None:
            entry |= {"reasoning_content": message.reply.reasoning}
        sent.append(entry)
    return [*sent, {"role": "user", "content": waiting}] if waiting else sent


def _split_pictures(blocks: Sequence[Block]) -> tuple[tuple[Block, ...], tuple[Block, ...]]:
    """The text blocks of an observation, and its pictures with the line before each, which says what it is."""
    words: list[Block] = []
    shown: list[Block] = []
    for block, following in zip_longest(blocks, blocks[1:]):
        if isinstance(block, ImageBlock):
            shown.append(block)
        elif isinstance(following, ImageBlock):
            head, _, label = block.text.rstrip("\n").rpartition("\n")
            words += [Text(head)] if head else []
            shown.append(Text(label + "\n"))
        else:
            words.append(block)
    return _join_texts([*words, Text("\nThe pictures follow.")] if shown else words), tuple(shown)


def _render_openai_message(message: Message, picture: PictureOf) -> dict[str, Any]:
    if message.reply is not None:
        spoken: dict[str, Any] = {"role": "assistant", "content": message.reply.text}
        calls = [_make_sendable(call) for call in message.reply.tool_calls]
        return spoken | {"tool_calls": calls} if calls else spoken
    parts = [_render_openai_part(block, picture) for block in message.blocks]
    words_only = len(parts) == 1 and parts[0]["type"] == "text"
    entry = {"role": message.role, "content": parts[0]["text"] if words_only else parts}
    return entry | {"tool_call_id": message.call_id} if message.role == "tool" else entry


def _make_sendable(call: dict[str, Any]) -> dict[str, Any]:
    """A native call as strict servers take it back: with the text of a JSON object as its arguments, whatever was sent.

    Some send an object and refuse one (https://github.com/ggml-org/llama.cpp/issues/20198); arguments that are no JSON
    would be refused with every later request (https://github.com/NousResearch/hermes-agent/pull/3468).
    """
    function = call.get("function")
    if not isinstance(function, dict):
        return call | {"function": {"name": "", "arguments": "{}"}}
    arguments = function.get("arguments")
    try:
        loaded = json.loads(arguments) if isinstance(arguments, str) else arguments
    except (ValueError, RecursionError):
        loaded = None
    if isinstance(arguments, str) and isinstance(loaded, dict):
        return call
    if not isinstance(loaded, dict):
        loaded = {"unreadable": arguments} if arguments else {}
    return call | {"function": function | {"arguments": json.dumps(loaded, ensure_ascii=False)}}


def _render_openai_part(block: Block, picture: PictureOf) -> dict[str, Any]:
    if isinstance(block, Text):
        return {"type": "text", "text": block.text}
    if (jpeg := picture(block.ref)) is None:
        return {"type": "text", "text": DAMAGED}
    return {"type": "image_url", "image_url": {"url": make_jpeg_uri(jpeg)}}


def _render_system(specs: Sequence[ToolSpec], form: Form) -> str:
    if form == "native" or not specs:
        return read_prompt("system")
    lines = "\n".join(json.dumps(spec.openai, ensure_ascii=False) for spec in specs)
    return read_prompt("system") + "\n\n" + read_prompt("tools").replace("{tools}", lines)


def _limit_pictures(trajectory: Trajectory, options: PolicyOptions) -> PolicyOptions:
    """The options, with a limit of pictures for runs that may see more than those about clips."""
    most = trajectory.limits.max_frames
    if options.max_pictures is not None or most is None or most <= MOST_PICTURES:
        return options
    return replace(options, max_pictures=MOST_PICTURES)


def _list_notes(trajectory: Trajectory, max_pictures: int | None) -> dict[str, str]:
    """What the model thought of each result when it had seen it, by the id of the call, as far as it thought.

    A picture that was left out as soon as it came was never seen, and a later note would change what stood there.
    """
    notes: dict[str, str] = {}
    shown = 0
    for step, following in pairwise(trajectory.as_one.steps):
        first = shown
        shown += sum(len(result.observation.frames) for result in step.results)
        dropped = _count_to_drop(shown, max_pictures)
        for result in step.results:
            if dropped <= first and following.turn.thought:
                notes[result.call_id] = quote_said(following.turn.thought[:_MOST_NOTE])
            first += len(result.observation.frames)
    return notes


def _count_to_drop(shown: int, max_pictures: int | None) -> int:
    """The number of oldest pictures to leave out: whole blocks of half the limit, so that it happens seldom.

    Each time costs the prefix cache everything behind the first picture that goes: over ten turns of 36 pictures and a
    limit of 16, prefilled tokens were 1.57 times the unique ones, and 2.28 with blocks of a quarter
    (`evals.perf.prefix_cache`).
    """
    if max_pictures is None:
        return 0
    too_many = shown - max_pictures
    block = max(1, max_pictures // 2)
    return max(0, math.ceil(too_many / block) * block)


class _BlockRenderer:
    """Renders observations as blocks, and leaves out the oldest pictures."""

    def __init__(
        self,
        options: PolicyOptions,
        sees_pictures: bool,
        to_drop: int,
        max_characters: int | None = None,
        notes: Mapping[str, str] | None = None,
    ) -> None:
        self._options = options
        self._max_characters = max_characters
        self._sees_pictures = sees_pictures
        self._to_drop = to_drop
        self._notes = dict(notes or {})
        self.dropped: list[FrameRef] = []

    def opening(self, trajectory: Trajectory, *, is_first: bool) -> tuple[Block, ...]:
        """The blocks of the first message: the video, the initial observations, then the question.

        The question comes last so that several questions of one video share all that stands before it.
        """
        opening = [step for step in trajectory.steps if step.turn.is_opening]
        follow_up = _FOLLOW_UP.replace("{s}", "s" if trajectory.other_facts else "")
        blocks: list[Block] = [Text(_render_facts(trajectory) if is_first else follow_up)]
        for step in opening:
            calls = {call.id: call for call in step.turn.move.calls} if isinstance(step.turn.move, Calls) else {}
            for result in step.results:
                blocks += [Text("\n\n"), *self.result(result, calls.get(result.call_id))]
        blocks.append(Text("\n\n" + _render_question(trajectory)))
        blocks += [Text("\n\n" + step.notice) for step in opening if step.notice]
        return tuple(blocks)

    def pictures(self, trajectory: Trajectory) -> Iterator[Block]:
        """The pictures of all results, without a word."""
        for ref in trajectory.frames_seen:
            yield self._picture(ref)

    def result(self, result: Result, call: ToolCall | None) -> Iterator[Block]:
        """The blocks of one observation under the id of its call; pictures behind their times."""
        name = f" {escape_markup(call.name)}" if call is not None else ""
        of = "" if result.observation.video is None else f" of video {result.observation.video}"
        yield Text(f"[{result.call_id}]{name}{of}\n{escape_markup(self._shortened(result.observation.text))}")
        is_known = result.repeat_of is not None and self._options.max_pictures is None
        for ref in () if is_known else result.observation.frames:
            yield from self._frame(ref, result.call_id)

    def _shortened(self, text: str) -> str:
        if self._max_characters is None or len(text) <= self._max_characters:
            return text
        return text[: self._max_characters] + CUT_SHORT

    def _frame(self, ref: FrameRef, call_id: str) -> Iterator[Block]:
        yield Text(f"\n{format_frame_label(fit_pixels(ref, self._options.max_frame_pixels))}:\n")
        yield self._picture(ref, call_id)

    def _picture(self, ref: FrameRef, call_id: str = "") -> Block:
        if not self._sees_pictures:
            return Text(NO_EYES)
        if len(self.dropped) < self._to_drop:
            self.dropped.append(ref)
            note = self._notes.pop(call_id, "")  # one for all pictures of a result, in the place of its first
            return Text(_NOTED.format(note) if note else LEFT_OUT)
        return ImageBlock(fit_pixels(ref, self._options.max_frame_pixels))


def format_frame_label(ref: FrameRef) -> str:
    """The label of a picture: its video, its time, the part of the frame, and its size in pixels."""
    part = "" if ref.box == FULL_FRAME else ", box (" + ", ".join(f"{side:.2f}" for side in ref.box) + ")"
    of = "" if ref.video is None else f" of video {ref.video}"
    return f"Frame{of} at {format_seconds(ref.seconds)} s{part} ({ref.width}x{ref.height})"


def fit_pixels(ref: FrameRef, max_pixels: int) -> FrameRef:
    """A reference to the picture at no more than `max_pixels`, its shape kept."""
    pixels = ref.width * ref.height
    if pixels <= max_pixels:
        return ref
    scale = math.sqrt(max_pixels / pixels)
    return replace(ref, width=max(1, int(ref.width * scale)), height=max(1, int(ref.height * scale)))


def _render_facts(trajectory: Trajectory) -> str:
    """The properties of the video, or of each, with what is else to be said of several."""
    lines = [_render_video(video, facts) for video, facts in trajectory.facts_by_number.items()]
    lines += trajectory.question.folder_gaps[:1]
    return "\n".join(lines if len(trajectory.facts_by_number) == 1 else [*lines, _SEVERAL])


def _render_video(video: int | None, facts: VideoFacts) -> str:
    sound = "subtitles" if facts.has_subtitles else "a sound track" if facts.has_speech_track else "no sound"
    cut = " The file is cut off: the rest can't be seen." if facts.is_cut_off else ""
    name = "The video" if video is None else f"Video {video}"
    part = f", from {facts.start_seconds:.2f} s on to {facts.duration_seconds:.2f} s" if facts.start_seconds else ""
    created = f" By the file it was created at {facts.created_at}." if facts.created_at else ""
    size = f"{facts.width}x{facts.height} pixels" if facts.has_pictures else "no pictures"
    return f"{name}: {facts.length_seconds:.2f} s{part}, {size}, {sound}.{created}{cut}"


def _render_question(trajectory: Trajectory) -> str:
    question = trajectory.question
    lines = [*_render_examples(trajectory.examples)]
    lines += [
        f"{question.task.capitalize() if question.task != 'answer' else 'Question'}: {escape_markup(question.text)}"
    ]
    lines += [f"{letter}. {escape_markup(option)}" for letter, option in zip(LETTERS, question.options, strict=False)]
    kind = question.task if question.task != "answer" else "answer_choice" if question.options else "answer_open"
    way = [read_prompt(STRATEGY_PROMPTS[trajectory.strategy])] if trajectory.strategy in STRATEGY_PROMPTS else []
    return "\n\n".join(["\n".join(lines), *way, read_prompt(kind)])


def _render_examples(examples: Sequence[ExampleRun]) -> Iterator[str]:
    for example in examples:
        yield f"Example, about another video: {quote_said(example.question)}"
        yield from (f"{letter}. {escape_markup(text)}" for letter, text in zip(LETTERS, example.options, strict=False))
        looks = f", after {', '.join(map(escape_markup, example.looks))}" if example.looks else ""
        yield f"It was answered rightly{looks}: {quote_said(example.answer)}\n"


def _render_in_text(step: Step, pen: _BlockRenderer) -> list[Message]:
    reply = step.turn.reply
    if reply is None or reply.tool_calls:  # not a reply in this form
        written = Reply(_write_turn(step.turn.thought, step.turn.move))
        reply = written if reply is None else replace(reply, text=written.text, tool_calls=(), token_ids=None)
    calls = _get_calls(step)
    blocks: list[Block] = []
    for result in step.results:
        blocks += [Text("<tool_response>\n"), *pen.result(result, calls.get(result.call_id))]
        blocks.append(Text("\n</tool_response>\n"))
    if step.notice:
        blocks.append(Text(step.notice))
    return [Message("assistant", reply=reply), *([Message("user", tuple(blocks))] if blocks else [])]


def _render_native(step: Step, pen: _BlockRenderer) -> list[Message]:
    reply = step.turn.reply or _make_native_reply(step.turn.thought, step.turn.move)
    if isinstance(step.turn.move, Calls) and not reply.tool_calls:  # called in the text, without the server's API
        return _render_in_text(step, pen)
    messages = [Message("assistant", reply=reply)]
    results = dict(enumerate(step.results))
    calls = _get_calls(step)
    for number, native in enumerate(reply.tool_calls):
        result = results.get(number)
        blocks = tuple(pen.result(result, calls.get(result.call_id))) if result else (Text("(not run)"),)
        messages.append(Message("tool", blocks, call_id=str(native.get("id", ""))))
    if step.notice:
        # a message of its own behind the results, so that notices of the loop stay apart from the tools' words
        messages.append(Message("user", (Text(step.notice),)))
    return messages


def _get_calls(step: Step) -> dict[str, ToolCall]:
    return {call.id: call for call in step.turn.move.calls} if isinstance(step.turn.move, Calls) else {}


def _make_native_reply(thought: str, move: Move) -> Reply:
    if not isinstance(move, Calls):
        return Reply(_write_turn(thought, move))
    calls = tuple(
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)},
        }
        for call in move.calls
    )
    return Reply(_write_thinking(thought).strip(), tool_calls=calls)


def _write_turn(thought: str, move: Move) -> str:
    """The text of a turn as a model would have written it, for turns of other policies and for imitation learning."""
    if isinstance(move, Calls):
        calls = ({"name": call.name, "arguments": call.arguments} for call in move.calls)
        said = "\n".join(f"<tool_call>\n{json.dumps(c, ensure_ascii=False)}\n</tool_call>" for c in calls)
    elif isinstance(move, Answer):
        said = f"<answer>{move.text}</answer>"
    else:
        said = move.text
    return _write_thinking(thought) + said


def _write_thinking(thought: str) -> str:
    return f"<think>\n{thought}\n</think>\n" if thought else ""


def _join_texts(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """Blocks with neighbouring texts joined, as every chat template shows them anyway."""
    joined: list[Block] = []
    for block in blocks:
        if isinstance(block, Text) and joined and isinstance(last := joined[-1], Text):
            joined[-1] = Text(last.text + block.text)
        else:
            joined.append(block)
    return tuple(joined)
