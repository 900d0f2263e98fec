"""`agent doctor`: what is installed and works, what `auto` picks, and how to get what is missing."""

import json
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from agent.defaults import VARIABLE, default_policy
from agent.policy import POLICIES
from tools.cache import cache_root, cached_videos
from tools.encoders import EncoderState, describe_encoders
from tools.observation import MissingPartError

_ABOUT = {
    "http": "http:MODEL@URL, any OpenAI-compatible server; agent doctor --policy asks it what it sees",
    "lite": "needs no model and understands no pictures",
    "scripted": "scripted:TRAJECTORY.json plays a saved run",
    "transformers": "transformers:PATH_OR_ID, a vision-language model in process",
    "vllm": "vllm:PATH_OR_ID, many questions at once",
}


@dataclass(frozen=True)
class Finding:
    """One line of the checkup."""

    part: str
    state: str
    is_fine: bool
    advice: str = ""


def print_checkup(console: Console, *, as_json: bool = False) -> int:
    """Prints the checkup; 0 if a question can be asked now, 1 if something needed is missing."""
    found = list(checkup())
    can_ask = any(item.is_fine and item.part.startswith("encoder") for item in found)
    if as_json:
        print(json.dumps({"can_ask": can_ask, "parts": [asdict(item) for item in found]}, ensure_ascii=False))
    else:
        _print_table(found, console)
        console.print("Questions can be asked." if can_ask else "No encoder is usable: questions can't be asked yet.")
    return 0 if can_ask else 1


def _print_table(found: Sequence[Finding], console: Console) -> None:
    table = Table(show_header=True, header_style="bold", box=None, pad_edge=False)
    for column in ("", "part", "state", "advice"):
        table.add_column(column, overflow="fold")
    for item in found:
        # `pip install 'videosleuth[lite]'` is no markup
        sign = "[green]ok[/]" if item.is_fine else "[yellow]--[/]"
        table.add_row(sign, escape(item.part), escape(item.state), escape(item.advice))
    console.print(table)


def checkup() -> Iterator[Finding]:
    """Every part, one after the other."""
    yield Finding("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}", True)
    yield from (_package(name) for name in ("av", "torch", "langgraph", "faiss-cpu"))
    yield _device()
    yield from (_encoder(state) for state in describe_encoders())
    yield _screen_text()
    yield _speech()
    yield _default()
    yield from (_policy(name) for name in sorted(POLICIES))
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


def _default() -> Finding:
    choice = default_policy()
    advice = choice.advice or f"another one: --policy SPEC, or {VARIABLE}=SPEC for all questions"
    return Finding("policy used by default", f"{choice.spec}: {choice.why}", True, advice)


def _policy(name: str) -> Finding:
    part, about = f"policy {name}", _ABOUT.get(name, "")
    if name == "vllm" and find_spec("vllm") is None:
        return Finding(part, "not installed", False, f"{about}: pip install 'videosleuth[vllm]', on Linux")
    if name == "transformers" and find_spec("peft") is None:
        return Finding(part, "ready, without adapters", True, f"{about}; LoRA: pip install 'videosleuth[rl]'")
    return Finding(part, "ready", True, about)


def _screen_text() -> Finding:
    from tools.screen_text import TextReader
    from tools.text_model import added_scripts, missing_scripts

    try:
        TextReader()
    except MissingPartError as missing:
        return Finding("screen text", "not installed", False, str(missing))
    read = ", ".join(("Latin letters, Chinese, Japanese", *added_scripts()))
    missing_ones = ", ".join(missing_scripts())
    advice = (
        f"not read: {missing_ones}; their recognisers are used once rapidocr has fetched them" if missing_ones else ""
    )
    return Finding("screen text", f"PP-OCRv6 small (rapidocr): {read}", True, advice)


def _speech() -> Finding:
    from tools.speech import Recogniser

    try:
        name = Recogniser().name
    except MissingPartError as missing:
        return Finding("speech recognition", "not installed", False, str(missing))
    return Finding("speech recognition", name, True)
