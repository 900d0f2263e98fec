"""Logs of trainings that never were: every measure that the trainer writes, step by step."""

import json
import math
from pathlib import Path
from typing import Any

from rl.monitor.log import LOG

HOSTILE = "<script>window.hacked = 1</script>&\"'" + "longword" * 30


def row(step: int) -> dict[str, Any]:
    """One step; waves of different lengths."""

    def wave(low: float, high: float, period: float) -> float:
        return low + (high - low) * (0.5 + 0.5 * math.sin(step / period))

    shares = ("runs/with_calls", "runs/answered", "runs/evidence_hit", "runs/readable_turns", "runs/cut_replies")
    others = ("groups/teaching", "runs/counted", "runs/trained_on", "runs/sampled_share", "score/answer", "score/form")
    numbers = ("runs/calls", "runs/repeated_calls", "runs/turns", "runs/pictures", "grad_norm", "entropy", "kl")
    parts = ("generate", "tools", "log-probabilities", "update", "idle")
    return (
        {"step": step, "score": wave(0.2, 0.8, 9), "loss": wave(-0.01, 0.01, 2), "learning_rate": 1e-6}
        | {"runs/tool_gap": wave(-0.1, 0.4, 7), "runs/reply_tokens": wave(80, 160, 5)}
        | {"runs/sampled_tokens": wave(300, 500, 5), "seconds/sync": None}
        | {name: wave(0.3, 0.9, 3 + n) for n, name in enumerate(shares + others)}
        | {name: wave(1, 4, 3 + n) for n, name in enumerate(numbers)}
        | {f"seconds/{part}": wave(1, 10, 3 + n) for n, part in enumerate(parts)}
        | {f"runs/readable_turn_{turn}": wave(0.6, 1.0, 3 + turn) for turn in range(1, 9)}
    )


def log_of(steps: int) -> list[dict[str, Any]]:
    """A whole log."""
    return [row(step) for step in range(1, steps + 1)]


def write_log(out: Path, steps: int) -> list[dict[str, Any]]:
    """The same as a file in a folder."""
    rows = log_of(steps)
    (out / LOG).write_text("".join(json.dumps(one) + "\n" for one in rows))
    return rows
