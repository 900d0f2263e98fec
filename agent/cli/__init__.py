"""The commands of `agent`, one file each: `add` declares it, and what it runs is imported only when it runs."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.ending import Parser

    Commands = argparse._SubParsersAction[Parser]
