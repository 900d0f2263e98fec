"""`--schema`: prints the JSON schema of what `--json` prints, and ends; no video is needed."""

import argparse
from collections.abc import Sequence
from typing import Any, Literal

Task = Literal["explain", "predict"]


def add_schema_option(command: argparse.ArgumentParser, task: Task) -> None:
    """Adds the option `--schema` to a command."""
    command.add_argument(
        "--schema", nargs=0, action=_PrintSchema, const=task, help="print the JSON schema of --json, and end"
    )


class _PrintSchema(argparse.Action):
    """An action that ends the program while arguments are read, like `--version`, so that no video is needed."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Prints the schema and ends the program with status 0; the arguments are argparse's.

        Args:
            parser: ends the program.
            namespace: not used.
            values: not used.
            option_string: not used.
        """
        from agent.report.json_output import format_schema

        print(format_schema(self.const), flush=True)
        parser.exit()
