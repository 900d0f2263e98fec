"""The client of a chat-completions server: requests come back whole, or fail with a sentence to act on.

Replies are streamed, so that silence is noticed after `timeout_seconds` however long a model writes. What can pass by
itself (429, 5xx, a lost connection, half a stream) is tried again, more and more slowly; everything is bounded: tries,
waits, bytes, and the time of each request, which nothing that a server sends can extend. No redirect is followed, so
that key and pictures go to no other server than the one that was named.
"""

import asyncio
import json
import logging
import math
import random
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx2

from agent.policies.openai_api import background
from agent.policies.openai_api.completion import Assembly, ChatCompletion
from agent.policies.openai_api.cures import is_known
from agent.policies.openai_api.endpoint import Endpoint
from agent.policies.openai_api.event_stream import Ended, iterate_pieces
from agent.policies.openai_api.redaction import Redactor
from agent.policies.openai_api.troubles import PassingError, RefusedError, UselessError
from agent.policies.openai_api.waiting import is_loading, read_wait_seconds
from agent.policy import OutOfTimeError, PolicyError
from agent.trajectory import Reply, Usage

MAX_TRIES = 5
"""Tries of one request: with waits of 1, 2, 4 and 8 s a trouble may last about 15 s."""
MAX_CONNECTION_TRIES = 3
"""Tries of a connection, fewer than of a request: a server that is not there was mostly never started."""
MAX_SILENT_TRIES = 2
"""Tries of a request that stays silent: each costs the whole timeout."""
MAX_WAIT_SECONDS = 60.0
"""Seconds that a server may ask to wait before a try; more is cut to this."""
MAX_LOADING_SECONDS = 600.0
"""Seconds that are waited in all for a server to load its model, beside all other tries."""
MAX_EMPTY_TIMEOUTS = 10
"""Timeouts without a word of the reply after which a request is silent. Comments, blank lines or single bytes are signs
of life, as while a request waits in a queue, but not for ever."""

_FIRST_WAIT_SECONDS = 1.0
"""Seconds before the second try; doubled before each further one."""
_LONGEST_BACKOFF_SECONDS = 20.0
"""Seconds before a try at most, jitter left out, where the server names none."""
_LOADING_WAIT_SECONDS = 5.0
"""Seconds between two tries while the server loads its model."""
_CONNECT_SECONDS = 10.0
"""Seconds that a connection may take."""
_SPARE_REPLY_BYTES = 2 * 2**20
"""Bytes of a reply beside its tokens, such as comments and usage."""
_BYTES_A_TOKEN = 2048
"""Bytes of one token at most: a streamed token costs about 300, one with its logprob and id about 600."""
_MAX_ERROR_BYTES = 64 * 2**10
"""Bytes of an error's body that are read: enough for any message, and a bound for a hostile server."""
_EXCERPT = 300
"""Characters that the lengths of excerpts of a server's words are multiples of."""
_PASSING = (408, 429, *range(500, 600))
"""Statuses of troubles that may pass by themselves."""
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class RetryClock:
    """Clock, sleep and jitter of retries, which tests replace."""

    sleep: Callable[[float], None] = time.sleep
    passed: Callable[[], float] = time.monotonic
    """Gives the seconds since some fixed moment."""
    now: Callable[[], float] = time.time
    """Gives the seconds since 1970."""
    jitter: Callable[[], float] = random.random
    """Gives a random number in 0..1."""


@dataclass(frozen=True)
class _Deadline:
    """The time by which a request has to be over, its waits and further tries included."""

    seconds: float
    begun: float
    passed: Callable[[], float]

    def left(self) -> float:
        return max(0.0, self.seconds - (self.passed() - self.begun))


