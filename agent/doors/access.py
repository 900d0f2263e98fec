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
    is_token = is_same(given.strip(), token)
    return not token or (kind.casefold() == "bearer" and is_token)


def make_pass(token: str) -> str:
    """What a browser keeps in place of the token, once its user has said it: the token can't be read out of it."""
    return hmac.new(token.encode(), b"video-sleuth page", "sha256").hexdigest()


def is_same(given: str, secret: str) -> bool:
    """Whether a secret was given, compared in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), secret.encode())
