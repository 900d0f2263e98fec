"""`http:MODEL@URL`: a model behind a chat-completions API: vLLM, Ollama, LM Studio, llama.cpp, the hosted models.

What a server does not take (native tools, pictures in tool messages, a parameter, so many pictures) it says by
refusing: then that one thing is asked for differently, once, and from then on. Token ids here are for checking and for
records; the server tokenizes each request anew, so training samples in process.
"""

import logging
import math
import re
import threading
from dataclasses import replace
from typing import Any

from agent.cost.prices import find_price
from agent.policies.openai_api.client import ChatClient, RetryClock
from agent.policies.openai_api.completion import ChatCompletion
from agent.policies.openai_api.cures import THINKING_SENT_BACK, apply_cures
from agent.policies.openai_api.dialect import OPTIONAL, Dialect, RefusedRequest, adapt, is_full
from agent.policies.openai_api.endpoint import parse_endpoint
from agent.policies.openai_api.troubles import RefusedError
from agent.policy import PolicyError, PolicyOptions, ToolAccess, WithheldError
from agent.rendering.messages import STOP_STRINGS, Conversation, render, render_openai_messages
from agent.rendering.reply_parser import parse_reply
from agent.trajectory import Reply, Setup, Trajectory, Turn, Usage, make_call_ids

_SEES_NOTHING = re.compile(r"multi-?modal|mmproj|vision|image input|not support images?|image_url", re.I)
_THINKING_ROOM = 4
"""Factor on the tokens of a reply, once, where thinking took all of them."""
_LEAST_SECONDS = 1.0
"""Seconds that the last request of a question is given at least, when its time is all but over."""
_NO_ROOM = "There is no room for more: give your best answer now, from what you have seen."
_LOG = logging.getLogger(__name__)


