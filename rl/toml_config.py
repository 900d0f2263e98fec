"""TOML files that say how something is done: unknown keys are refused, and an error names the file and the key."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from tools.plain_data import loads_toml


class TomlConfig(BaseModel):
    """A file, or a table of it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Kind = TypeVar("Kind", bound=TomlConfig)


def read_sheet(path: Path, kind: type[Kind]) -> Kind:
    """What a TOML file says; paths in it are as seen from where the command runs.

    Raises:
        ValueError: it is not TOML, has an unknown key or does not hang together; says where.
        FileNotFoundError: there is no such file.
    """
    return parse_sheet(path.read_text(encoding="utf-8"), str(path), kind)


def parse_sheet(text: str, source: str, kind: type[Kind]) -> Kind:
    """The same of a text; errors name `source`.

    Raises:
        ValueError: as `read_sheet`.
    """
    try:
        table = loads_toml(text)
    except ValueError as error:
        raise ValueError(f"{source}: not TOML: {error}") from error
    try:
        return kind.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ValueError(f"{source}: {where}: {first['msg']}") from error