class ChatClient:
    """The client of one server. May be used from several threads; at most `concurrency` requests are under way."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        timeout_seconds: float,
        request_seconds: float,
        concurrency: int,
        clock: RetryClock | None = None,
    ) -> None:
        """Reads the key; connects to nothing yet.

        Args:
            endpoint: the server and the model.
            timeout_seconds: seconds that the server may be silent.
            request_seconds: seconds of one request in all, whatever the server sends.
            concurrency: requests at the same time.
            clock: replaces clock, sleep and jitter in tests.

        Raises:
            PolicyError: the key that the server needs is not there.
        """
        self._endpoint = endpoint
        key = endpoint.key()
        self._redactor = Redactor(key)
        self._timeout_seconds = timeout_seconds
        self._request_seconds = request_seconds
        self._clock = clock or RetryClock()
        self._slots = threading.BoundedSemaphore(concurrency)
        # a compressed answer could be far larger than what was counted
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        self._http = httpx2.AsyncClient(
            headers=headers,
            timeout=httpx2.Timeout(timeout_seconds, connect=min(_CONNECT_SECONDS, timeout_seconds), pool=None),
            limits=httpx2.Limits(max_keepalive_connections=concurrency),  # how many at once is for the slots to say
            follow_redirects=False,
            trust_env=not endpoint.is_local,  # no proxy stands between us and this machine
        )
        weakref.finalize(self, _close, self._http)

    def complete(self, payload: dict[str, Any], max_tokens: int, seconds: float = math.inf) -> ChatCompletion:
        """The server's completion for a request.

        Args:
            payload: the JSON of the request, as the chat-completions API has it.
            max_tokens: the most tokens that were asked for; a reply far beyond that is not read to its end.
            seconds: seconds until the request has to be over, waits and further tries included.

        Raises:
            RefusedError: the server refuses this request for good.
            OutOfTimeError: the seconds are over.
            PolicyError: the server can't be reached, keeps failing, or answers with something else than a completion.
        """
        body = json.dumps(payload).encode()
        max_bytes = _SPARE_REPLY_BYTES + _BYTES_A_TOKEN * max_tokens
        deadline = _Deadline(seconds, self._clock.passed(), self._clock.passed)
        tried, loaded_seconds = 0, 0.0
        with self._slot(deadline):  # also while waiting: a server that has too much to do gets fewer requests
            while True:
                try:
                    return self._clean(self._try(body, max_bytes, deadline))
                except PassingError as trouble:
                    wait = self._wait_seconds(tried + 1, trouble)
                    if trouble.is_loading and loaded_seconds + wait <= MAX_LOADING_SECONDS:
                        loaded_seconds += wait
                    elif (tried := tried + 1) >= (trouble.max_tries or MAX_TRIES):
                        raise self._failed(f"{trouble} (tried {tried} times)") from None
                    self._wait(wait, trouble, deadline)

    @property
    def _name(self) -> str:
        return f"{self._endpoint.model} at {self._endpoint.base_url}"

    def _failed(self, what: str) -> PolicyError:
        return PolicyError(self._shown(f"{self._name}: {what}"))

    def _late(self, what: str) -> OutOfTimeError:
        return OutOfTimeError(self._shown(f"{self._name}: {what} before the time of the question was over"))

    @contextmanager
    def _slot(self, deadline: _Deadline) -> Iterator[None]:
        left = deadline.left()
        if not self._slots.acquire(timeout=None if math.isinf(left) else left):
            raise self._late("its turn did not come")
        try:
            yield
        finally:
            self._slots.release()

    def _wait_seconds(self, tried: int, trouble: PassingError) -> float:
        if trouble.wait_seconds is not None:
            return min(trouble.wait_seconds, MAX_WAIT_SECONDS)
        if trouble.is_loading:
            return _LOADING_WAIT_SECONDS
        backoff: float = min(_FIRST_WAIT_SECONDS * 2 ** (tried - 1), _LONGEST_BACKOFF_SECONDS)
        return backoff * (0.5 + self._clock.jitter())

    def _wait(self, seconds: float, trouble: PassingError, deadline: _Deadline) -> None:
        if trouble.wait_seconds is None:
            seconds = min(seconds, deadline.left() / 2)  # only a wait that the server asked for must be kept
        if seconds >= deadline.left():
            raise self._late(f"{trouble}; it can't be asked again in {seconds:.0f} s, which is not")
        if trouble.is_loading or trouble.wait_seconds is not None:
            why = "loads its model" if trouble.is_loading else "asks to wait"
            _LOG.warning("%s", self._shown(f"{self._name} {why}: asked again in {seconds:.0f} s ({trouble})"))
        self._clock.sleep(seconds)

    def _try(self, body: bytes, max_bytes: int, deadline: _Deadline) -> ChatCompletion:
        left = deadline.left()
        try:
            return background.run(self._ask(body, max_bytes, min(left, self._request_seconds)))
        except TimeoutError:
            if left < self._request_seconds:
                raise self._late("no whole reply came") from None
            late = f"no whole reply in {self._request_seconds:g} s; --max-request-seconds allows more"
            raise self._failed(late) from None
        except UselessError as useless:
            raise PolicyError(self._shown(f"{self._name} {useless}")) from None

    async def _ask(self, body: bytes, max_bytes: int, seconds: float) -> ChatCompletion:
        """Sends a request once, within some seconds.

        Raises:
            TimeoutError: the request took longer than `seconds`.
            PassingError: the request may work the next time.
        """
        assembly = Assembly()
        patience = asyncio.timeout(MAX_EMPTY_TIMEOUTS * self._timeout_seconds)
        try:
            async with asyncio.timeout(None if math.isinf(seconds) else seconds):
                try:
                    async with patience:
                        return await self._received(body, max_bytes, assembly, patience)
                except TimeoutError:
                    if not patience.expired():
                        raise
                    raise PassingError("kept the line open and said nothing", MAX_SILENT_TRIES) from None
        except httpx2.ConnectTimeout:
            raise PassingError("can't be reached: no connection", MAX_CONNECTION_TRIES) from None
        except httpx2.ConnectError as error:
            start = f" `{self._endpoint.start}` starts it" if self._endpoint.start else ""
            raise PassingError(f"can't be reached: {error}; is it running?{start}", MAX_CONNECTION_TRIES) from None
        except httpx2.TimeoutException:
            silence = f"silent for {self._timeout_seconds:g} s; a slow server needs a longer timeout"
            raise PassingError(silence, MAX_SILENT_TRIES) from None
        except httpx2.RequestError as error:
            if not assembly.is_complete:
                raise PassingError(f"the connection broke: {str(error) or type(error).__name__}") from None
            return assembly.completion()

    async def _received(
        self, body: bytes, max_bytes: int, assembly: Assembly, patience: asyncio.Timeout
    ) -> ChatCompletion:
        url = f"{self._endpoint.base_url}/chat/completions"
        async with self._http.stream("POST", url, content=body) as response:
            if not response.is_success:
                said = _read_error_message(error := await self._error_body(response))
                return self._said_in_refusal(said) or self._raised(response, said, error)
            async for piece in iterate_pieces(_iterate_chunks(response), max_bytes):
                if isinstance(piece, Ended):
                    assembly.end()
                elif _is_error(piece):  # behind a status of 200
                    return self._said_in_refusal(_read_error_message(piece)) or self._raised_inside(
                        _read_error_message(piece)
                    )
                elif piece is not None and _add(assembly, piece):  # null keeps a line alive
                    patience.reschedule(asyncio.get_running_loop().time() + MAX_EMPTY_TIMEOUTS * self._timeout_seconds)
        if not assembly.is_complete:
            raise PassingError("the reply broke off before its end")
        return assembly.completion()

    async def _error_body(self, response: httpx2.Response) -> Any:
        """The body of an error as JSON, or as text where it is none, cut to _MAX_ERROR_BYTES."""
        body = b""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                async for chunk in _iterate_chunks(response):
                    body += chunk
                    if len(body) > _MAX_ERROR_BYTES:
                        break
        except (TimeoutError, httpx2.RequestError):
            pass  # the status says enough
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            return body[:_MAX_ERROR_BYTES].decode("utf-8", "replace")

    def _said_in_refusal(self, said: "_ErrorMessage") -> ChatCompletion | None:
        """The completion in a refusal of Groq's, which sends along the model's calls that it can't read; else None."""
        return ChatCompletion(Reply(said.generation), Usage(), "stop") if said.generation else None

    def _raised(self, response: httpx2.Response, said: "_ErrorMessage", body: Any) -> ChatCompletion:
        """Raises the exception that an error status stands for."""
        status = response.status_code
        if response.is_redirect:
            place = _describe_redirect(response.headers.get("location", ""))
            advice = "nothing was sent there; give that address yourself if you trust it"
            raise self._failed(f"it sends requests on to {place}: {advice}")
        text = self._shown(said.text or response.reason_phrase)
        loads = is_loading(text)
        is_passing = status in _PASSING and said.code != "insufficient_quota" and not _is_final(text)
        if is_passing or loads:
            headers = {name.lower(): value for name, value in response.headers.items()}
            wait = read_wait_seconds(headers, body, self._clock.now())
            raise PassingError(f"{status}: {text}", wait_seconds=wait, is_loading=loads)
        raise RefusedError(status, text, said.parameter)

    def _raised_inside(self, said: "_ErrorMessage") -> ChatCompletion:
        """Raises the exception that an error in the middle of a reply stands for."""
        text, code = self._shown(said.text), said.code
        is_refusal = code.startswith("4") and code.isdigit() and int(code) not in _PASSING
        if is_refusal or (is_known(text) and not is_loading(text)):
            raise RefusedError(int(code) if is_refusal else 400, text, said.parameter)
        wait = read_wait_seconds({}, said.text, self._clock.now())
        raise PassingError(f"an error while it wrote: {text}", wait_seconds=wait, is_loading=is_loading(text))

    def _shown(self, text: str) -> str:
        """The text of an error for a reader: without the key, on one line, cut to a readable length."""
        plain = " ".join(self._redactor.error(text).split())
        return plain if len(plain) <= 2 * _EXCERPT else plain[: 2 * _EXCERPT] + "…"

    def _clean(self, completion: ChatCompletion) -> ChatCompletion:
        """The completion without the key, should a server repeat it where a trajectory would keep it."""
        reply = completion.reply
        clean = replace(
            reply,
            text=self._redactor.text(reply.text),
            reasoning=self._redactor.text(reply.reasoning),
            tool_calls=tuple(self._redactor.value(list(reply.tool_calls))),
        )
        return replace(completion, reply=clean)