class HttpPolicy:
    """A policy whose turns come from a server. May be called from several threads at once."""

    def __init__(
        self, where: str, options: PolicyOptions, *, token_details: bool = False, clock: RetryClock | None = None
    ) -> None:
        """Reads the address and the options; connects to nothing yet.

        Args:
            where: `MODEL@URL`, or `MODEL@NAME` for the servers in `agent.policies.openai_api.endpoint.SERVERS`.
            options: sampling and request settings.
            token_details: whether to ask for the ids and logprobs of all tokens, which vLLM gives and few others.
            clock: time and chance, for tests.

        Raises:
            ValueError: `where` can't be read, or the options name an adapter, which only models in process have.
            PolicyError: the key that the server needs is not there.
        """
        if options.adapter:
            raise ValueError(f"an adapter is loaded by the server, not by http: serve {options.adapter!r} there")
        self._endpoint = parse_endpoint(where)
        self._options = options
        self._token_details = token_details
        self._client = ChatClient(
            self._endpoint,
            timeout_seconds=options.timeout_seconds,
            request_seconds=options.max_request_seconds,
            concurrency=options.concurrency,
            clock=clock,
        )
        self._clock = clock or RetryClock()
        self._dialect = Dialect(
            form="text" if options.tools == "text" else "native",
            tool_pictures="inline" if self._endpoint.server.tools_show_pictures else "after",
        )
        self._lock = threading.Lock()
        self.makes_room = True
        """Whether a request too large for the server is sent again with less; a probe wants to see the refusal."""
        self.spec = self._endpoint.spec
        self.price = find_price(self._endpoint.host, self._endpoint.model)
        """Price of the model's tokens; None where it is not known."""

    @property
    def host(self) -> str:
        """Name or address of the server."""
        return self._endpoint.host

    @property
    def model(self) -> str:
        """Name of the model on the server."""
        return self._endpoint.model

    @property
    def dialect(self) -> Dialect:
        """The form of requests that the server takes, as found out so far."""
        return self._dialect

    @property
    def setup(self) -> Setup:
        """The settings that the model is asked with, as found out so far."""
        dialect = self._dialect
        return self._asked_with(dialect).setup(
            dialect.form, left_out=tuple(sorted(dialect.refused)), adapted=dialect.adapted
        )

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        """The model's next turn.

        Raises:
            PolicyError: the server can't be reached or refuses; says what to do.
        """
        completion, conversation = self.complete(trajectory, sight)
        if completion.finish_reason == "content_filter" and not completion.reply.text:
            raise WithheldError(f"{self.host} withholds the reply: its content filter stopped it")
        reply = _add_call_ids(completion.reply, trajectory)
        return parse_reply(reply, self._priced(completion.usage, trajectory), trajectory, conversation.dropped)

    def complete(self, trajectory: Trajectory, sight: ToolAccess) -> tuple[ChatCompletion, Conversation]:
        """The server's completion, with token ids where they were asked for, and the conversation that it answers.

        Raises:
            PolicyError: the server can't be reached or refuses; says what to do.
        """
        ends_at = self._clock.passed() + _compute_seconds_left(trajectory)
        while True:  # ends: each round the dialect loses something, here or in another thread
            dialect = self._dialect
            options = self._asked_with(dialect)
            conversation = render(
                _keep_recent_steps(trajectory, dialect.recent_steps),
                sight.specs,
                dialect.form,
                options,
                max_result_characters=dialect.max_result_characters,
            )
            payload = self._payload(self._messages(conversation, sight, dialect), conversation, dialect, trajectory)
            asked = _describe_request(payload)
            try:
                left = max(_LEAST_SECONDS, ends_at - self._clock.passed())
                completion = self._client.complete(payload, asked.reply_tokens, left)
            except RefusedError as refusal:
                self._adapt(dialect, asked, refusal)
                continue
            if not self._thought_all_of_it(completion, dialect, trajectory):
                return self._checked(completion), conversation

    def _asked_with(self, dialect: Dialect) -> PolicyOptions:
        """The options, cut down to what the server has room for."""
        options = self._options
        limits = [limit for limit in (options.max_pictures, dialect.max_pictures) if limit is not None]
        tokens = options.max_reply_tokens if dialect.reply_tokens is None else dialect.reply_tokens
        return replace(options, max_pictures=min(limits, default=None), max_reply_tokens=tokens)

    def _messages(self, conversation: Conversation, sight: ToolAccess, dialect: Dialect) -> list[dict[str, Any]]:
        messages = render_openai_messages(
            conversation,
            sight.picture,
            tool_pictures=dialect.tool_pictures,
            with_thinking=THINKING_SENT_BACK in dialect.cures,
        )
        return apply_cures(messages, dialect.cures)

    def _thought_all_of_it(self, completion: ChatCompletion, dialect: Dialect, trajectory: Trajectory) -> bool:
        """Whether thinking took all tokens of a reply; if so, the next request asks for more.

        Done once, and not under a cost limit, whose estimate counted on the tokens that were asked for.
        """
        reply = completion.reply
        has_words = bool(reply.text.strip()) and not reply.text.lstrip().startswith("<think>")
        if not reply.is_cut or has_words or "</think>" in reply.text or reply.tool_calls:
            return False
        if dialect.reply_tokens is not None or trajectory.limits.max_cost_usd is not None:
            return False
        more = _THINKING_ROOM * self._options.max_reply_tokens
        _LOG.warning(
            "%s thought until its %d tokens were used up: asked again with %d; --max-reply-tokens sets how many",
            self.model,
            self._options.max_reply_tokens,
            more,
        )
        self._learn(dialect, replace(dialect, reply_tokens=more))
        return True

    def _payload(
        self, messages: list[dict[str, Any]], conversation: Conversation, dialect: Dialect, trajectory: Trajectory
    ) -> dict[str, Any]:
        options = self._options
        payload: dict[str, Any] = {"model": self.model, "messages": messages, "stream": dialect.streams}
        wanted: dict[str, Any] = {
            "temperature": options.temperature,
            # also where it is 1: vLLM would take top_p from the model's own generation_config
            "top_p": options.top_p,
            "seed": options.seed_of(trajectory),
        }
        if conversation.tools:
            payload["tools"] = [spec.openai for spec in conversation.tools]
        else:
            wanted["stop"] = list(STOP_STRINGS)
        if dialect.streams:
            wanted["stream_options"] = {"include_usage": True}
        if self._token_details:
            wanted |= {"logprobs": True, "return_token_ids": True}
        payload |= {name: value for name, value in wanted.items() if name not in dialect.refused}
        return payload | {dialect.token_limit: self._asked_with(dialect).max_reply_tokens}

    def _adapt(self, dialect: Dialect, asked: RefusedRequest, refusal: RefusedError) -> None:
        """Changes the dialect after a refusal, unless another thread just did.

        Raises:
            PolicyError: nothing can be asked for differently.
        """
        raised = dialect.reply_tokens is not None and dialect.reply_tokens > self._options.max_reply_tokens
        if raised and is_full(refusal):  # no room for longer thoughts after all
            self._learn(dialect, replace(dialect, reply_tokens=self._options.max_reply_tokens))
            return
        changed = None if is_full(refusal) and not self.makes_room else adapt(dialect, asked, refusal)
        if changed is None or (changed.form == "text" != dialect.form and self._options.tools == "native"):
            raise PolicyError(self._sentence(refusal))
        if is_full(refusal) and changed.adapted != dialect.adapted:
            _LOG.warning(
                "%s has no room for the whole request: asked again with %s (%s)",
                self.host,
                changed.adapted[-1],
                refusal.text,
            )
        self._learn(dialect, changed)

    def _learn(self, dialect: Dialect, changed: Dialect) -> None:
        with self._lock:
            if self._dialect == dialect:
                self._dialect = changed

    def _sentence(self, refusal: RefusedError) -> str:
        variable = self._endpoint.server.key_variable
        advice = {
            401: f"is the right key in {variable}?",
            403: f"is the right key in {variable}, and may it use this model?",
            404: f"is {self.model!r} a model there, and {self._endpoint.base_url} the base URL, with its /v1?",
        }.get(refusal.status, "")
        if is_full(refusal) and self.makes_room:
            advice = (
                "even one picture and few words are too much for it: give the model a larger context at the server "
                "(llama.cpp -c, vLLM --max-model-len, Ollama num_ctx), or less to look at: --max-frames, "
                "--max-frame-pixels, --max-reply-tokens"
            )
        if not advice and _SEES_NOTHING.search(refusal.text):
            advice = "a model that sees no pictures can be asked in words: --mode captions"
        said = f"{self.host} refuses ({refusal.status}): {refusal.text}"
        return f"{said.rstrip('.')}; {advice}" if advice else said

    def _checked(self, completion: ChatCompletion) -> ChatCompletion:
        ids, logprobs = completion.reply.token_ids, completion.reply.logprobs
        if ids is not None and logprobs is not None and len(ids) != len(logprobs):
            raise PolicyError(
                f"{self.host} sent {len(ids)} token ids with {len(logprobs)} logprobs: not the same tokens"
            )
        return completion

    def _priced(self, usage: Usage, trajectory: Trajectory) -> Usage:
        cost = None if self.price is None else self.price.cost_usd(usage)
        if cost is None and trajectory.limits.max_cost_usd is not None:
            raise PolicyError(f"{self.host} does not say how many tokens it took, so a cost limit can't be kept")
        return replace(usage, cost_usd=cost)


