"""The JSON in a server's answer: a stream of server-sent events, a whole document, or one document a line.

Read as the HTML standard has it (section 9.2.6: any line end, a space after the colon or none, several data lines an
event, a byte-order mark), and as servers send it beyond that.
"""

import json
from collections.abc import AsyncIterator
from typing import Any

from agent.policies.openai_api.troubles import PassingError, UselessError

_MARK = b"\xef\xbb\xbf"
_DONE = b"[DONE]"
_FIELDS = (b":", b"event:", b"id:", b"retry:")


class Ended:
    """The `[DONE]` at the end of a stream."""


async def iterate_pieces(chunks: AsyncIterator[bytes], max_bytes: int) -> AsyncIterator[Any]:
    """Every JSON value in a server's answer, then `Ended` where the stream is ended in form.

    Raises:
        PassingError: a part of the answer is not JSON.
        UselessError: the answer is a web page, or has more than `max_bytes`.
    """
    event: list[bytes] = []
    whole: list[bytes] = []
    async for line in _iterate_lines(chunks, max_bytes):
        if line.strip() == _DONE or (line.startswith(b"data:") and line[5:].strip() == _DONE):
            yield Ended()
            return
        if line.startswith(b"data:"):
            event.append(line[5:].strip())
            if len(event) == 1 and (value := _load_json(event[0])) is not _BROKEN:
                event.clear()
                yield value
        elif not line:
            if any(event):
                yield _parse_json(b"\n".join(event))
            event.clear()
        elif not line.startswith(_FIELDS):
            whole.append(line)
    if any(event):
        yield _parse_json(b"\n".join(event))
    for value in _parse_documents(whole):
        yield value


async def _iterate_lines(chunks: AsyncIterator[bytes], max_bytes: int) -> AsyncIterator[bytes]:
    count, rest = 0, bytearray()
    async for chunk in chunks:
        if not count:
            chunk = chunk.removeprefix(_MARK)
        count += len(chunk)
        if count > max_bytes:
            raise UselessError(f"sent more than {max_bytes / 2**20:.0f} MiB; cut off")
        rest += chunk
        if b"\n" in chunk or b"\r" in chunk:
            # a line end cut between its two characters leaves one blank line more, which means nothing
            *lines, last = bytes(rest).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
            rest = bytearray(last)
            for line in lines:
                yield line
    yield bytes(rest)


def _parse_documents(lines: list[bytes]) -> list[Any]:
    """The JSON values of lines that are no events: one document over all lines, or one on each."""
    body = b"\n".join(lines).strip()
    if body.startswith(b"<"):
        raise UselessError("answered with a web page: is that the base URL, with its /v1?")
    if not body:
        return []
    if (value := _load_json(body)) is not _BROKEN:
        return [value]
    each = [_load_json(line) for line in lines if line.strip()]
    return [_parse_json(body)] if any(value is _BROKEN for value in each) else each


_BROKEN = object()


def _load_json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return _BROKEN


def _parse_json(data: bytes) -> Any:
    if (value := _load_json(data)) is _BROKEN:
        raise PassingError(f"not JSON: {data[:80].decode('utf-8', 'replace')!r}")
    return value
