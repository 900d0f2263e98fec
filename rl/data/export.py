"""Writes stored runs as training data of other frameworks, with their pictures and tool calls.

    python -m rl.data.export RUN ... --format ms-swift --out FILE.jsonl
    python -m rl.data.export RUN ... --format llama-factory --out FILE.json

A run is a folder or a file of trajectories, as every command here keeps them. Pictures become JPEG files in a folder
beside FILE, each once. What follows the last turn of the policy is left out: nothing is learned from it.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from agent.ending import Parser, end_process
from agent.policy import PolicyOptions
from agent.rendering.messages import ImageBlock, Message, render
from agent.rendering.tokens import ShownConversation, fetch_pictures
from agent.terminal import tell
from agent.trajectory import Calls, Trajectory, from_json
from evals.runner.run_file import TRAJECTORIES
from rl.data.as_reply import write_replies
from rl.data.reopen import reopen_toolbox
from rl.data.text_tools import describe_tools
from tools.plain_data import loads_json, read_plain_lines
from tools.schema import ToolSpec

Format = Literal["ms-swift", "llama-factory"]
_IMAGE = "<image>"
"""The word that stands for a picture in both formats; there must be as many as pictures."""
Row = dict[str, Any]


@dataclass(frozen=True)
class _ChatPart:
    """A message in words, with the calls of an assistant's."""

    role: Literal["system", "user", "assistant", "tool"]
    text: str
    calls: tuple[dict[str, Any], ...] = ()


def make_swift_row(
    parts: Sequence[_ChatPart], images: Sequence[str], specs: Sequence[ToolSpec], *, is_raw: bool
) -> Row:
    """A line of ms-swift's agent format: roles `tool_call` and `tool_response`, whose contents are JSON.

    Args:
        parts: the messages.
        images: paths of the pictures, in the order of their words.
        specs: the tools.
        is_raw: whether results are the tools' words as they are.
    """
    messages = []
    for part in parts:
        if part.role == "tool":
            content = part.text if is_raw else json.dumps({"result": part.text}, ensure_ascii=False)
            messages.append({"role": "tool_response", "content": content})
        elif part.text:
            messages.append({"role": part.role, "content": part.text})
        messages += [{"role": "tool_call", "content": json.dumps(call, ensure_ascii=False)} for call in part.calls]
    tools = json.dumps([spec.openai for spec in specs], ensure_ascii=False)
    return {"messages": messages, "images": list(images), "tools": tools}


def make_factory_row(parts: Sequence[_ChatPart], images: Sequence[str], specs: Sequence[ToolSpec]) -> Row:
    """An object of LLaMA-Factory's sharegpt format: human and observation in turn with gpt and function_call.

    A thought stands before the calls of its turn, all of which are one list; the results of a turn are one observation.

    Args:
        parts: the messages.
        images: paths of the pictures, in the order of their words.
        specs: the tools.
    """
    said: list[dict[str, str]] = []
    for part in parts[1:] if parts[0].role == "system" else parts:
        if part.role == "assistant":
            calls = json.dumps(list(part.calls), ensure_ascii=False) if part.calls else ""
            said.append({"from": "function_call" if calls else "gpt", "value": f"{part.text}\n{calls}".strip()})
        elif said and said[-1]["from"] in ("human", "observation"):
            said[-1]["value"] += "\n" + part.text
        else:
            said.append({"from": "observation" if part.role == "tool" else "human", "value": part.text})
    tools = json.dumps([spec.openai["function"] for spec in specs], ensure_ascii=False)
    system = parts[0].text if parts[0].role == "system" else ""
    return {"conversations": said, "system": system, "tools": tools, "images": list(images)}


def describe_dataset(out: Path) -> str:
    """The entry of LLaMA-Factory's `dataset_info.json` for a file."""
    columns = {"messages": "conversations", "system": "system", "tools": "tools", "images": "images"}
    entry = {out.stem: {"file_name": str(out.resolve()), "formatting": "sharegpt", "columns": columns}}
    return json.dumps(entry, indent=2)


