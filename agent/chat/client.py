"""Requests to a chat-completions server that come back whole, or fail with a sentence to act on.

Replies are streamed, so that silence is noticed after `timeout_seconds` however long a model writes. What can pass by
itself (429, 5xx, a lost connection, half a stream) is tried again, more and more slowly; everything is bounded: tries,
waits, bytes. No redirect is followed, so that key and pictures go to no other server than the one that was named.
"""

import json
import random
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from agent.chat.completion import Assembly, Completion
from agent.chat.endpoint import Endpoint, without_key
from agent.policy import PolicyError

MAX_TRIES = 5
MAX_CONNECTION_TRIES = 3
"""Fewer: a server that is not there is mostly one that was never started."""
MAX_SILENT_TRIES = 2
"""Fewer still: each costs the whole timeout."""
MAX_WAIT_SECONDS = 60.0
"""The most that a server's Retry-After is honoured."""

_FIRST_WAIT_SECONDS = 1.0
_LONGEST_BACKOFF_SECONDS = 20.0
_CONNECT_SECONDS = 10.0
_MAX_EMPTY_TIMEOUTS = 10
"""Comments that keep a stream open are signs of life, as while a request waits in a queue; but not for ever."""
_SPARE_REPLY_BYTES = 2 * 2**20
_BYTES_A_TOKEN = 2048
"""A streamed token costs about 300 bytes, one with its logprob and id about 600."""
_MAX_ERROR_BYTES = 64 * 2**10
_EXCERPT = 300
_SHORTEST_REAL_KEY = 16
_PASSING = (408, 429, *range(500, 600))


class RefusedError(Exception):
    """The server said no, and will say it again to the same request."""

    def __init__(self, status: int, text: str, parameter: str = "") -> None:
        super().__init__(f"{status}: {text}")
        self.status = status
        self.text = text
        """What it said, without any trace of the key."""
        self.parameter = parameter
        """The parameter of the request that it blames, where it names one."""


class _PassingError(Exception):
    """Something that may work the next time."""

    def __init__(self, what: str, max_tries: int = MAX_TRIES, wait_seconds: float | None = None) -> None:
        super().__init__(what)
        self.max_tries = max_tries
        self.wait_seconds = wait_seconds
        """How long the server wants us to wait; None where it does not say."""


@dataclass(frozen=True)
class Clock:
    """Time and chance; tests give their own."""

    sleep: Callable[[float], None] = time.sleep
    passed: Callable[[], float] = time.monotonic
    """Seconds since some moment."""
    now: Callable[[], float] = time.time
    """Seconds since 1970."""
    jitter: Callable[[], float] = random.random
    """0..1."""


