"""The tools that the user's configuration file names, in its table [tools].

    [tools]
    plates = "plates.py:read_plate"               # a function of a file, beside the configuration or by its path
    words = "my_package.my_module:count_words"    # or of an installed module
    sums = { command = ["uvx", "mcp-server-sums"], env = { KEY = "..." }, only = ["add"] }
    maps = { url = "http://127.0.0.1:9000/mcp" }  # an MCP server: started, or reached

A function is written as `agent.sessions.own_tools` says. Whatever is wrong with one of them is said before a question
is asked; a server that fails later is an error that the model reads.
"""

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from agent.sessions.extended_toolbox import OwnTool
from agent.sessions.mcp_tools import McpServer, ServerCommand
from agent.sessions.own_tools import describe_functions
from tools.observation import Observation
from tools.runtime.closing import Closing
from tools.runtime.user_config import find_config_file, read_config
from tools.toolbox import OPTIONAL_TOOLS, TOOL_NAMES


@dataclass(frozen=True)
class ServerEntry:
    """An MCP server as the file names it: a command or a URL."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    command: list[str] | None = None
    url: str | None = None
    env: dict[str, str] | None = None
    """Environment variables of the command besides PATH, HOME and the like."""
    only: list[str] | None = None
    """The tools that are taken; all if None."""

    def __str__(self) -> str:
        return f"MCP server {self.url or ' '.join(self.command or ())}"


@dataclass(frozen=True)
class ToolEntry:
    """One line of the table."""

    name: str
    what: str | ServerEntry
    """A function as FILE.py:FUNCTION or MODULE:FUNCTION, or a server."""

    def __str__(self) -> str:
        return f"function {self.what}" if isinstance(self.what, str) else str(self.what)


def read_tool_entries(path: Path | None = None) -> tuple[ToolEntry, ...]:
    """The tools that a configuration file names, that of the user if None; nothing is loaded or started.

    Raises:
        ValueError: the file can't be read, or a line is not as it must be.
    """
    path = find_config_file() if path is None else path
    if not path.is_file():
        return ()
    return tuple(
        ToolEntry(name, _read_entry(path, name, what)) for name, what in read_config(path).get("tools", {}).items()
    )


def _read_entry(path: Path, name: str, what: Any) -> str | ServerEntry:
    if isinstance(what, str) and what.rpartition(":")[0] and what.rpartition(":")[2].isidentifier():
        return what
    need = 'need "FILE.py:FUNCTION", "MODULE:FUNCTION", { command = ["...", ...] } or { url = "http..." }'
    try:
        entry = TypeAdapter(ServerEntry).validate_python(what)
    except ValidationError as error:
        raise ValueError(f"{path}: tools.{name}: {need} ({error.errors()[0]['msg']})") from None
    if bool(entry.command) == bool(entry.url) or (entry.url and not entry.url.startswith(("http://", "https://"))):
        raise ValueError(f"{path}: tools.{name}: {need}")
    return entry


class ConfiguredTools(Closing):
    """The tools of a configuration file, open: functions loaded, servers started. Close it, or use it in a `with`."""

    def __init__(self, path: Path | None = None) -> None:
        """Loads and starts what the file names, that of the user if None.

        Raises:
            ValueError: one of them can't be had, or two tools have one name.
        """
        self._path = find_config_file() if path is None else path
        self._servers: list[McpServer] = []
        self.by_entry: dict[str, Mapping[str, OwnTool]] = {}
        """Tools by their names, by the name of their line in the file."""
        self.tools: dict[str, OwnTool] = {}
        """All of them, by name."""
        try:
            for entry in read_tool_entries(self._path):
                self._add(entry)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends the servers that were started."""
        for server in self._servers:
            server.close()

    def _add(self, entry: ToolEntry) -> None:
        found = self._open(entry)
        for name in found:
            if name in (*TOOL_NAMES, *OPTIONAL_TOOLS) or name in self.tools:
                others = (other for other, tools in self.by_entry.items() if name in tools)
                whose = f"tools.{other}" if (other := next(others, "")) else "one of ours"
                raise ValueError(
                    f"{self._path}: tools.{entry.name} has a tool {name}, and so has {whose}: give it another name, "
                    "or leave it out (only = [...] of a server)"
                )
        self.by_entry[entry.name] = found
        self.tools.update(found)

    def _open(self, entry: ToolEntry) -> Mapping[str, OwnTool]:
        if isinstance(entry.what, str):
            function = self._load_function(entry.name, entry.what)
            try:
                return describe_functions([function])
            except (TypeError, ValueError, NameError) as error:
                raise ValueError(f"{self._path}: tools.{entry.name}: {error}") from error
        what = entry.what
        target = what.url or ServerCommand(tuple(what.command or ()), what.env or {})
        server = McpServer(entry.name, target, what.only or ())
        self._servers.append(server)
        try:
            return server.list_tools()
        except ValueError as error:
            raise ValueError(f"{self._path}: {error}") from error

    def _load_function(self, name: str, where: str) -> "Callable[..., str | Observation]":
        place, _, function = where.rpartition(":")
        try:
            module = self._load_file(place) if place.endswith(".py") else importlib.import_module(place)
            found = getattr(module, function)
        except Exception as error:  # the user's code may raise anything
            raise ValueError(
                f"{self._path}: tools.{name}: {where} can't be loaded ({type(error).__name__}: {error!s:.300})"
            ) from error
        if not callable(found):
            raise ValueError(f"{self._path}: tools.{name}: {where} is no function")
        return found  # type: ignore[no-any-return]

    def _load_file(self, place: str) -> ModuleType:
        file = self._path.parent / Path(place).expanduser()
        spec = importlib.util.spec_from_file_location(f"own_tools_{file.stem}", file)
        if spec is None or spec.loader is None or not file.is_file():
            raise FileNotFoundError(f"{file} does not exist")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
