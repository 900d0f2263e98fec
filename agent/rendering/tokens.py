"""Tokenizes conversations, for generation in process and for the loss of training. Exact by construction.

A reply is never tokenised again: between what the chat template puts before and behind it stand the very ids that
were sampled. So the ids of a conversation are a prefix of those one turn later, and training sees what serving saw.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, pairwise, takewhile
from typing import Any

from agent.rendering.messages import DAMAGED, Conversation, ImageBlock, Message, PictureOf, Text
from agent.rendering.sanitize import escape_markup
from agent.trajectory import Reply
from tools.observation import FrameRef

_TEXTS = 512
"""Texts whose ids are kept: each turn of a run begins with those of the turns before it."""
_SENTINEL = "HERE-STANDS-THE-REPLY"
"""Text of a reply that no template changes and no prompt holds, to find what a template writes around a reply."""


@dataclass(frozen=True)
class Tokens:
    """A tokenized conversation; all fields but `pictures` are (tokens,)."""

    ids: tuple[int, ...]
    sampled: tuple[bool, ...]
    """True for the tokens that the policy sampled, its end of turn included; a loss counts these and no others."""
    logprobs: tuple[float | None, ...]
    """Natural logarithm of each token's sampling probability; None where it was not sampled, or is not known."""
    is_placeholder: tuple[bool, ...]
    """True for the placeholder of a picture: one token each, until `expanded` puts in as many as its model wants."""
    pictures: tuple[FrameRef, ...] = ()
    """References of the pictures, one for each placeholder, in order."""

    def expanded(self, spans: Sequence[Sequence[int]]) -> "Tokens":
        """The tokens with each placeholder replaced by its picture's ids.

        Not for vLLM, which expands placeholders itself and would do so twice.

        Raises:
            ValueError: there are not as many spans as placeholders, as in tokens that are expanded already.
        """
        if sum(self.is_placeholder) != len(spans):
            raise ValueError(f"need a span for each of the {sum(self.is_placeholder)} placeholders, got {len(spans)}")
        places = [place for place, is_placeholder in enumerate(self.is_placeholder) if is_placeholder]
        parts = [_cut(self, start, stop) for start, stop in pairwise((-1, *places, len(self.ids)))]
        shown = [_make_shown(span) for span in spans]
        return replace(_join([parts[0], *chain(*zip(shown, parts[1:], strict=True))]), pictures=self.pictures)


@dataclass(frozen=True)
class ShownConversation:
    """A conversation with the JPEG of each of its pictures; damaged ones have become words."""

    conversation: Conversation
    jpegs: tuple[bytes, ...]


