"""Configuration files in TOML: unknown keys are refused, and an error names the file and the key."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from tools.plain_data import loads_toml


class TomlConfig(BaseModel):
    """Base of the schemas: a TOML file, or a table of it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Kind = TypeVar("Kind", bound=TomlConfig)


def read_toml(path: Path, kind: type[Kind]) -> Kind:
    """Reads and checks a TOML file; paths in it are relative to the working directory.

    Raises:
        ValueError: the file is not TOML, has an unknown key, or its values contradict each other; says where.
        FileNotFoundError: there is no such file.
    """
    return parse_toml(path.read_text(encoding="utf-8"), str(path), kind)


def parse_toml(text: str, source: str, kind: type[Kind]) -> Kind:
    """Checks a TOML text by a schema.

    Args:
        text: the TOML.
        source: name of the text in errors.
        kind: the schema.

    Raises:
        ValueError: the text is not TOML, has an unknown key, or its values contradict each other; says where.
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
