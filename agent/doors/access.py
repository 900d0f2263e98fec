"""Who may reach a server: this machine alone, or whoever bears its token."""

import hmac
import ipaddress
from collections.abc import Mapping

KEEP_ALIVE_SECONDS = 75
"""How long an idle connection stands: longer than clients keep theirs, or one that asks again meets it closing."""
SHORTEST_TOKEN = 16
"""Characters of a token at least; `openssl rand -hex 16` makes twice as many."""


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def bears_token(headers: Mapping[str, str], token: str) -> bool:
    """Whether the headers of a request hold the token, compared in constant time.

    Args:
        headers: headers of the request, whose names may be in any case.
        token: the server's token; without one every request has it.
    """
    kind, _, given = headers.get("authorization", "").partition(" ")
    is_same = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), token.encode())
    return not token or (kind.casefold() == "bearer" and is_same)
