"""Settings of `agent serve`, from the command line, the environment, one TOML file and the defaults, in this order.

    [serve]
    port = 8000
    allow = ["/srv/videos"]
    token_file = "/run/secrets/video-sleuth"

Each key is a field of `ServeSettings`; `VIDEOSLEUTH_SERVE_PORT=8000` sets the same. A list in the environment is
separated by `os.pathsep`. `agent config` shows what is in force and where it comes from.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from agent.doors.access import SHORTEST_TOKEN, is_loopback
from tools.plain_data import read_plain_text
from tools.runtime.user_config import CONFIG_VARIABLE, find_config_file, read_config

PREFIX = "VIDEOSLEUTH_SERVE_"
"""Beginning of the environment variables that set a key of `[serve]`."""
_SECRET = "token"


@dataclass(frozen=True)
class ServeSettings:
    """Settings of the server. A size is in bytes and a time in seconds."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    host: str = "127.0.0.1"
    """Address to listen at; any but loopback needs a token."""
    port: int = 8000
    token: str = field(default="", repr=False)
    """Token that every request bears; empty for none. Better in `token_file`."""
    token_file: str = ""
    """File with the token."""
    hosts: tuple[str, ...] = ()
    """Further names that the server is reached by, as a proxy's; loopback names and `host` always are."""
    allow: tuple[str, ...] = ()
    """Folders whose videos may be asked about by path; without any, the folder that the server starts in."""
    url_hosts: tuple[str, ...] = ()
    """Hosts that a video may be fetched from, `example.org` or, in the file alone, `example.org:8443`; without any, no
    URL is taken."""
    url_private: bool = False
    """Whether these hosts may lie in a private network or on this machine."""
    url_seconds: float = 300.0
    """Time of a fetch at most, redirects included."""
    state: str = ""
    """Folder of uploads and jobs; by default one in the user's state folder."""
    policy: str = ""
    """Spec of the policy; by default that of `agent ask`."""
    captioner: str = ""
    """Spec of the model that describes windows; by default that of `agent ask`."""
    policies: tuple[str, ...] = ()
    """Specs of further policies that a question may name, as `lite` or, in the file alone, `http:model@url`."""
    encoder: str = ""
    """Spec of the encoder of the frame index; by default that of `agent ask`."""
    workers: int = 1
    """Processes that read videos; each loads its own models, 1 to 2 GB."""
    running: int = 8
    """Questions that a worker answers at the same time."""
    waiting: int = 32
    """Questions that may wait for a worker; beyond that the answer is 429."""
    max_seconds: float = 600.0
    """Time of a question at most, opening and indexing the video included."""
    max_upload_bytes: int = 2 * 2**30
    max_inline_bytes: int = 64 * 2**20
    """Size of a JSON request at most, with videos that stand in it as data URIs: it is held in memory."""
    max_stored_bytes: int = 20 * 10**9
    """Size of all uploads; the ones used longest ago go first."""
    max_duration_seconds: float = 6 * 3600.0
    max_pixels: int = 3840 * 2160
    """Pixels of a picture of a video."""
    memory_bytes: int = 16 * 2**30
    """Address space of a worker; torch alone maps several GB that it never touches."""
    keep_alive_seconds: float = 10.0
    """Silence after which a comment is sent on a stream, so that no proxy takes it for dead."""
    stop_seconds: float = 20.0
    """Time that running questions have to end after SIGTERM."""
    kept_jobs: int = 1000
    """Finished jobs that can still be fetched."""

    def __post_init__(self) -> None:
        for name in (
            "workers",
            "running",
            "kept_jobs",
            "max_seconds",
            "url_seconds",
            "max_upload_bytes",
            "max_inline_bytes",
        ):
            if not getattr(self, name) > 0:
                raise ValueError(f"need {name} > 0, got {getattr(self, name)}")
        if not 0 <= self.port < 2**16:
            raise ValueError(f"need a port from 0 to 65535, got {self.port}")
        if self.waiting < 0:
            raise ValueError(f"need waiting >= 0, got {self.waiting}")
        if self.token and len(self.token) < SHORTEST_TOKEN:
            raise ValueError(
                f"the token is too short: need {SHORTEST_TOKEN} characters, as `openssl rand -hex 16` makes"
            )

    @property
    def secret(self) -> str:
        """The token, read from its file where there is one; empty for none.

        Raises:
            ValueError: the file can't be read or holds no token, or the server is open to others without one.
        """
        token = self.token
        if self.token_file:
            try:
                token = read_plain_text(Path(self.token_file)).strip()
            except (OSError, ValueError) as error:
                raise ValueError(f"token_file {self.token_file} can't be read") from error
            if len(token) < SHORTEST_TOKEN:
                raise ValueError(f"token_file {self.token_file}: need a token of {SHORTEST_TOKEN} characters")
        if not token and not is_loopback(self.host):
            raise ValueError(
                f"listening at {self.host} lets others in: put a token into a file (`openssl rand -hex 16`) and name "
                f"it as token_file, or set {PREFIX}TOKEN"
            )
        return token

    @property
    def allowed_folders(self) -> tuple[str | Path, ...]:
        """Folders whose videos may be asked about by path."""
        return self.allow or (Path.cwd(),)

    @property
    def state_folder(self) -> Path:
        """Folder of uploads and jobs."""
        if self.state:
            return Path(self.state).expanduser().absolute()
        from platformdirs import user_state_path

        return user_state_path("videosleuth", appauthor=False) / "serve"


