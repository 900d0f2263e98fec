"""The video behind an address, fetched by yt-dlp (extra `fetch`) after a yes, and kept in the cache under that address.

The host that is typed must be a public one, unless VIDEOSLEUTH_FETCH_PRIVATE says otherwise; where it leads from there,
yt-dlp decides.
"""

import hashlib
import os
import re
import socket
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from agent.policies.hub.consent import ask_user, is_allowed
from tools.cache import find_cache_root, make_video_folder
from tools.demux.file_kind import is_web_address
from tools.packaged_weights import is_installed

PRIVATE = "VIDEOSLEUTH_FETCH_PRIVATE"
"""Variable that allows hosts in a private network: `yes`."""
_LARGEST_BYTES = 8 * 2**30
"""Size of a fetched video at most."""
_SILENCE_SECONDS = 30
"""Silence of a host at most."""


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
    _check_host(host)
    what = f"{address} would be fetched by yt-dlp from {host}, as large as it is there, into the cache"
    if not is_allowed() and not ask_user(f"{what}. Fetch it? [y/N] "):
        raise ValueError(f"{what}; --yes allows it")
    _download(address, make_video_folder(name))
    if (fetched := _find_fetched(find_cache_root() / name)) is None:
        raise ValueError(f"no video of up to {_LARGEST_BYTES >> 30} GB came from {address}")
    return fetched


def _find_fetched(folder: Path) -> Path | None:
    return next((file for file in sorted(folder.glob("video.*")) if file.suffix not in (".part", ".ytdl")), None)


def _check_host(host: str) -> None:
    from agent.doors.http.fetch import is_public

    if os.environ.get(PRIVATE, "").casefold() in ("1", "yes", "true"):
        return
    try:
        found = {str(place[0]) for *_, place in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError) as error:
        raise ValueError(f"{host or 'the address'} is no host that can be found: {error}") from None
    if not all(is_public(one) for one in found):
        raise ValueError(f"{host} lies in a private network, where nothing is fetched from unless {PRIVATE}=yes")


def _download(address: str, folder: Path) -> None:
    yt_dlp: Any = import_module("yt_dlp")
    options = {
        "outtmpl": {"default": str(folder).replace("%", "%%") + "/video.%(ext)s"},
        "format": "best/bestvideo",  # one file: joining two needs a program that may not be there
        "max_filesize": _LARGEST_BYTES,
        "noplaylist": True,
        "playlist_items": "1",
        "socket_timeout": _SILENCE_SECONDS,
        "cachedir": False,
        "quiet": True,
        "noprogress": True,
        "no_warnings": True,
        "logger": _Silent(),
    }
    try:
        with yt_dlp.YoutubeDL(options) as downloader:
            downloader.extract_info(address, download=True)
    except yt_dlp.utils.YoutubeDLError as error:
        why = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).removeprefix("ERROR: ")
        raise ValueError(f"{address} could not be fetched: {why}") from None


class _Silent:
    """A log that keeps yt-dlp's lines off the terminal: what went wrong is raised."""

    def debug(self, message: str) -> None:
        """Ignores a line."""

    warning = error = debug
