"""Prints the results of a probe: a table, or one JSON object, and an exit status."""

import json
import secrets
from dataclasses import asdict

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from agent.exit_codes import EXIT_CHECK_FAILED
from agent.policy import Policy
from agent.probe.measured import Bill, Measured
from agent.probe.probing import probe_model
from agent.probe.verdicts import VerdictRow, is_fine, judge
from agent.terminal import format_json
from tools.plain_data import loads_json

_SIGNS = {"ok": "[green]ok[/]", "warn": "[yellow]warn[/]", "fail": "[red]fail[/]"}


def examine(policy: Policy, console: Console, progress: Console, *, as_json: bool = False) -> int:
    """Probes the policy's model and prints the results; 0 if nothing fails, 1 if something does.

    Args:
        policy: the policy.
        console: for the results.
        progress: for the requests as they are sent.
        as_json: whether to print one JSON object in place of the table.

    Raises:
        PolicyError: the model can't be reached.
    """
    if policy.setup is None:
        _print_no_model(policy.spec, console, as_json)
        return 0
    # new numbers each time: a server that kept last week's frames would look faster than it is
    measured = probe_model(policy, secrets.randbelow(2**31), lambda what: _print_dim(progress, f"asking: {what}"))
    judged = judge(measured)
    if as_json:
        print(format_json(loads_json(json.dumps(_as_dict(measured, judged), default=sorted))))
    else:
        _print_table(measured, judged, console)
    return 0 if is_fine(judged) else EXIT_CHECK_FAILED


def _as_dict(measured: Measured, judged: tuple[VerdictRow, ...]) -> dict[str, object]:
    return {"policy": measured.spec, "is_fine": is_fine(judged), "rows": [asdict(row) for row in judged]} | {
        "measured": asdict(measured)
    }


def _print_no_model(spec: str, console: Console, as_json: bool) -> None:
    if as_json:
        print(format_json({"policy": spec, "is_fine": True, "rows": [], "measured": None}))
    else:
        _print_dim(console, f"{spec} is no language model: there is nothing to probe.")


def _print_table(measured: Measured, judged: tuple[VerdictRow, ...], console: Console) -> None:
    table = Table(title=escape(measured.spec), title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in ("", "part", "found", "advice"):
        table.add_column(column, overflow="fold")
    for row in judged:
        # escaped: a server's error may hold what rich takes for markup
        table.add_row(_SIGNS[row.verdict], row.part, escape(row.found), escape(row.advice))
    console.print(table)
    _print_dim(console, _format_bill(measured.bill))


def _format_bill(bill: Bill) -> str:
    parts = [f"{bill.requests} requests in {bill.seconds:.1f} s"]
    if bill.prompt_tokens is not None:
        parts.append(f"{bill.prompt_tokens} prompt and {bill.completion_tokens or 0} completion tokens")
    parts.append(f"{bill.cost_usd:.4f} USD" if bill.cost_usd is not None else "cost not known")
    return ", ".join(parts)


def _print_dim(console: Console, text: str) -> None:
    console.print(text, style="dim", highlight=False, markup=False, soft_wrap=True)
