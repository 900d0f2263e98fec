"""`http:MODEL@URL`: any model behind a chat-completions API, as vLLM, Ollama, LM Studio, llama.cpp and the hosted have.

What a server does not take (native tools, pictures in tool messages, a parameter) it says by refusing: then that one
thing is asked for differently, once, and from then on. Token ids here are for checking and for records; the server
tokenizes each request anew, so training samples in process.
"""

import re
import threading
from dataclasses import replace
from typing import Any

from agent.chat.client import ChatClient, Clock, RefusedError
from agent.chat.completion import Completion
from agent.chat.dialect import OPTIONAL, Asked, Dialect, adapted
from agent.chat.endpoint import parse_endpoint
from agent.messages import STOP_STRINGS, Conversation, openai_messages, render
from agent.policy import PolicyError, PolicyOptions, Sight
from agent.prices import price_of
from agent.replies import as_turn
from agent.trajectory import Reply, Setup, Trajectory, Turn, Usage, next_call_ids

_SEES_NOTHING = re.compile(r"multi-?modal|mmproj|vision|image input|not support images?", re.I)


class HttpPolicy:
    """Asks a server for every turn. May be called from several threads at once."""

    def __init__(
        self, where: str, options: PolicyOptions, *, token_details: bool = False, clock: Clock | None = None
    ) -> None:
        """Connects to nothing yet.

        Args:
            where: `MODEL@URL`, or `MODEL@NAME` for the servers in `agent.chat.endpoint.SERVERS`.
            options: how to ask.
            token_details: ask for the ids and logprobs of all tokens, which vLLM gives and few others.
            clock: time and chance, for tests.

        Raises:
            ValueError: `where` can't be read, or the options have what only models in process have.
            PolicyError: the key that the server needs is not there.
        """
        if options.adapter:
            raise ValueError(f"an adapter is loaded by the server, not by http: serve {options.adapter!r} there")
        self._endpoint = parse_endpoint(where)
        self._options = options
        self._token_details = token_details
        self._client = ChatClient(
            self._endpoint, timeout_seconds=options.timeout_seconds, concurrency=options.concurrency, clock=clock
        )
        self._dialect = Dialect(
            form="text" if options.tools == "text" else "native",
            tool_pictures="inline" if self._endpoint.server.tools_show_pictures else "after",
        )
        self._lock = threading.Lock()
        self.spec = self._endpoint.spec
        self.price = price_of(self._endpoint.host, self._endpoint.model)
        """Of its tokens; None where it is not known."""

    @property
    def host(self) -> str:
        """Name or address of the server."""
        return self._endpoint.host

    @property
    def model(self) -> str:
        """Name of the model, as the server knows it."""
        return self._endpoint.model

    @property
    def dialect(self) -> Dialect:
        """How the server is asked, as found out so far."""
        return self._dialect

    @property
    def setup(self) -> Setup:
        """How the model is asked, as found out so far."""
        return self._options.setup(self._dialect.form, left_out=tuple(sorted(self._dialect.refused)))

    def __call__(self, trajectory: Trajectory, sight: Sight) -> Turn:
        """The model's next turn.

        Raises:
            PolicyError: the server can't be reached or refuses; says what to do.
        """
        completion, conversation = self.complete(trajectory, sight)
        if completion.finish_reason == "content_filter" and not completion.reply.text:
            raise PolicyError(f"{self.host} withholds the reply: its content filter stopped it")
        reply = _with_call_ids(completion.reply, trajectory)
        return as_turn(reply, self._priced(completion.usage, trajectory), trajectory, conversation.dropped)

    def complete(self, trajectory: Trajectory, sight: Sight) -> tuple[Completion, Conversation]:
        """What the server sends, with its token ids where they were asked for, and what it was shown.

        Raises:
            PolicyError: as for a turn.
        """
        while True:  # ends: each round the dialect loses something, here or in another thread
            dialect = self._dialect
            conversation = render(trajectory, sight.specs, dialect.form, self._options)
            pictures = openai_messages(conversation, sight.picture, tool_pictures=dialect.tool_pictures)
            payload = self._payload(pictures, conversation, dialect, trajectory)
            try:
                completion = self._client.complete(payload, self._options.max_reply_tokens)
            except RefusedError as refusal:
                self._adapt(dialect, _asked(payload), refusal)
            else:
                return self._checked(completion), conversation

    def _payload(
        self, messages: list[dict[str, Any]], conversation: Conversation, dialect: Dialect, trajectory: Trajectory
    ) -> dict[str, Any]:
        options = self._options
        payload: dict[str, Any] = {"model": self.model, "messages": messages, "stream": dialect.streams}
        wanted: dict[str, Any] = {
            "temperature": options.temperature,
            # also where it is 1: vLLM would take the one in the model's own generation_config
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
        return payload | {dialect.token_limit: options.max_reply_tokens}

    def _adapt(self, dialect: Dialect, asked: Asked, refusal: RefusedError) -> None:
        """Learns from a refusal, unless another thread just did.

        Raises:
            PolicyError: nothing can be asked for differently.
        """
        changed = adapted(dialect, asked, refusal)
        if changed is None or (changed.form == "text" != dialect.form and self._options.tools == "native"):
            raise PolicyError(self._sentence(refusal))
        with self._lock:
            if self._dialect == dialect:
                self._dialect = changed

    def _sentence(self, refusal: RefusedError) -> str:
        variable = self._endpoint.server.key_variable
        advice = {
            401: f"is the right key in {variable}?",
            403: f"is the right key in {variable}, and may it use this model?",
            404: f"is {self.model!r} a model there, and {self._endpoint.base_url} the base URL, with its /v1?",
            413: "show it less, with max_pictures or --max-frames",
        }.get(refusal.status, "")
        if not advice and _SEES_NOTHING.search(refusal.text):
            advice = "a model that sees no pictures can be asked in words: --mode captions"
        said = f"{self.host} refuses ({refusal.status}): {refusal.text}"
        return f"{said.rstrip('.')}; {advice}" if advice else said

    def _checked(self, completion: Completion) -> Completion:
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


def _asked(payload: dict[str, Any]) -> Asked:
    in_tools = (m["content"] for m in payload["messages"] if m["role"] == "tool")
    return Asked(
        tools="tools" in payload,
        tool_pictures=any(part["type"] == "image_url" for c in in_tools if isinstance(c, list) for part in c),
        parameters=frozenset(OPTIONAL) & payload.keys(),
    )


def _with_call_ids(reply: Reply, trajectory: Trajectory) -> Reply:
    """The reply with an id for each call that came without one: results are sent back under it."""
    ids = next_call_ids(trajectory, len(reply.tool_calls))
    calls = tuple({**call, "id": call.get("id") or own} for call, own in zip(reply.tool_calls, ids, strict=True))
    return replace(reply, tool_calls=calls) if calls else reply
