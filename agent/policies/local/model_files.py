"""A model's small files, read before its weights: configuration, tokenizer and chat template.

The hub is asked only for a model that is not here, and for its files only where the user allowed it. Code that lies
beside a model is never run: transformers would ask on stdin whether it may, where a pipe may say yes or nobody may
answer.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import torch
from transformers import AutoConfig, AutoTokenizer
from transformers.utils.hub import cached_file

from agent.policies.hub.consent import find_or_fetch
from agent.policies.local.picture_words import PictureWordsConfig
from agent.policy import PolicyError
from agent.rendering.tokens import ChatTokenizer
from tools.observation import MissingPartError
from tools.plain_data import loads_json

AutoConfig.register(PictureWordsConfig.model_type, PictureWordsConfig)

_LONGEST_REASON = 300
"""Characters of another library's error message that are passed on; some hold a whole file."""
_VISION_TOKENS = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")


@dataclass(frozen=True)
class ModelFiles:
    """A model without its weights."""

    place: str
    """The model's folder."""
    config: Any
    tokenizer: Any
    scribe: ChatTokenizer
    image_token_id: int | None
    """Id of a picture's placeholder; None for a text-only model."""
    never: tuple[int, ...]
    """Ids that are never sampled: a placeholder without a picture takes the model down."""


def read_model_files(where: str) -> ModelFiles:
    """Reads the small files of the model in a folder or behind a hub id.

    Raises:
        PolicyError: no such model, no network, or no chat model.
        ValueError: the model would have to be downloaded, and the user has not allowed it.
    """
    place = _find_place(where)
    with explain_errors(where, torch.device("cpu")):
        config: Any = AutoConfig.from_pretrained(place, trust_remote_code=False)
        tokenizer: Any = AutoTokenizer.from_pretrained(place, trust_remote_code=False)
        template = _read_template(place, tokenizer)
    image_token_id = getattr(config, "image_token_id", None) if hasattr(config, "vision_config") else None
    return ModelFiles(
        place=place,
        config=config,
        tokenizer=tokenizer,
        scribe=_make_tokenizer(where, tokenizer, template, image_token_id),
        image_token_id=image_token_id,
        never=tuple(getattr(config, name) for name in _VISION_TOKENS if getattr(config, name, None) is not None),
    )


def is_path(where: str) -> bool:
    """Whether a model's name is a folder and no hub id: the folder exists, or the name is written as only paths are."""
    return where.startswith((".", "/", "~")) or where.count("/") > 1 or Path(where).is_dir()


def _find_place(where: str) -> str:
    if not is_path(where):
        return str(find_or_fetch(where))
    folder = Path(where).expanduser()
    if not folder.is_dir():
        raise PolicyError(f"no folder {where}: give the folder of a model, or a hub id such as ORG/MODEL")
    return str(folder)


def _read_template(place: str, tokenizer: Any) -> str | None:
    """The chat template; None without one. Older repositories of vision models keep it in a file no tokenizer reads."""
    if tokenizer.chat_template is not None:
        return str(tokenizer.chat_template)
    file = cached_file(place, "chat_template.json", _raise_exceptions_for_missing_entries=False)
    return str(loads_json(Path(file).read_text(encoding="utf-8"))["chat_template"]) if file else None


def _make_tokenizer(where: str, tokenizer: Any, template: str | None, image_token_id: int | None) -> ChatTokenizer:
    if template is None:
        raise PolicyError(f"{where} has no chat template: take a model that was made to follow instructions")
    placeholder = None if image_token_id is None else tokenizer.convert_ids_to_tokens(image_token_id)
    try:
        return ChatTokenizer(tokenizer, template, placeholder)
    except (jinja2.TemplateError, ValueError) as error:
        raise PolicyError(f"the chat template of {where} can't be used: {get_first_line(error)}") from error


@contextmanager
def explain_errors(where: str, device: torch.device) -> Iterator[None]:
    """Turns what transformers raises for missing, unknown or damaged files into an error of one sentence.

    Raises:
        PolicyError: for any exception within, but a PolicyError and a MissingPartError, which pass.
    """
    try:
        yield
    except (PolicyError, MissingPartError):
        raise
    except torch.OutOfMemoryError as error:
        raise PolicyError(f"{where} does not fit in the memory of {device}: take a smaller model") from error
    except Exception as error:  # a damaged file makes the readers raise whatever comes; tokenizers a bare Exception
        if "trust_remote_code" in str(error):
            raise PolicyError(
                f"{where} needs Python code of its own, which is not run here: take a model that transformers knows, "
                "or run it on a server and use http:MODEL@URL"
            ) from error
        raise PolicyError(f"{where} can't be loaded: {get_first_line(error)}") from error


def get_first_line(error: Exception) -> str:
    """The first line of an error's message, cut to a readable length."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:_LONGEST_REASON]
