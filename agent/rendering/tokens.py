"""A conversation as token ids: what a model in process is fed, and what a loss is computed on. Exact by construction.

A reply is never tokenised again: between what the chat template puts before and behind it stand the very ids that
were sampled. So the ids of a conversation are a prefix of those one turn later, and training sees what serving saw.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

from agent.rendering.messages import DAMAGED, Conversation, ImageBlock, Message, PictureOf, Text
from agent.rendering.sanitize import escape_markup
from agent.trajectory import Reply
from tools.observation import FrameRef

_SENTINEL = "HERE-STANDS-THE-REPLY"
"""A reply that no template changes and no prompt holds, to find what a template writes around one."""


@dataclass(frozen=True)
class Tokens:
    """A conversation in ids; all four of a length but `pictures`."""

    ids: tuple[int, ...]
    sampled: tuple[bool, ...]
    """True for the tokens that the policy chose, its end of turn included; a loss counts these and no others."""
    logprobs: tuple[float | None, ...]
    """Natural logarithm of the probability with which each was sampled; None where it was not, or is not known."""
    is_placeholder: tuple[bool, ...]
    """True where a picture stands: one token each, until `expanded` puts in as many as its model wants."""
    pictures: tuple[FrameRef, ...] = ()
    """The picture of each placeholder, in order."""

    def expanded(self, spans: Sequence[Sequence[int]]) -> "Tokens":
        """The same with each placeholder replaced by its picture's ids.

        Not for vLLM, which expands placeholders itself and would do so twice.

        Raises:
            ValueError: not as many spans as placeholders, as when it is expanded already.
        """
        if sum(self.is_placeholder) != len(spans):
            raise ValueError(f"need a span for each of the {sum(self.is_placeholder)} placeholders, got {len(spans)}")
        left = iter(spans)
        parts = [
            _shown(next(left)) if is_placeholder else Tokens((token,), (sampled,), (logprob,), (False,))
            for token, sampled, logprob, is_placeholder in zip(
                self.ids, self.sampled, self.logprobs, self.is_placeholder, strict=True
            )
        ]
        return replace(_joined(parts), pictures=self.pictures)


@dataclass(frozen=True)
class ShownConversation:
    """A conversation with the JPEG of each of its pictures; a damaged one has become words."""

    conversation: Conversation
    jpegs: tuple[bytes, ...]


def with_pictures(conversation: Conversation, picture: PictureOf) -> ShownConversation:
    """The conversation as it can be shown, each picture fetched once a place."""
    jpegs: list[bytes] = []
    messages = []
    for message in conversation.messages:
        blocks: list[Text | ImageBlock] = []
        for block in message.blocks:
            if isinstance(block, Text):
                blocks.append(block)
            elif (jpeg := picture(block.ref)) is None:
                blocks.append(Text(DAMAGED))
            else:
                jpegs.append(jpeg)
                blocks.append(block)
        messages.append(replace(message, blocks=tuple(blocks)))
    return ShownConversation(replace(conversation, messages=tuple(messages)), tuple(jpegs))


class ChatTokenizer:
    """Writes conversations in the ids of one model, through its own chat template. Threads may share it.

    Special tokens come from the template alone: `agent.rendering.messages` lets none stand in what a tool brings, and a
    reply that has only words is tokenised as plain text.
    """

    def __init__(self, tokenizer: Any, template: str, placeholder: str | None) -> None:
        """Learns what the template writes around a reply.

        Args:
            tokenizer: a fast one of transformers.
            template: the chat template, Jinja.
            placeholder: the token of a picture; None for a model that reads only.

        Raises:
            jinja2.TemplateError: the template refuses a plain conversation.
            ValueError: the template changes what a reply says.
        """
        self._tokenizer = tokenizer
        self._template = template
        self.sees = placeholder is not None
        """Whether pictures can stand in its conversations."""
        self._placeholder = tokenizer.convert_tokens_to_ids(placeholder) if placeholder is not None else None
        self._unbroken = unbroken_tokens(tokenizer)
        self._lock = threading.RLock()  # a fast tokenizer keeps settings between calls
        self._before = self._before_reply()
        self.end = self.ids(self._behind_reply(()).strip())[0]
        """The id that ends a turn."""

    def write(self, conversation: Conversation) -> Tokens:
        """The ids of a conversation; where a user's message is last, with the opening of the reply."""
        messages = conversation.messages
        head = tuple(takewhile(lambda message: message.reply is None, messages))
        with self._lock:
            parts = [self._written(self._rendered([self._entry(m) for m in head], True), head)]
            for number in range(len(head), len(messages)):
                if (reply := messages[number].reply) is not None:
                    after = tuple(takewhile(lambda message: message.reply is None, messages[number + 1 :]))
                    parts += [said := self._reply(reply), self._behind(after, said.ids)]
        return _joined(parts)

    def ids(self, text: str, *, plain: bool = False) -> tuple[int, ...]:
        """The ids of a text, which may hold special tokens; where it's plain, none that it seems to hold counts."""
        with self._lock:
            written = self._tokenizer(text, add_special_tokens=False, split_special_tokens=plain)
        return tuple(written["input_ids"])

    def words(self, ids: Sequence[int]) -> str:
        """The text of ids, special tokens and spaces as they are."""
        with self._lock:
            text: str = self._tokenizer.decode(ids, clean_up_tokenization_spaces=False)
        return text

    def _reply(self, reply: Reply) -> Tokens:
        if reply.token_ids is None:
            ids = (*self.ids(self._before + reply.text, plain=True), self.end)
            return _sampled(ids, (None,) * len(ids))
        return _sampled(reply.token_ids, reply.logprobs or (None,) * len(reply.token_ids))

    def _behind(self, after: Sequence[Message], said: Sequence[int]) -> Tokens:
        if not after:
            return _joined([])
        written = self._written(self._behind_reply(after), after)
        if said and said[-1] == self.end:  # the template would end the turn a second time
            assert written.ids[0] == self.end, "a turn ends with the token that ended the empty one"
            return _from(written, 1)
        return written

    def _written(self, text: str, messages: Sequence[Message]) -> Tokens:
        ids = self.ids(text)
        pictures = tuple(b.ref for message in messages for b in message.blocks if isinstance(b, ImageBlock))
        stands = tuple(token == self._placeholder for token in ids)
        assert sum(stands) == len(pictures), f"{sum(stands)} placeholders for {len(pictures)} pictures"
        return Tokens(ids, (False,) * len(ids), (None,) * len(ids), stands, pictures)

    def _before_reply(self) -> str:
        """What stands between the opening of a reply and its words, such as SmolVLM's space."""
        opened = self._rendered(self._dummy()[:-1], True)
        whole = self._rendered(self._dummy(), False)
        if _SENTINEL not in whole:
            raise ValueError("the chat template leaves out what the assistant said; it can't hold a conversation")
        between = whole[len(opened) : whole.index(_SENTINEL)] if whole.startswith(opened) else ""
        return between if not between.strip() else ""

    def _behind_reply(self, after: Sequence[Message]) -> str:
        """What the template writes behind a reply: its end, the messages, and the opening of the next reply."""
        whole = self._rendered([*self._dummy(), *(self._entry(message) for message in after)], bool(after))
        return whole.partition(_SENTINEL)[2]

    def _entry(self, message: Message) -> dict[str, Any]:
        if not self.sees:
            text = "".join(self._plain(b.text) for b in message.blocks if isinstance(b, Text))
            return _said(message.role, text, self.sees)
        parts = [
            {"type": "image"} if isinstance(b, ImageBlock) else {"type": "text", "text": self._plain(b.text)}
            for b in message.blocks
        ]
        return {"role": message.role, "content": parts}

    def _plain(self, text: str) -> str:
        """The text, with a space in whatever this tokenizer would take for a special token."""
        for token in self._unbroken:
            text = text.replace(token, f"{token[0]} {token[1:]}")
        return text

    def _dummy(self) -> list[dict[str, Any]]:
        said = {"system": "x", "user": "x", "assistant": _SENTINEL}
        return [_said(role, text, self.sees) for role, text in said.items()]

    def _rendered(self, entries: list[dict[str, Any]], opens_reply: bool) -> str:
        rendered: str = self._tokenizer.apply_chat_template(
            entries, chat_template=self._template, tokenize=False, add_generation_prompt=opens_reply
        )
        return rendered


