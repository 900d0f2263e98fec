"""The video behind an address, fetched by yt-dlp (extra `fetch`) after a yes, and kept in the cache under that address.

The host that is typed and whatever it leads to must be public, unless VIDEOSLEUTH_FETCH_PRIVATE says otherwise: yt-dlp
runs in a process that makes no other connection (`agent.cli.sources.fetching_process`).
"""

import hashlib
import ipaddress
import os
import re
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from agent.policies.hub.consent import ask_user, is_allowed
from tools.cache import find_cache_root, make_video_folder
from tools.demux.file_kind import is_web_address
from tools.packaged_weights import is_installed
from tools.plain_data import loads_json
from tools.runtime.own_process import make_own_environment

PRIVATE = "VIDEOSLEUTH_FETCH_PRIVATE"
"""Variable that allows hosts in private networks: `yes`, or the networks, as `10.1.0.0/16,127.0.0.1`."""
_LAST_LETTERS = 500
"""Letters of what a process said that ended by a bug."""
_LARGEST_BYTES = 8 * 2**30
"""Size of a fetched video at most."""
_PATIENCE_SECONDS = 300.0
"""Time after which it is looked how much has come."""
_LEAST_BYTES = 300_000
"""Bytes that must come in that time: a host that sends a byte now and then is never silent."""


def is_fetchable(given: str) -> bool:
    """Whether a text is an address on the web, and yt-dlp is there to fetch it."""
    return is_web_address(given) and not Path(given).exists() and is_installed("yt_dlp")


def fetch_address(given: str) -> Path:
    """The file with the video behind an address, which was fetched before or is after a yes.

    Raises:
        ValueError: the user has not allowed it, the host lies in a private network, or no video comes from it.
    """
    address = given if re.match(r"https?://", given, re.I) else f"https://{given}"
    name = f"fetched-{hashlib.blake2b(address.encode(), digest_size=16).hexdigest()}"
    if (known := _find_fetched(find_cache_root() / name)) is not None:
        make_video_folder(name)  # it is used now
        return known
    host = urlsplit(address).hostname or ""
    private = _read_private()
    _check_host(host, private)
    what = f"{address} would be fetched by yt-dlp from {host}, as large as it is there, into the cache"
    if not is_allowed() and not ask_user(f"{what}. Fetch it? [y/N] "):
        raise ValueError(f"{what}; --yes allows it")
    _download(address, make_video_folder(name), private)
    if (fetched := _find_fetched(find_cache_root() / name)) is None:
        raise ValueError(f"no video of up to {_LARGEST_BYTES >> 30} GB came from {address}")
    return fetched


def _find_fetched(folder: Path) -> Path | None:
    return next((file for file in sorted(folder.glob("video.*")) if file.suffix not in (".part", ".ytdl")), None)


def _read_private() -> tuple[str, ...]:
    """The private networks that may be asked.

    Raises:
        ValueError: the variable names something else.
    """
    from agent.cli.sources.fetching_process import EVERYWHERE

    said = os.environ.get(PRIVATE, "").casefold()
    if said in ("1", "yes", "true"):
        return EVERYWHERE
    try:
        return tuple(str(ipaddress.ip_network(one.strip())) for one in said.split(",") if one.strip())
    except ValueError as error:
        raise ValueError(f"{PRIVATE} is yes, or networks as 10.1.0.0/16,127.0.0.1: {error}") from None


def _check_host(host: str, private: tuple[str, ...]) -> None:
    from agent.cli.sources.fetching_process import EVERYWHERE
    from agent.doors.public_address import may_connect

    if private == EVERYWHERE:
        return
    try:
        found = {str(place[0]) for *_, place in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError) as error:
        raise ValueError(f"{host or 'the address'} is no host that can be found: {error}") from None
    networks = tuple(map(ipaddress.ip_network, private))
    if not all(may_connect(one, networks) for one in found):
        raise ValueError(f"{host} lies in a private network, where nothing is fetched from unless {PRIVATE} allows it")


def _download(address: str, folder: Path, private: tuple[str, ...]) -> None:
    from agent.cli.sources.fetching_process import FetchOrder

    order = FetchOrder(address, str(folder), _LARGEST_BYTES, private)
    command = [sys.executable, "-P", "-m", "agent.cli.sources.fetching_process", order.as_argument()]
    with subprocess.Popen(
        command,
        env=make_own_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            output, errors = _communicate(process, folder)
        finally:
            process.kill()
    ended = loads_json(output.splitlines()[-1]) if process.returncode == 0 else errors[-_LAST_LETTERS:]
    said = re.sub(r"\x1b\[[0-9;]*m", "", ended)  # yt-dlp reports in colour
    if why := said.removeprefix("ERROR: "):
        raise ValueError(f"{address} could not be fetched: {why}")


def _communicate(process: "subprocess.Popen[str]", folder: Path) -> tuple[str, str]:
    """What the process wrote until its end, on stdout and on stderr.

    Raises:
        ValueError: what comes is so little that it would never end.
    """
    before = _measure_bytes(folder)
    while True:
        try:
            return process.communicate(timeout=_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            if (now := _measure_bytes(folder)) - before < _LEAST_BYTES:
                raise ValueError(
                    f"less than {_LEAST_BYTES // 1000} kB came in {_PATIENCE_SECONDS:g} s, so it was given up; do it "
                    "again to go on, or give a file that is here"
                ) from None
            before = now


def _measure_bytes(folder: Path) -> int:
    """Bytes of the files in a folder, as far as they were not removed meanwhile."""
    total = 0
    for file in folder.iterdir():
        with suppress(FileNotFoundError):
            total += file.stat().st_size
    return total
