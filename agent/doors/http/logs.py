"""Logs of the server as lines of JSON on stderr: no question, no path, no key is in them."""

import json
import logging
import sys
import time
from typing import Any

log = logging.getLogger("videosleuth.serve")
_FIELDS = "fields"


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON; its fields stand beside time, level and message."""
        time_utc = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
        data: dict[str, Any] = {"time": time_utc, "level": record.levelname.lower(), "message": record.getMessage()}
        data |= getattr(record, _FIELDS, {})
        if record.exc_info:
            data["traceback"] = self.formatException(record.exc_info)
        return json.dumps(data)


def write_log(message: str, level: int = logging.INFO, **fields: Any) -> None:
    """Writes one line.

    Args:
        message: what happened, always in the same words.
        level: level of `logging`.
        fields: what it happened to.
    """
    log.log(level, message, extra={_FIELDS: fields})


def set_up_logs() -> None:
    """Sends this log, and the warnings of all libraries, to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers, log.handlers, log.propagate = [handler], [handler], False
    root.setLevel(logging.WARNING)
    log.setLevel(logging.INFO)
