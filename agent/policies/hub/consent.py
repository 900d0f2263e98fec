"""Whether a model may be downloaded: its size, licence and origin are named before, and the user says yes."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from agent.policies.default import find_snapshot
from agent.policies.hub.download import Hub, HubModel, format_size
from agent.policy import DOWNLOAD


def find_or_fetch(where: str, hub: Hub | None = None, ask: Callable[[str], bool] | None = None) -> Path:
    """The folder of the model of a hub id: as it is here, else as it is downloaded after a yes.

    Args:
        where: the hub id.
        hub: the hub; the usual one if None.
        ask: asks the user a yes-no question; on the terminal if None, where there is one.

    Raises:
        PolicyError: there is no such model, no network, or a file that is not what it should be.
        ValueError: the user has not allowed it, or the disk is full.
    """
    if (folder := find_snapshot(where)) is not None:
        return folder
    hub = hub or Hub()
    model = hub.look_up(where)
    what = f"{where} is not on this machine: {describe_download(model, hub)} would be downloaded"
    if not is_allowed() and not (ask or ask_user)(f"{what}. Download it? [y/N] "):
        raise ValueError(f"{what}; --yes allows it, or {DOWNLOAD}=yes")
    return hub.fetch(model)


def describe_download(model: HubModel, hub: Hub) -> str:
    """Size, licence and origin of a model in words."""
    licence = f"licence {model.licence}" if model.licence else "its card names no licence"
    return f"{format_size(model.size_bytes)} ({licence}) from {hub.endpoint}/{model.id}"


def is_allowed() -> bool:
    """Whether downloads are allowed unasked, by --yes or the environment."""
    return os.environ.get(DOWNLOAD, "").strip().casefold() in ("1", "yes", "true")


def ask_user(question: str) -> bool:
    """The user's answer on the terminal to a yes-no question; no where there is none."""
    return read_answer(question).casefold() in ("y", "yes")


def is_terminal() -> bool:
    """Whether there is a user who can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def read_answer(question: str) -> str:
    """The line that the user writes on the terminal; empty where there is none."""
    if not is_terminal():
        return ""
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip()