def unbroken_tokens(tokenizer: Any) -> tuple[str, ...]:
    """The special tokens of a tokenizer that `escape_markup` lets stand: those that are built like no other's."""
    named = (str(token.content) for token in tokenizer.added_tokens_decoder.values() if token.special)
    return tuple(name for name in named if len(name.strip()) > 1 and name in escape_markup(f"a {name} b {name}{name}"))


def _said(role: str, text: str, sees: bool) -> dict[str, Any]:
    """Templates of models that see want a list of parts, those of models that read a string."""
    return {"role": role, "content": [{"type": "text", "text": text}] if sees else text}


def _sampled(ids: Sequence[int], logprobs: Sequence[float | None]) -> Tokens:
    return Tokens(tuple(ids), (True,) * len(ids), tuple(logprobs), (False,) * len(ids))


def _shown(ids: Sequence[int]) -> Tokens:
    return Tokens(tuple(ids), (False,) * len(ids), (None,) * len(ids), (False,) * len(ids))


def _from(tokens: Tokens, start: int) -> Tokens:
    return replace(
        tokens,
        ids=tokens.ids[start:],
        sampled=tokens.sampled[start:],
        logprobs=tokens.logprobs[start:],
        is_placeholder=tokens.is_placeholder[start:],
    )


def _joined(parts: Sequence[Tokens]) -> Tokens:
    return Tokens(
        tuple(token for part in parts for token in part.ids),
        tuple(flag for part in parts for flag in part.sampled),
        tuple(value for part in parts for value in part.logprobs),
        tuple(flag for part in parts for flag in part.is_placeholder),
        tuple(ref for part in parts for ref in part.pictures),
    )