class ChatClient:
    """Asks one server. May be used from several threads; at most `concurrency` requests are under way."""

    def __init__(
        self, endpoint: Endpoint, *, timeout_seconds: float, concurrency: int, clock: Clock | None = None
    ) -> None:
        self._endpoint = endpoint
        self._key = endpoint.key()
        self._timeout_seconds = timeout_seconds
        self._clock = clock or Clock()
        self._slots = threading.BoundedSemaphore(concurrency)
        # a compressed answer could be far larger than what was counted
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        self._http = httpx2.Client(
            headers=headers,
            timeout=httpx2.Timeout(timeout_seconds, connect=min(_CONNECT_SECONDS, timeout_seconds), pool=None),
            limits=httpx2.Limits(max_keepalive_connections=concurrency),  # how many at once is for the slots to say
            follow_redirects=False,
            trust_env=not endpoint.is_local,  # no proxy stands between us and this machine
        )
        weakref.finalize(self, self._http.close)

    def complete(self, payload: dict[str, Any], max_tokens: int) -> Completion:
        """What the server makes of the request.

        Args:
            payload: the JSON of the request, as the chat-completions API has it.
            max_tokens: the most tokens that were asked for; a reply far beyond that is not read to its end.

        Raises:
            RefusedError: the server refuses this request for good.
            PolicyError: it can't be reached, keeps failing, or answers with something else than a completion.
        """
        body = json.dumps(payload).encode()
        max_bytes = _SPARE_REPLY_BYTES + _BYTES_A_TOKEN * max_tokens
        with self._slots:  # also while waiting: a server that has too much to do gets fewer requests
            for tried in range(1, MAX_TRIES + 1):
                try:
                    return self._clean(self._try(body, max_bytes))
                except _PassingError as trouble:
                    if tried >= trouble.max_tries:
                        raise PolicyError(self._shown(f"{self._name}: {trouble} (tried {tried} times)")) from None
                    self._clock.sleep(self._wait_seconds(tried, trouble))
        raise AssertionError("the last try returns or raises")

    @property
    def _name(self) -> str:
        return f"{self._endpoint.model} at {self._endpoint.base_url}"

    def _wait_seconds(self, tried: int, trouble: _PassingError) -> float:
        if trouble.wait_seconds is not None:
            return min(trouble.wait_seconds, MAX_WAIT_SECONDS)
        backoff: float = min(_FIRST_WAIT_SECONDS * 2 ** (tried - 1), _LONGEST_BACKOFF_SECONDS)
        return backoff * (0.5 + self._clock.jitter())

    def _try(self, body: bytes, max_bytes: int) -> Completion:
        assembly = Assembly()
        try:
            with self._http.stream("POST", f"{self._endpoint.base_url}/chat/completions", content=body) as response:
                if response.status_code != 200:
                    raise self._failure(response)
                for piece in self._pieces(response, max_bytes):
                    self._add(assembly, piece)
        except httpx2.ConnectTimeout:
            raise _PassingError("can't be reached: no connection", MAX_CONNECTION_TRIES) from None
        except httpx2.ConnectError as error:
            raise _PassingError(f"can't be reached: {error}; is it running?", MAX_CONNECTION_TRIES) from None
        except httpx2.TimeoutException:
            silence = f"silent for {self._timeout_seconds:g} s; a slow server needs a longer timeout"
            raise _PassingError(silence, MAX_SILENT_TRIES) from None
        except httpx2.RequestError as error:
            if not assembly.is_complete:
                raise _PassingError(f"the connection broke: {str(error) or type(error).__name__}") from None
        if not assembly.is_complete:
            raise _PassingError("the reply broke off before its end")
        return assembly.completion()

    def _add(self, assembly: Assembly, piece: Any) -> None:
        if isinstance(piece, dict) and piece.get("error"):  # behind a status of 200
            said = _said(piece)
            if said.code.startswith("4") and said.code.isdigit() and int(said.code) not in _PASSING:
                raise RefusedError(int(said.code), self._shown(said.text), said.parameter)
            raise _PassingError(f"an error while it wrote: {said.text}")
        try:
            assembly.add(piece)
        except ValueError as error:
            raise _PassingError(str(error)) from None

    def _pieces(self, response: httpx2.Response, max_bytes: int) -> Iterator[Any]:
        """Every piece of JSON of the answer, whether it is a stream or not."""
        whole: list[bytes] = []
        said_at = self._clock.passed()
        for line in self._lines(response, max_bytes):
            if line.startswith(b":") and self._clock.passed() - said_at > _MAX_EMPTY_TIMEOUTS * self._timeout_seconds:
                raise _PassingError("kept the line open and said nothing", MAX_SILENT_TRIES)
            if line.startswith(b"data:"):
                said_at = self._clock.passed()
                data = line[5:].strip()
                if data == b"[DONE]":
                    return
                yield _json(data)
            elif not _is_of_stream(line):
                whole.append(line)
        body = b"\n".join(whole).strip()
        if body.startswith(b"<"):
            raise PolicyError(
                self._shown(f"{self._name} answered with a web page: is that the base URL, with its /v1?")
            )
        if body:
            yield _json(body)

    def _lines(self, response: httpx2.Response, max_bytes: int) -> Iterator[bytes]:
        count, rest = 0, bytearray()
        for chunk in response.iter_bytes():
            count += len(chunk)
            if count > max_bytes:
                raise PolicyError(self._shown(f"{self._name} sent more than {max_bytes / 2**20:.0f} MiB; cut off"))
            rest += chunk
            if b"\n" in chunk:
                *lines, last = bytes(rest).split(b"\n")
                rest = bytearray(last)
                yield from (line.rstrip(b"\r") for line in lines)
        yield bytes(rest)

    def _failure(self, response: httpx2.Response) -> Exception:
        status = response.status_code
        if response.is_redirect:
            place = _place(response.headers.get("location", ""))
            advice = "nothing was sent there; give that address yourself if you trust it"
            return PolicyError(self._shown(f"{self._name} sends requests on to {place}: {advice}"))
        said = _said(_error_body(response))
        text = self._shown(said.text) or response.reason_phrase
        if status in _PASSING and said.code != "insufficient_quota":
            if _is_for_good(text):
                return RefusedError(status, text, said.parameter)
            return _PassingError(f"{status}: {text}", wait_seconds=self._retry_after(response))
        return RefusedError(status, text, said.parameter)

    def _retry_after(self, response: httpx2.Response) -> float | None:
        """Seconds that the server asks for, as a number or as a date; None where it says nothing readable."""
        asked = response.headers.get("retry-after", "")
        try:
            return max(0.0, float(asked))
        except ValueError:
            pass
        try:
            return max(0.0, parsedate_to_datetime(asked).timestamp() - self._clock.now())
        except ValueError:
            return None

    def _shown(self, text: str) -> str:
        """Fit for a reader: no key, one line, not too long."""
        plain = " ".join(without_key(text, self._key).split())
        return plain if len(plain) <= 2 * _EXCERPT else plain[: 2 * _EXCERPT] + "…"

    def _clean(self, completion: Completion) -> Completion:
        """The completion without the key, should a server repeat it where a trajectory would keep it."""
        if len(self._key) < _SHORTEST_REAL_KEY:  # a made-up one such as EMPTY is also a word
            return completion
        reply = completion.reply
        calls = json.dumps(reply.tool_calls).replace(self._key, "[key]")
        clean = replace(
            reply,
            text=reply.text.replace(self._key, "[key]"),
            reasoning=reply.reasoning.replace(self._key, "[key]"),
            tool_calls=tuple(json.loads(calls)),
        )
        return replace(completion, reply=clean)


