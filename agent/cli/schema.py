"""`--schema`: prints the JSON schema of what `--json` prints, and ends; no video is needed."""

import argparse
from collections.abc import Sequence
from typing import Any, Literal

Task = Literal["explain", "predict"]


def add_schema_option(command: argparse.ArgumentParser, task: Task) -> None:
    """Declares the option."""
    command.add_argument(
        "--schema", nargs=0, action=_PrintSchema, const=task, help="print the JSON schema of --json, and end"
    )


class _PrintSchema(argparse.Action):
    """Like argparse's own `--version`: acts while the line is read, so that nothing else is asked for."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Prints, and ends the program with status 0."""
        from agent.report.json_output import schema_json

        print(schema_json(self.const), flush=True)
        parser.exit()