def _describe_request(payload: dict[str, Any]) -> RefusedRequest:
    pictures = [
        message["role"]
        for message in payload["messages"]
        if isinstance(message["content"], list)
        for part in message["content"]
        if part["type"] == "image_url"
    ]
    return RefusedRequest(
        tools="tools" in payload,
        tool_pictures="tool" in pictures,
        parameters=frozenset(OPTIONAL) & payload.keys(),
        pictures=len(pictures),
        reply_tokens=payload.get("max_tokens") or payload["max_completion_tokens"],
    )


def _keep_recent_steps(trajectory: Trajectory, count: int | None) -> Trajectory:
    """The initial look and the last steps of a trajectory that is too long for the server, with an answer due.

    Earlier questions go first.
    """
    if count is None:
        return trajectory
    trajectory = replace(trajectory, earlier=())
    opening = tuple(step for step in trajectory.steps if step.turn.is_opening)
    last = tuple(step for step in trajectory.steps if not step.turn.is_opening)[-count:]
    *earlier, latest = (*opening, *last) or (None,)
    if latest is None:
        return trajectory
    due = replace(latest, notice=f"{latest.notice} {_NO_ROOM}".strip())
    return replace(trajectory, steps=(*(step for step in earlier if step is not None), due))


def _compute_seconds_left(trajectory: Trajectory) -> float:
    """The seconds left to the question."""
    limit = trajectory.limits.max_seconds
    return math.inf if limit is None else limit - trajectory.seconds


def _add_call_ids(reply: Reply, trajectory: Trajectory) -> Reply:
    """The reply with a unique id for each call: observations are sent back under it, and some servers give none."""
    calls: list[dict[str, Any]] = []
    for call, own in zip(reply.tool_calls, make_call_ids(trajectory, len(reply.tool_calls)), strict=True):
        given = call.get("id")
        is_usable = isinstance(given, str | int) and given != "" and given not in [c["id"] for c in calls]
        calls.append({**call, "id": str(given) if is_usable else own})
    return replace(reply, tool_calls=tuple(calls)) if calls else reply
