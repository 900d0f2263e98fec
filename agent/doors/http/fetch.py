"""A video fetched from a host that the server's settings name, and from no other: no redirect leads anywhere else."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO
from urllib.parse import urlsplit

import httpx2

from agent.doors.http.errors import RequestRefusedError

_SECONDS = 30.0
"""Silence of a host at most."""
_IN_MEMORY_BYTES = 2**20
"""Size from which on a fetched video lies on disk."""


@contextmanager
def fetch_video(url: str, hosts: Sequence[str], largest_bytes: int) -> Iterator[BinaryIO]:
    """A context with the content behind a URL, in a temporary file.

    Args:
        url: where it is.
        hosts: names that may be asked.
        largest_bytes: size at most.

    Raises:
        RequestRefusedError: the host is none of these, does not answer with a file, or with one that is too large.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if host not in hosts:
        raise RequestRefusedError(403, f"this server fetches videos from {', '.join(hosts)} alone", "host_not_allowed")
    with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as file:
        try:
            with httpx2.stream("GET", url, timeout=_SECONDS, follow_redirects=False, trust_env=False) as response:
                if response.status_code != 200:
                    raise RequestRefusedError(
                        400, f"the host of the video answered {response.status_code}", "not_fetched"
                    )
                size = 0
                for chunk in response.iter_bytes():
                    size += len(chunk)
                    if size > largest_bytes:
                        raise RequestRefusedError(
                            413, f"the video is too large: up to {largest_bytes} bytes", "too_large"
                        )
                    file.write(chunk)
        except httpx2.HTTPError as error:
            raise RequestRefusedError(
                400, f"the video could not be fetched ({type(error).__name__})", "not_fetched"
            ) from error
        file.seek(0)
        yield file  # type: ignore[misc]  # a SpooledTemporaryFile is one in all but its type
