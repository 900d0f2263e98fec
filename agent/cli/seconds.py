"""Seconds on the command line: `80`, `80.5`, `1:20` or `1:02:03`."""

import argparse
import re

_CLOCK = re.compile(r"(?:(?P<hours>\d+):)?(?P<minutes>\d+):(?P<seconds>[0-5]?\d(?:\.\d+)?)")


def read_seconds(text: str) -> float:
    """The seconds that a user wrote, as a number or as a clock shows them.

    Raises:
        ArgumentTypeError: the text is neither.
    """
    if (clock := _CLOCK.fullmatch(text.strip())) is not None:
        return (int(clock["hours"] or 0) * 60 + int(clock["minutes"])) * 60 + float(clock["seconds"])
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"need seconds, as 80 or 1:20, got {text!r}") from None