@dataclass(frozen=True)
class SetValue:
    """A setting with its source."""

    name: str
    value: Any
    source: str
    """Where it comes from: `default`, the file, or the environment variable."""

    @property
    def shown(self) -> str:
        """The value as it may be printed: a token never is."""
        if self.name == _SECRET:
            return "set (not shown)" if self.value else "not set"
        return repr(list(self.value) if isinstance(self.value, tuple) else self.value)


def read_settings(
    given: Mapping[str, Any], config: str | Path | None = None, environment: Mapping[str, str] = os.environ
) -> tuple[ServeSettings, tuple[SetValue, ...]]:
    """The settings in force, and each with its source.

    Args:
        given: what the command line says, by name; None stands for nothing.
        config: the TOML file; None is what VIDEOSLEUTH_CONFIG names, else the user's own if there is one.
        environment: environment variables.

    Raises:
        ValueError: a key that is none, a value of the wrong kind, or a file that can't be read.
    """
    path = _find_config(config, environment)
    values: dict[str, Any] = read_config(path).get("serve", {}) if path is not None else {}
    sources = dict.fromkeys(values, str(path))
    known = {one.name: one for one in fields(ServeSettings)}
    for variable, text in environment.items():
        if not variable.startswith(PREFIX):
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name not in known:
            raise ValueError(f"{variable}: there is no such setting; they are {', '.join(known)}")
        values[name] = text.split(os.pathsep) if known[name].default == () else text
        sources[name] = variable
    for name, value in given.items():
        if value is not None:
            values[name], sources[name] = value, "command line"
    try:
        settings = TypeAdapter(ServeSettings).validate_python(values)
    except ValidationError as error:
        raise ValueError(_describe_error(error, sources)) from None
    return settings, tuple(SetValue(name, getattr(settings, name), sources.get(name, "default")) for name in known)


def _find_config(config: str | Path | None, environment: Mapping[str, str]) -> Path | None:
    if config:
        return Path(config)
    path = find_config_file(environment)
    return path if environment.get(CONFIG_VARIABLE) or path.is_file() else None


def _describe_error(error: ValidationError, sources: Mapping[str, str]) -> str:
    """The first thing wrong with the settings, without its value, which may be a secret."""
    first = error.errors(include_url=False, include_input=False)[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    reason = first["msg"].removeprefix("Value error, ")
    if first["type"] == "unexpected_keyword_argument":
        reason = "there is no such setting"
    return f"{sources.get(name, 'settings')}: {name}: {reason}" if name else reason
