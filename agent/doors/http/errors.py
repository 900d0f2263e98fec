"""Errors of the API in the form of OpenAI's."""

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

_KINDS = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}


class RequestRefusedError(HTTPException):
    """A request that is not answered, with the reason in a sentence."""

    def __init__(self, status: int, message: str, code: str = "", headers: Mapping[str, str] | None = None) -> None:
        """Makes the refusal.

        Args:
            status: status of HTTP.
            message: what was wanted, what came, and what to do.
            code: one word for programs.
            headers: further headers of the response.
        """
        super().__init__(status, message, headers)
        self.code = code

    def as_data(self) -> dict[str, Any]:
        """The error as OpenAI's clients read it."""
        return format_error(self.status_code, self.detail, self.code)

    def response(self) -> JSONResponse:
        """The error as a response."""
        return JSONResponse(self.as_data(), self.status_code, self.headers)


def make_disk_full() -> RequestRefusedError:
    """The refusal where the server's disk takes no more."""
    return RequestRefusedError(507, "the server's disk can't be written: tell who runs it", "disk")


def format_error(status: int, message: str, code: str = "") -> dict[str, Any]:
    """An error as OpenAI's clients read it.

    Args:
        status: status of HTTP.
        message: the reason in a sentence.
        code: one word for programs.
    """
    kind = _KINDS.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": code or None}}