@dataclass(frozen=True)
class _Said:
    """What an error says."""

    text: str
    parameter: str = ""
    code: str = ""


def _error_body(response: httpx2.Response) -> Any:
    """The body of an error as JSON, or as text where it is none; not more of it than anyone would read."""
    body = b""
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > _MAX_ERROR_BYTES:
            break
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body[:_MAX_ERROR_BYTES].decode("utf-8", "replace")


def _said(body: Any) -> _Said:
    """The message in an error, in whichever of the usual shapes it comes."""
    if isinstance(body, list) and body:  # Gemini wraps it in a list
        return _said(body[0])
    if isinstance(body, str):
        return _Said("a web page" if body.lstrip().startswith("<") else body[: 4 * _EXCERPT])
    if not isinstance(body, dict):
        return _Said(json.dumps(body)[: 4 * _EXCERPT])
    error = body.get("error", body)
    if not isinstance(error, dict):
        return _Said(str(error)[: 4 * _EXCERPT])
    text = error.get("message") or error.get("detail") or json.dumps(error)
    return _Said(str(text)[: 4 * _EXCERPT], str(error.get("param") or ""), str(error.get("code") or ""))


def _place(location: str) -> str:
    """Where a redirect leads, without what may be secret in it."""
    try:
        url = httpx2.URL(location)
    except httpx2.InvalidURL:
        return "an address that is none"
    return f"{url.scheme}://{url.host}{url.path}" if url.host else url.path


def _is_for_good(text: str) -> bool:
    """True for a 5xx that is a refusal: llama.cpp answers so where the request asks for what it can't do."""
    return any(sign in text for sign in ("not supported", "does not support", "Unsupported param", "requires --jinja"))


def _is_of_stream(line: bytes) -> bool:
    """True for the lines of a stream that carry no data: comments that keep it alive, names of events, blank ones."""
    return not line or line.startswith((b":", b"event:", b"id:", b"retry:"))


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise _PassingError(f"not JSON: {data[:80].decode('utf-8', 'replace')!r}") from None
