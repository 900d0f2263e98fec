"""One file for each command of `agent`: `add` declares it, and what it runs is imported only when it runs."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]