@dataclass(frozen=True)
class _ErrorMessage:
    """The content of a server's error."""

    text: str
    parameter: str = ""
    code: str = ""
    generation: str = ""
    """Text of the model, where the server sends it with its refusal."""


def _close(http: httpx2.AsyncClient) -> None:
    background.start(http.aclose())


async def _iterate_chunks(response: httpx2.Response) -> AsyncIterator[bytes]:
    async for chunk in response.aiter_bytes():
        yield chunk


def _add(assembly: Assembly, piece: Any) -> bool:
    try:
        return assembly.add(piece)
    except ValueError as error:
        raise PassingError(str(error)) from None


def _is_error(piece: Any) -> bool:
    """True for an error behind a status of 200, whole or in the middle of a stream."""
    if not isinstance(piece, dict):
        return False
    if piece.get("error") or piece.get("object") == "error":
        return True
    choices = piece.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        return bool(choices[0].get("error"))
    return not choices and "detail" in piece


def _read_error_message(body: Any) -> _ErrorMessage:
    """The message in the body of an error, in whichever of the usual shapes it comes."""
    if isinstance(body, list) and body:  # Gemini wraps it in a list
        return _read_error_message(body[0])
    if isinstance(body, str):
        return _ErrorMessage("a web page" if body.lstrip().startswith("<") else body[: 4 * _EXCERPT])
    if not isinstance(body, dict):
        return _ErrorMessage(json.dumps(body)[: 4 * _EXCERPT])
    inside = next((c for c in _to_list(body.get("choices")) if isinstance(c, dict) and c.get("error")), body)
    error = inside.get("error") or _get_first(body.get("errors")) or body
    if not isinstance(error, dict):
        return _ErrorMessage(str(error)[: 4 * _EXCERPT])
    text = str(error.get("message") or error.get("detail") or json.dumps(error))
    metadata = error.get("metadata")
    if isinstance(metadata, dict) and metadata.get("raw"):  # OpenRouter: what the server behind it said
        text = f"{text}: {metadata['raw']}"
    code = error.get("code") or error.get("status_code") or error.get("status") or ""
    generation = error.get("failed_generation")
    return _ErrorMessage(
        text[: 4 * _EXCERPT],
        str(error.get("param") or ""),
        str(code),
        generation if isinstance(generation, str) else "",
    )


def _to_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _get_first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def _describe_redirect(location: str) -> str:
    """The address that a redirect leads to, without its user, password and query, which may be secret."""
    try:
        url = httpx2.URL(location)
    except httpx2.InvalidURL:
        return "an address that is none"
    return f"{url.scheme}://{url.netloc.decode()}{url.path}" if url.host else url.path


def _is_final(text: str) -> bool:
    """True for the words of a 5xx that is a refusal: llama.cpp answers so to a request for what it can't do."""
    signs = ("not supported", "does not support", "Unsupported param", "requires --jinja")
    return any(sign in text for sign in signs) or is_known(text)
