"""`agent doctor`: what is installed and works, what `auto` picks, and how to get what is missing."""

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from rich.console import Console
from rich.table import Table

from agent.policy import POLICIES
from tools.cache import cache_root, cached_videos
from tools.encoders import EncoderState, describe_encoders
from tools.observation import MissingPartError


@dataclass(frozen=True)
class Finding:
    """One line of the checkup."""

    part: str
    state: str
    is_fine: bool
    advice: str = ""


def print_checkup(console: Console) -> int:
    """Prints the checkup; 0 if a question can be asked now, 1 if something needed is missing."""
    table = Table(show_header=True, header_style="bold", box=None, pad_edge=False)
    for column in ("", "part", "state", "advice"):
        table.add_column(column, overflow="fold")
    found = list(checkup())
    for item in found:
        table.add_row("[green]ok[/]" if item.is_fine else "[yellow]--[/]", item.part, item.state, item.advice)
    console.print(table)
    can_ask = any(item.is_fine and item.part.startswith("encoder") for item in found)
    console.print("Questions can be asked." if can_ask else "No encoder is usable: questions can't be asked yet.")
    return 0 if can_ask else 1


def checkup() -> Iterator[Finding]:
    """Every part, one after the other."""
    yield Finding("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}", True)
    yield from (_package(name) for name in ("av", "torch", "langgraph", "faiss-cpu"))
    yield _device()
    yield from (_encoder(state) for state in describe_encoders())
    yield _screen_text()
    yield _speech()
    yield Finding("policies", ", ".join(sorted(POLICIES)), True, "lite is the default; it understands no pictures")
    size = sum(video.size_bytes for video in cached_videos())
    yield Finding("cache", f"{cache_root()} ({size / 1e6:.0f} MB)", True, "agent index --prune")


def _package(name: str) -> Finding:
    try:
        return Finding(name, version(name), True)
    except PackageNotFoundError:
        return Finding(name, "not installed", False, "pip install videosleuth")


def _device() -> Finding:
    import torch

    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        return Finding("gpu", f"{torch.cuda.get_device_name()}, {free / 1e9:.0f} of {total / 1e9:.0f} GB free", True)
    bf16 = torch.cpu.get_capabilities().get("amx_bf16", False)
    return Finding("gpu", "none; encoders run on the CPU" + (", in bf16 where it is faster" if bf16 else ""), True)


def _encoder(state: EncoderState) -> Finding:
    chosen = "ready" + (", used by auto" if state.is_auto else "")
    return Finding(f"encoder {state.spec}", chosen if state.is_ready else "not here", state.is_ready, state.note)


def _screen_text() -> Finding:
    from tools.screen_text import TextReader

    try:
        TextReader()
    except MissingPartError as missing:
        return Finding("screen text", "not installed", False, str(missing))
    return Finding("screen text", "PP-OCRv6 small (rapidocr)", True)


def _speech() -> Finding:
    from tools.speech import Recogniser

    try:
        name = Recogniser().name
    except MissingPartError as missing:
        return Finding("speech recognition", "not installed", False, str(missing))
    return Finding("speech recognition", name, True)
