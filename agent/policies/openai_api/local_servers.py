"""Servers on this machine that listen at the usual ports of Ollama, LM Studio, llama.cpp and vLLM, and their models."""

import socket
from collections.abc import Mapping
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

from agent.policies.openai_api.endpoint import SERVERS, Server
from tools.plain_data import loads_json

_CONNECT_SECONDS = 0.3
"""Seconds to wait for a server on this machine, which takes a connection within a millisecond or so."""
_LIST_SECONDS = 2.0
"""Seconds that a server may take to list its models."""
_MOST_BYTES = 2**20
"""Bytes that are read of a list of models: bounds the memory of a read."""


def find_local_servers(servers: Mapping[str, Server] = SERVERS) -> dict[str, str]:
    """The servers on this machine that listen, `host:port` by short name; nothing is sent to them."""
    local = {name: urlsplit(server.base_url) for name, server in servers.items() if server.start}
    return {name: url.netloc for name, url in local.items() if _is_listening(url.hostname, url.port)}


def list_local_models(server: Server) -> list[str]:
    """Names of the models that a server on this machine offers; empty where it does not answer as it should."""
    try:
        with build_opener(ProxyHandler({})).open(f"{server.base_url}/models", timeout=_LIST_SECONDS) as reply:
            listed = loads_json(reply.read(_MOST_BYTES))
    except (OSError, ValueError):
        return []
    rows = listed.get("data") if isinstance(listed, dict) else None
    names = [row.get("id") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return [name for name in names if isinstance(name, str) and name]


def _is_listening(host: str | None, port: int | None) -> bool:
    try:
        socket.create_connection((host or "", port or 0), _CONNECT_SECONDS).close()
    except OSError:
        return False
    return True