def export_runs(
    paths: Sequence[Path],
    out: Path,
    form: Format,
    *,
    tools: Sequence[str] = (),
    is_raw: bool = False,
    max_frame_pixels: int = PolicyOptions().max_frame_pixels,
) -> int:
    """Writes the runs to a file, and their pictures beside it; gives the number of runs.

    Args:
        paths: runs, or their files.
        out: the file to write.
        form: whose format it is.
        tools: names of the tools that are offered; () for all.
        is_raw: whether results are the tools' words as they are; LLaMA-Factory's always are.
        max_frame_pixels: pixels of the largest picture.

    Raises:
        ValueError: a file can't be read, holds no runs, or pictures can't be had.
    """
    specs = describe_tools(tools)
    folder = out.with_name(out.stem + "-images")
    out.parent.mkdir(parents=True, exist_ok=True)
    make_row: Callable[[Sequence[_ChatPart], Sequence[str]], Row] = (
        (lambda parts, images: make_swift_row(parts, images, specs, is_raw=is_raw))
        if form == "ms-swift"
        else (lambda parts, images: make_factory_row(parts, images, specs))
    )
    rows = []
    for run in _read_runs(paths):
        shown = _show(run, specs, PolicyOptions(max_frame_pixels=max_frame_pixels))
        if parts := _list_parts(shown.conversation.messages):
            count = sum(part.text.count(_IMAGE) for part in parts)
            rows.append(make_row(parts, [_keep_picture(folder, jpeg) for jpeg in shown.jpegs[:count]]))
    if not rows:
        raise ValueError(f"nothing to export: no policy took a turn in {', '.join(map(str, paths))}")
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    out.write_text(
        "\n".join(lines) + "\n" if form == "ms-swift" else "[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8"
    )
    return len(rows)


def _read_runs(paths: Sequence[Path]) -> Iterator[Trajectory]:
    for path in paths:
        file = path / TRAJECTORIES if path.is_dir() else path
        if not file.is_file():
            raise ValueError(f"no runs at {path}: need a run's folder, or its {TRAJECTORIES}")
        for number, line in read_plain_lines(file):
            try:
                yield write_replies(from_json(line))
            except ValueError as error:
                raise ValueError(f"{file}, line {number}: {error}") from error


def _show(run: Trajectory, specs: Sequence[ToolSpec], options: PolicyOptions) -> ShownConversation:
    # a call that was written in the text has become a move: without its reply it is rendered as a native one
    steps = (replace(s, turn=replace(s.turn, reply=None)) if isinstance(s.turn.move, Calls) else s for s in run.steps)
    conversation = render(replace(run, steps=tuple(steps)), specs, "native", options)
    if not conversation.pictures:
        return ShownConversation(conversation, ())
    with reopen_toolbox(run) as toolbox:
        return fetch_pictures(conversation, toolbox.picture)


def _list_parts(messages: Sequence[Message]) -> list[_ChatPart]:
    """The messages in words up to the policy's last turn; a notice of the loop belongs to the results before it."""
    parts: list[_ChatPart] = []
    for message in messages:
        part = _write_part(message)
        if part.role == "user" and parts and parts[-1].role == "tool":
            parts[-1] = replace(parts[-1], text=f"{parts[-1].text}\n{part.text}")
        else:
            parts.append(part)
    while parts and parts[-1].role != "assistant":
        parts.pop()
    return parts


def _write_part(message: Message) -> _ChatPart:
    if message.reply is not None:
        calls = tuple(_read_call(call["function"]) for call in message.reply.tool_calls)
        return _ChatPart("assistant", _escape_image(message.reply.text), calls)
    words = (_IMAGE if isinstance(block, ImageBlock) else _escape_image(block.text) for block in message.blocks)
    return _ChatPart(message.role, "".join(words))


def _read_call(function: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": function["name"], "arguments": loads_json(function["arguments"])}


def _escape_image(text: str) -> str:
    """A text in which nothing stands for a picture: what is said or shown may have the word."""
    return text.replace(_IMAGE, "‹image>")


def _keep_picture(folder: Path, jpeg: bytes) -> str:
    folder.mkdir(exist_ok=True)
    path = folder / f"{hashlib.sha256(jpeg).hexdigest()[:24]}.jpg"
    if not path.exists():
        path.write_bytes(jpeg)
    return str(path.resolve())


def _command_line() -> None:
    parser = Parser("python -m rl.data.export", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--format", required=True, choices=get_args(Format))
    parser.add_argument("--out", required=True, type=Path, metavar="FILE")
    parser.add_argument("--tools", nargs="+", default=(), metavar="NAME", help="the tools that are offered; all")
    parser.add_argument("--raw", action="store_true", help="ms-swift: results as they are shown to a policy, no JSON")
    parser.add_argument("--max-frame-pixels", type=int, default=PolicyOptions().max_frame_pixels, metavar="N")
    options = parser.parse_args()
    count = export_runs(
        options.runs,
        options.out,
        options.format,
        tools=options.tools,
        is_raw=options.raw,
        max_frame_pixels=options.max_frame_pixels,
    )
    tell(f"{count} runs in {options.out}")
    if options.format == "llama-factory":
        tell(f"for its dataset_info.json:\n{describe_dataset(options.out)}")


if __name__ == "__main__":
    end_process("rl.data.export", _command_line)
