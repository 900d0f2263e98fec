"""Endpoints: a model on a server, and its key, which comes from the environment and goes to that server alone."""

import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from agent.policy import PolicyError

OWN_KEY = "VIDEOSLEUTH_API_KEY"
"""Environment variable with the key for every server that has no variable of its own in SERVERS."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")

_WHERE = re.compile(r"(?P<model>.+)@(?P<url>https?://.*)", re.S | re.I)
_NAMED = re.compile(r"(?P<model>.+)@(?P<name>[a-z]+)", re.S)
_SENDABLE = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True)
class Server:
    """A server that has a short name, as in `http:gpt-5-mini@openai`."""

    base_url: str
    key_variable: str = OWN_KEY
    needs_key: bool = False
    tools_show_pictures: bool = True
    """False for a server whose tool messages are known to hold only text; any other is tried with pictures first."""
    start: str = ""
    """Command that starts the server on this machine; empty for servers elsewhere."""


SERVERS = {
    "openai": Server("https://api.openai.com/v1", "OPENAI_API_KEY", needs_key=True, tools_show_pictures=False),
    "gemini": Server(
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "GEMINI_API_KEY",
        needs_key=True,
        tools_show_pictures=False,
    ),
    "ollama": Server("http://localhost:11434/v1", start="ollama serve"),
    "lmstudio": Server("http://localhost:1234/v1", start="lms server start"),
    "llamacpp": Server("http://localhost:8080/v1", start="llama-server -m MODEL.gguf --mmproj MMPROJ.gguf"),
    "vllm": Server("http://localhost:8000/v1", start="vllm serve MODEL"),
}


@dataclass(frozen=True)
class Endpoint:
    """A model on a server, without the key, so that it can be shown anywhere."""

    model: str
    base_url: str
    """Base URL as the openai client takes it: `http://localhost:8000/v1`, without a slash at its end."""
    server: Server
    """Properties of the server; of an unknown one its URL, and that its key is in VIDEOSLEUTH_API_KEY."""

    @property
    def spec(self) -> str:
        """Spec of the endpoint's policy: what `--policy` takes."""
        return f"http:{self.model}@{self.base_url}"

    @property
    def host(self) -> str:
        """The name or address of the server, without its port."""
        return urlsplit(self.base_url).hostname or ""

    @property
    def is_local(self) -> bool:
        """True where the server is on this machine."""
        return self.host in LOOPBACK

    @property
    def start(self) -> str:
        """Command that starts the server that usually listens at this port; empty where that is not known."""
        port = urlsplit(self.base_url).port
        usual = (s.start for s in SERVERS.values() if s.start and urlsplit(s.base_url).port == port)
        return next(usual, "") if self.is_local else ""

    def key(self) -> str:
        """The key, from the environment; empty where the server needs none.

        Raises:
            PolicyError: the server needs a key and its variable is not set, or the key can't be sent; never shows it.
        """
        variable = self.server.key_variable
        key = os.environ.get(variable, "").strip()
        if not key and self.server.needs_key:
            raise PolicyError(f"{self.host} needs a key: put yours in the environment variable {variable}")
        if key and not _SENDABLE.fullmatch(key):
            raise PolicyError(
                f"the key in {variable} holds blanks or characters that no header can carry: copy it again"
            )
        return key


def parse_endpoint(where: str) -> Endpoint:
    """The endpoint of `MODEL@URL` or `MODEL@NAME`, where MODEL may itself hold an `@`.

    Raises:
        ValueError: no model, no URL, an unknown name, or a URL with a password or a query in it.
    """
    if (match := _WHERE.fullmatch(where)) is not None:
        return _parse_url(match["model"], match["url"])
    if (match := _NAMED.fullmatch(where)) is not None and match["name"] in SERVERS:
        server = SERVERS[match["name"]]
        return Endpoint(match["model"], server.base_url, server)
    # what was typed is not repeated: there may be a password in it
    raise ValueError(
        "http needs a model and a server: http:MODEL@URL, as in "
        "http:Qwen/Qwen3-VL-8B-Instruct@http://localhost:8000/v1, "
        f"or http:MODEL@NAME with NAME one of {', '.join(SERVERS)}"
    )


def _parse_url(model: str, url: str) -> Endpoint:
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is no number, brackets that are no address
        has_host = False
    if not has_host:
        raise ValueError("the URL behind the @ has no usable host: give one such as http://localhost:8000/v1")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError(
            "the URL of a server can hold no user, password, query or #: it is kept with every run; "
            f"put the key in the environment variable {OWN_KEY}"
        )
    base_url = f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path.rstrip('/')}"
    base_url = base_url.removesuffix("/chat/completions")
    return Endpoint(
        model, base_url, _find_hosted_server(parts.scheme.lower(), parts.hostname or "") or Server(base_url)
    )


def _find_hosted_server(scheme: str, host: str) -> Server | None:
    """The hosted server at a host, None for others: its key goes to it alone, and only encrypted."""
    for server in SERVERS.values():
        known = urlsplit(server.base_url)
        if server.needs_key and (known.scheme, known.hostname) == (scheme, host.lower()):
            return server
    return None
