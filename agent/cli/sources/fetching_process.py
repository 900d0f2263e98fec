"""yt-dlp in a process that connects to public addresses alone: `python -m agent.cli.sources.fetching_process ORDER`.

Where an address leads, strangers choose: redirects, names that resolve to this network, playlists and manifests that
name further addresses. So each connection is checked as it is made, by the address that it goes to once all names are
resolved, in an audit hook that nothing in the process can take away. What it can't see is not let run: libcurl, and any
other program, as ffmpeg, but for deno without permissions, which works out YouTube's addresses and connects nowhere.
A proxy would connect in place of this process, so none is used.
"""

import ipaddress
import json
import re
import resource
import shutil
import sys
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from agent.doors.public_address import may_connect
from tools.plain_data import loads_json

_SILENCE_SECONDS = 30
"""Silence of a host at most."""
_MEMORY_BYTES = 2 * 2**30
"""Memory of the process at most: a page is read whole, however long it is."""
_CONNECTING = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_STARTING = frozenset({"os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "pty.spawn"})
_PERMISSION = re.compile("--allow|--permission|-[A-Z]")
_UNSEEN = "curl_cffi"
EVERYWHERE = ("0.0.0.0/0", "::/0")
"""The networks that hold all addresses."""


@dataclass(frozen=True)
class FetchOrder:
    """What is to be fetched, as JSON in the only argument."""

    address: str
    folder: str
    """Where the file goes, as `video.*`."""
    largest_bytes: int
    private: tuple[str, ...] = ()
    """Private networks that may be asked."""

    def as_argument(self) -> str:
        """The order as an argument of the process."""
        return json.dumps(asdict(self))


class ConnectionGuard:
    """An audit hook: refuses connections to private addresses, and all whose connections it could not see."""

    def __init__(self, private: tuple[str, ...] = ()) -> None:
        """Refuses nothing until `sys.addaudithook` has it.

        Args:
            private: private networks that may be asked.
        """
        self._private = tuple(map(ipaddress.ip_network, private))
        self.refused: list[str] = []
        """Addresses that were refused."""

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Raises where an event may not happen."""
        if event in _CONNECTING:
            self._check_endpoint(arguments[1])
        elif event in _STARTING or (event == "subprocess.Popen" and not _is_harmless(arguments[1])):
            raise PermissionError("no other program is started: its connections could not be checked")
        elif event == "import" and arguments[0].partition(".")[0] == _UNSEEN:
            raise ImportError(f"{_UNSEEN} is not used: its connections could not be checked")

    def _check_endpoint(self, endpoint: object) -> None:
        if endpoint is None:  # of a socket that is connected
            return
        host = str(endpoint[0]) if isinstance(endpoint, tuple) else repr(endpoint)
        try:
            is_allowed = may_connect(host, self._private)
        except ValueError:  # a name, which nobody knows what it leads to, or no address of the internet
            is_allowed = False
        if not is_allowed:
            self.refused.append(host)
            raise PermissionError(f"{host} lies in a private network")


def _is_harmless(command: object) -> bool:
    """Whether a program is deno, asked for its version or to run a program that may read, write and reach nothing."""
    words = [str(word) for word in (command if isinstance(command, list | tuple) else [command])]
    is_deno = Path(words[0]).name == "deno" and words[1:2] in (["run"], ["--version"])
    return is_deno and not any(_PERMISSION.match(word) for word in words[2:])


def fetch(order: FetchOrder, guard: ConnectionGuard) -> str:
    """Fetches a video, and gives why it could not be; empty if it could."""
    yt_dlp: Any = import_module("yt_dlp")
    options = {
        "outtmpl": {"default": order.folder.replace("%", "%%") + "/video.%(ext)s"},
        "format": "best/bestvideo",  # one file: joining two needs a program that may not be there
        "max_filesize": order.largest_bytes,
        "noplaylist": True,
        "playlist_items": "1",
        "socket_timeout": _SILENCE_SECONDS,
        "skip_unavailable_fragments": False,
        "cachedir": False,
        "quiet": True,
        "noprogress": True,
        "no_warnings": True,
        "logger": _Silent(),
    }
    if order.private != EVERYWHERE:
        options["proxy"] = ""
    why = ""
    try:
        with yt_dlp.YoutubeDL(options) as downloader:
            downloader.extract_info(order.address, download=True)
    except (yt_dlp.utils.YoutubeDLError, OSError) as error:
        why = str(error)
    except MemoryError:
        why = "a page of it is too large to be looked at"
    if guard.refused:
        shutil.rmtree(order.folder, ignore_errors=True)  # what came by then is no whole video
        why = f"it leads to {guard.refused[0]}, which lies in a private network"
    return why


class _Silent:
    """A log that keeps yt-dlp's lines off the terminal: what went wrong is raised."""

    def debug(self, message: str) -> None:
        """Ignores a line."""

    warning = error = debug


if __name__ == "__main__":
    given = loads_json(sys.argv[1])
    ordered = FetchOrder(**given | {"private": tuple(given["private"])})
    resource.setrlimit(resource.RLIMIT_FSIZE, (ordered.largest_bytes, ordered.largest_bytes))
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_BYTES, _MEMORY_BYTES))
    watching = ConnectionGuard(ordered.private)
    if ordered.private != EVERYWHERE:
        sys.addaudithook(watching)
    print(json.dumps(fetch(ordered, watching)))
