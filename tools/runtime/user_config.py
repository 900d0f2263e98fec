"""The user's defaults, in one small TOML file: who plays, who describes, what indexes frames, what hears speech.

    policy = "transformers:Qwen/Qwen3-VL-4B-Instruct"
    captioner = "http:qwen3-vl:4b@ollama"
    encoder = "open_clip:ViT-B-16-SigLIP2-256"
    whisper = "Systran/faster-whisper-small"

`agent pull` and `agent policy` write these lines and leave the others; the table [serve] is for `agent serve`, and
[tools] names tools of the user's own.
"""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from tools.plain_data import loads_toml, read_plain_text

CONFIG_VARIABLE = "VIDEOSLEUTH_CONFIG"
"""Environment variable that names the file, in place of the one in the user's configuration folder."""
DEFAULTS = ("captioner", "encoder", "policy", "whisper")
_TABLES = ("serve", "tools")
_LARGEST_CONFIG_BYTES = 2**20
"""Settings take a few hundred bytes."""

DefaultName = Literal["captioner", "encoder", "policy", "whisper"]


def find_config_file(environment: Mapping[str, str] = os.environ) -> Path:
    """The file of the user's defaults, whether or not it is there."""
    if named := environment.get(CONFIG_VARIABLE):
        return Path(named)
    from platformdirs import user_config_path

    return user_config_path("videosleuth", appauthor=False) / "config.toml"


def read_config(path: Path) -> dict[str, Any]:
    """The table of the file, whose keys are known ones.

    Raises:
        ValueError: it can't be read, is no TOML, or holds a key that is none or of the wrong kind.
    """
    try:
        if path.stat().st_size > _LARGEST_CONFIG_BYTES:
            raise ValueError(f"it has more than {_LARGEST_CONFIG_BYTES} bytes")
        data = loads_toml(read_plain_text(path))
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"{path} is no TOML of settings: {error}") from error
    unknown = data.keys() - {*_TABLES, *DEFAULTS}
    if unknown or not all(isinstance(data.get(table, {}), dict) for table in _TABLES):
        raise ValueError(
            f"{path}: need tables [serve] and [tools] and above them {', '.join(DEFAULTS)}, got "
            f"{', '.join(sorted(unknown)) or 'no table'}"
        )
    for name in DEFAULTS:
        if not isinstance(data.get(name, ""), str):
            raise ValueError(f'{path}: need a text, {name} = "...", got {data[name]!r}')
    return data


def read_default(name: DefaultName, environment: Mapping[str, str] = os.environ) -> str:
    """One of the user's defaults; empty where none is set.

    Raises:
        ValueError: the file can't be read.
    """
    path = find_config_file(environment)
    return str(read_config(path).get(name, "")).strip() if path.is_file() else ""


def write_default(name: DefaultName, value: str) -> Path:
    """Writes one of the user's defaults and gives the file; an empty value removes it. Other lines stay as they are.

    Raises:
        ValueError: the file can't be read, written, or changed line by line.
    """
    path = find_config_file()
    before = read_plain_text(path) if path.is_file() and read_config(path) is not None else ""
    after = _replace_line(before, name, f"{name} = {json.dumps(value, ensure_ascii=False)}\n" if value else "")
    try:
        is_changed = loads_toml(after).get(name, "") == value
    except ValueError:
        is_changed = False
    if not is_changed:
        raise ValueError(f"{path} is written in a way that can't be changed here: set {name} in it yourself")
    beside = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(after, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise ValueError(f"{path} can't be written: {error.strerror}") from error
    return path


def _replace_line(text: str, name: str, line: str) -> str:
    """The text with the line that sets a key above all tables replaced, or a new one at its beginning."""
    table = re.search(r"^[ \t]*\[", text, re.M)
    head, rest = (text[: table.start()], text[table.start() :]) if table else (text, "")
    if head and not head.endswith("\n"):
        head += "\n"
    changed, count = re.subn(rf"^[ \t]*{name}[ \t]*=.*\n", lambda _: line, head, flags=re.M)
    return (changed if count else line + head) + rest
