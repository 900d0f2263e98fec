"""Configuration files in TOML: unknown keys are refused, and an error names the file and the key."""

from pathlib import Path
from typing import TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from agent.ending import suggest_nearest
from tools.plain_data import loads_toml, read_plain_text


class TomlConfig(BaseModel):
    """Base of the schemas: a TOML file, or a table of it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_empty_path(cls, value: object, field: ValidationInfo) -> object:
        kind = cls.model_fields[str(field.field_name)].annotation
        if Path in (kind, *get_args(kind)) and "" in (value if isinstance(value, list) else [value]):
            raise ValueError("need a path, got an empty text, which would be the working folder")
        return value


Kind = TypeVar("Kind", bound=TomlConfig)


def read_toml(path: Path, kind: type[Kind]) -> Kind:
    """Reads and checks a TOML file; paths in it are relative to the working directory.

    Raises:
        ValueError: the file is not TOML, has an unknown key, or its values contradict each other; says where.
        FileNotFoundError: there is no such file.
    """
    return parse_toml(read_plain_text(path), str(path), kind)


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
        why = _explain_unknown(kind, first["loc"]) if first["type"] == "extra_forbidden" else first["msg"]
        raise ValueError(f"{source}: {where}: {why}") from error


def _explain_unknown(kind: type[BaseModel], loc: tuple[int | str, ...]) -> str:
    """Why a key is refused, with the nearest known one and where a key of that name belongs."""
    table: type[BaseModel] | None = kind
    for part in loc[:-1]:
        table = _find_table(table, str(part)) if table is not None and isinstance(part, str) else table
    known = list(table.model_fields) if table is not None else []
    key = str(loc[-1])
    tables = {name: _find_table(kind, name) for name in kind.model_fields}
    homes = [name for name, inner in tables.items() if inner is not None and key in inner.model_fields]
    if homes:
        return f"no such key here; it belongs under [{homes[0]}]"
    return f"no such key{suggest_nearest(key, known)}; known are {', '.join(known)}"


def _find_table(kind: type[BaseModel], name: str) -> type[BaseModel] | None:
    """The schema of a table, or of the entries of a list of tables; None where the key holds something else."""
    field = kind.model_fields.get(name)
    kinds = [] if field is None else [field.annotation, *get_args(field.annotation)]
    return next((one for one in kinds if isinstance(one, type) and issubclass(one, BaseModel)), None)