def fetch_pictures(conversation: Conversation, picture: PictureOf) -> ShownConversation:
    """Fetches the pictures of a conversation, one for each place; damaged ones become words."""
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
    """Tokenizes conversations for one model, through its own chat template. Threads may share it.

    Special tokens come from the template alone: `agent.rendering.messages` lets none stand in an observation, and a
    reply that has only words is tokenised as plain text.
    """

    def __init__(self, tokenizer: Any, template: str, placeholder: str | None) -> None:
        """Finds out what the template writes around a reply.

        Args:
            tokenizer: a fast tokenizer of transformers.
            template: the chat template, Jinja.
            placeholder: the token of a picture; None for a text-only model.

        Raises:
            jinja2.TemplateError: the template refuses a plain conversation.
            ValueError: the template leaves out a reply's words.
        """
        self._tokenizer = tokenizer
        self._template = template
        self.sees = placeholder is not None
        """Whether pictures can stand in the conversations."""
        self._placeholder = tokenizer.convert_tokens_to_ids(placeholder) if placeholder is not None else None
        self._unbroken = find_unescaped_tokens(tokenizer)
        self._lock = threading.RLock()  # a fast tokenizer keeps settings between calls
        self.ids = lru_cache(_TEXTS)(self._tokenize)
        self._before = self._before_reply()
        self.end = self.ids(self._behind_reply(()).strip())[0]
        """Id of the token that ends a turn."""

    def write(self, conversation: Conversation) -> Tokens:
        """Tokenizes a conversation; where a user's message is last, the opening of the reply follows."""
        messages = conversation.messages
        head = tuple(takewhile(lambda message: message.reply is None, messages))
        with self._lock:
            parts = [self._written(self._rendered([self._entry(m) for m in head], True), head)]
            for number in range(len(head), len(messages)):
                if (reply := messages[number].reply) is not None:
                    after = tuple(takewhile(lambda message: message.reply is None, messages[number + 1 :]))
                    parts += [said := self._reply(reply), self._behind(after, said.ids)]
        return _join(parts)

    def _tokenize(self, text: str, *, plain: bool = False) -> tuple[int, ...]:
        """The ids of a text; special tokens in it count, unless it is `plain`."""
        with self._lock:
            written = self._tokenizer(text, add_special_tokens=False, split_special_tokens=plain)
        return tuple(written["input_ids"])

    def words(self, ids: Sequence[int]) -> str:
        """The text of token ids, special tokens and spaces as they are."""
        with self._lock:
            text: str = self._tokenizer.decode(ids, clean_up_tokenization_spaces=False)
        return text

    def _reply(self, reply: Reply) -> Tokens:
        if reply.token_ids is None:
            ids = (*self.ids(self._before + reply.text, plain=True), self.end)
            return _make_sampled(ids, (None,) * len(ids))
        return _make_sampled(reply.token_ids, reply.logprobs or (None,) * len(reply.token_ids))

    def _behind(self, after: Sequence[Message], said: Sequence[int]) -> Tokens:
        if not after:
            return _join([])
        written = self._written(self._behind_reply(after), after)
        if said and said[-1] == self.end:  # the template would end the turn a second time
            assert written.ids[0] == self.end, "a turn ends with the token that ended the empty one"
            return _cut(written, 0, len(written.ids))
        return written

    def _written(self, text: str, messages: Sequence[Message]) -> Tokens:
        ids = self.ids(text)
        pictures = tuple(b.ref for message in messages for b in message.blocks if isinstance(b, ImageBlock))
        stands = tuple(token == self._placeholder for token in ids)
        assert sum(stands) == len(pictures), f"{sum(stands)} placeholders for {len(pictures)} pictures"
        return Tokens(ids, (False,) * len(ids), (None,) * len(ids), stands, pictures)

    def _before_reply(self) -> str:
        """The text that the template writes between the opening of a reply and its words, such as SmolVLM's space."""
        opened = self._rendered(self._dummy()[:-1], True)
        whole = self._rendered(self._dummy(), False)
        if _SENTINEL not in whole:
            raise ValueError("the chat template leaves out what the assistant said; it can't hold a conversation")
        between = whole[len(opened) : whole.index(_SENTINEL)] if whole.startswith(opened) else ""
        return between if not between.strip() else ""

    def _behind_reply(self, after: Sequence[Message]) -> str:
        """The text that the template writes behind a reply: its end, the messages, the opening of the next reply."""
        whole = self._rendered([*self._dummy(), *(self._entry(message) for message in after)], bool(after))
        return whole.partition(_SENTINEL)[2]

    def _entry(self, message: Message) -> dict[str, Any]:
        if not self.sees:
            text = "".join(self._plain(b.text) for b in message.blocks if isinstance(b, Text))
            return _make_message(message.role, text, self.sees)
        parts = [
            {"type": "image"} if isinstance(b, ImageBlock) else {"type": "text", "text": self._plain(b.text)}
            for b in message.blocks
        ]
        return {"role": message.role, "content": parts}

    def _plain(self, text: str) -> str:
        """A text with a space in whatever this tokenizer would take for a special token."""
        for token in self._unbroken:
            text = text.replace(token, f"{token[0]} {token[1:]}")
        return text

    def _dummy(self) -> list[dict[str, Any]]:
        said = {"system": "x", "user": "x", "assistant": _SENTINEL}
        return [_make_message(role, text, self.sees) for role, text in said.items()]

    def _rendered(self, entries: list[dict[str, Any]], opens_reply: bool) -> str:
        rendered: str = self._tokenizer.apply_chat_template(
            entries, chat_template=self._template, tokenize=False, add_generation_prompt=opens_reply
        )
        return rendered


def find_unescaped_tokens(tokenizer: Any) -> tuple[str, ...]:
    """The special tokens of a tokenizer that `escape_markup` does not cover: those that are built like no other's."""
    named = (str(token.content) for token in tokenizer.added_tokens_decoder.values() if token.special)
    return tuple(name for name in named if len(name.strip()) > 1 and name in escape_markup(f"a {name} b {name}{name}"))


def _make_message(role: str, text: str, sees: bool) -> dict[str, Any]:
    """A message for a chat template, as a list of parts for a vision model and as a string for a text-only one."""
    return {"role": role, "content": [{"type": "text", "text": text}] if sees else text}


def _make_sampled(ids: Sequence[int], logprobs: Sequence[float | None]) -> Tokens:
    return Tokens(tuple(ids), (True,) * len(ids), tuple(logprobs), (False,) * len(ids))


def _make_shown(ids: Sequence[int]) -> Tokens:
    return Tokens(tuple(ids), (False,) * len(ids), (None,) * len(ids), (False,) * len(ids))


def _cut(tokens: Tokens, before: int, stop: int) -> Tokens:
    """The tokens between two places, both left out; their pictures stay those of all."""
    part = slice(before + 1, stop)
    return replace(
        tokens,
        ids=tokens.ids[part],
        sampled=tokens.sampled[part],
        logprobs=tokens.logprobs[part],
        is_placeholder=tokens.is_placeholder[part],
    )


def _join(parts: Sequence[Tokens]) -> Tokens:
    return Tokens(
        tuple(chain.from_iterable(part.ids for part in parts)),
        tuple(chain.from_iterable(part.sampled for part in parts)),
        tuple(chain.from_iterable(part.logprobs for part in parts)),
        tuple(chain.from_iterable(part.is_placeholder for part in parts)),
        tuple(chain.from_iterable(part.pictures for part in parts)),
    )
