"""Alarms that stop a training before it wastes days: pure functions over the rows of its log.

They watch what kills such trainings in practice: tools that are no longer called (ParaVT measured 2.50 calls a question
before plain GRPO and 0.02 after it), runs that no longer end in an answer, groups without reward variance, turns that
can't be parsed, and numbers that are not finite. The alarm that stopped a training is written beside its log.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from rl.monitor.log import Row, select_known
from rl.options.toml_config import TomlConfig
from tools.plain_data import read_plain_lines


class AlarmError(Exception):
    """An alarm stopped a training; says why, what helps, and how to go on."""


Name = Literal["not_finite", "counted", "trained_on", "tool_collapse", "answer_collapse", "same_rewards", "unreadable"]


class Alarms(TomlConfig):
    """Thresholds at which a training stops by itself. 0 turns an alarm off, `not_finite = false` that one."""

    counted: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Stops when the share of runs that count, since they did not break off, is below this in each of `broken_steps`
    steps in a row: videos that can't be opened, a broken tool, a server that is gone."""
    trained_on: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Stops when the share of runs that are trained on is below this in each of `broken_steps` steps in a row: runs
    too long or cut off, rewards that can't be measured."""
    broken_steps: Annotated[int, Field(ge=1)] = 3
    """Steps over which `counted` and `trained_on` look."""
    tool_collapse: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Stops when the share of runs that call a tool, averaged over `steps` steps, is below this share of what it was
    in the first `steps` steps. A share that was 0 from the start can't collapse."""
    answer_collapse: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Stops when the share of runs that end in an answer collapses, by the rule of `tool_collapse`: it falls when
    replies no longer stop, though half of all turns, the calls, can still be parsed."""
    unreadable: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Stops when the share of turns that can be parsed is below this in each of `steps` steps in a row."""
    steps: Annotated[int, Field(ge=1)] = 20
    """Steps over which the collapse alarms and `unreadable` look; a training of 40 steps wants 4 or so. Steps without
    a measure (nothing was sampled, or no run counts) are skipped."""
    same_rewards: Annotated[int, Field(ge=0)] = 30
    """Stops after this many steps in a row without a single group with reward variance: nothing was learned. With
    one group a step and four groups in five alike, 30 in a row come by chance about once in 4,000 steps."""
    not_finite: bool = True
    """Whether to stop when the loss or the norm of the gradient is NaN or infinite."""


@dataclass(frozen=True)
class Alarm:
    """The alarm that stopped a training, in words and numbers."""

    name: Name
    """Key of `[alarms]` that went off."""
    step: int
    """Step after which the training was stopped."""
    seen: str
    """What was measured, over which steps, and the threshold."""
    helps: str
    """Advice: what usually helps."""

    @property
    def off(self) -> str:
        """The line of a training file that turns the alarm off."""
        return f"{self.name} = {'false' if self.name == 'not_finite' else 0}"

    @property
    def is_saved(self) -> bool:
        """Whether the weights are saved: after an update by a NaN gradient they are useless."""
        return self.name != "not_finite"

    def message(self, out: str, saved: str) -> str:
        """The alarm as text for the screen, with advice and how to go on.

        Args:
            out: folder of the training.
            saved: name of the last checkpoint, empty if there is none.
        """
        where = f"The last checkpoint is {out}/{saved}" if saved else f"{out} has no checkpoint yet"
        begins = "goes on from there" if saved else "begins anew"
        return (
            f"ALARM after step {self.step}: {self.seen}.\n"
            f"What usually helps: {self.helps}.\n"
            f"{where}; the same command {begins}. With the alarm on, it stops again as soon as it sees the same: to go "
            f"on regardless, write `{self.off}` under [alarms] in the training file."
        )


_FILE = "alarms.jsonl"
_ALARM = TypeAdapter(Alarm)


def find_alarm(rows: Sequence[Row], alarms: Alarms) -> Alarm | None:
    """The alarm that the last row sets off, if any.

    Args:
        rows: all steps so far, as `rl.monitor.log.read_log` gives them.
        alarms: thresholds.
    """
    if not rows:
        return None
    found = (
        _find_not_finite(rows, alarms),
        _find_low(rows, "counted", alarms.counted, alarms.broken_steps),
        _find_low(rows, "trained_on", alarms.trained_on, alarms.broken_steps),
        _find_collapse(rows, alarms, "tool_collapse", alarms.tool_collapse),
        _find_collapse(rows, alarms, "answer_collapse", alarms.answer_collapse),
        _find_same_rewards(rows, alarms),
        _find_low(rows, "unreadable", alarms.unreadable, alarms.steps),
    )
    return next((alarm for alarm in found if alarm is not None), None)


def read_alarms(out: Path) -> list[Alarm]:
    """Reads the alarms that have stopped a training, in order."""
    path = out / _FILE
    if not path.exists():
        return []
    return [_ALARM.validate_json(line) for _, line in read_plain_lines(path)]


def keep_alarm(out: Path, alarm: Alarm) -> None:
    """Appends the alarm that stopped a training to the file in its folder."""
    with (out / _FILE).open("a", encoding="utf-8") as file:
        file.write(_ALARM.dump_json(alarm).decode() + "\n")


def _find_not_finite(rows: Sequence[Row], alarms: Alarms) -> Alarm | None:
    last = rows[-1]
    broken = [words for key, words in _FINITE.items() if key in last and last[key] is None]
    if not alarms.not_finite or not broken:
        return None
    seen = f"{' and '.join(broken)} of step {last['step']} is not a finite number, so the weights are none any more"
    return Alarm("not_finite", last["step"], f"{seen} and were not saved", _HELP["not_finite"])


def _find_collapse(rows: Sequence[Row], alarms: Alarms, name: Name, share: float) -> Alarm | None:
    key, what = _SHARES[name]
    rates, count = select_known(rows, key), alarms.steps
    if not share or len(rates) <= count or rates[-1][0] != rows[-1]["step"]:
        return None
    first, last = rates[:count], rates[-count:]
    before, now = _mean(first), _mean(last)
    bound = share * before
    if now >= bound:
        return None
    seen = (
        f"{what}: {now:.2%} of the runs over {_span(last)}, against {before:.2%} over {_span(first)}, and the bound is "
        f"{share:g} of that, {bound:.2%}"
    )
    return Alarm(name, rows[-1]["step"], seen, _HELP[name])


def _find_same_rewards(rows: Sequence[Row], alarms: Alarms) -> Alarm | None:
    shares, count = select_known(rows, "groups/teaching"), alarms.same_rewards
    last = shares[-count:]
    if not count or len(last) < count or any(share > 0 for _, share in last) or last[-1][0] != rows[-1]["step"]:
        return None
    seen = f"nothing to learn from: in every group of {_span(last)} all runs were worth the same, for {count} steps"
    return Alarm("same_rewards", rows[-1]["step"], seen, _HELP["same_rewards"])


def _find_low(rows: Sequence[Row], name: Name, bound: float, count: int) -> Alarm | None:
    key, what, can = _LOW[name]
    shares = select_known(rows, key)
    last = shares[-count:]
    if len(last) < count or any(share >= bound for _, share in last) or last[-1][0] != rows[-1]["step"]:
        return None
    seen = f"{what}: over {_span(last)} {_mean(last):.2%} {can}, and in none of these steps {bound:.2%}"
    return Alarm(name, rows[-1]["step"], seen, _HELP[name])


def _mean(pairs: Sequence[tuple[int, float]]) -> float:
    return sum(value for _, value in pairs) / len(pairs)


def _span(pairs: Sequence[tuple[int, float]]) -> str:
    first, last = pairs[0][0], pairs[-1][0]
    return f"step {first}" if first == last else f"steps {first} to {last}"


_FINITE = {"loss": "the loss", "grad_norm": "the gradient"}

_SHARES: dict[Name, tuple[str, str]] = {
    "tool_collapse": ("runs/with_calls", "tools are hardly called any more"),
    "answer_collapse": ("runs/answered", "runs hardly end in an answer any more"),
}

_LOW: dict[Name, tuple[str, str, str]] = {
    "counted": ("runs/counted", "most runs break off", "ended by themselves"),
    "trained_on": ("runs/trained_on", "hardly a run is trained on", "were"),
    "unreadable": ("runs/readable_turns", "turns can't be read", "could"),
}

_HELP: dict[Name, str] = {
    "counted": (
        "the errors that were shown with the steps: missing files (`skip_unplayable`), a codec, a server that is gone; "
        "`agent doctor` tells what works here"
    ),
    "trained_on": (
        "`runs/too_long` in the log: a higher `update.max_tokens`, or fewer or smaller pictures; `runs/cut_replies`: a "
        "longer `play.max_reply_tokens`, or `update.mask_cut = false`; `groups/measured`: a preset whose rewards the "
        "questions allow, a judge that answers"
    ),
    "tool_collapse": (
        "a cold start on runs that use tools (`python -m rl.sft`; without one, LongVT saw hardly any calls); a reward "
        "for tools that only a right answer earns (presets deepeyes, ver), or one for calls where few runs "
        "make any (pixel-reasoner, paravt); a divergence held down (`update.kl`), a lower `update.learning_rate`; "
        "questions that can't be answered blind"
    ),
    "answer_collapse": (
        "a lower `update.learning_rate`, from a checkpoint before it fell; `runs/cut_replies` in the log tells whether "
        "replies no longer stop, `runs/turns` whether they only call tools to the last turn; a divergence held down "
        "(`update.kl`)"
    ),
    "same_rewards": (
        "questions of a fitting level, since all right and all wrong teach nothing (VerIPO drops four in five of those "
        "that are always right); more `generations` or `questions`, a higher `play.temperature`; a reward with "
        "degrees, as the overlap of spans; groups replayed (TimeSearch-R) or drawn anew (DAPO) where all are alike"
    ),
    "unreadable": (
        "a cold start on runs in the right form (`python -m rl.sft`); a longer `play.max_reply_tokens` where replies "
        "are cut off (`runs/cut_replies` in the log); a reward for form in degrees (preset paravt), or for each turn "
        "(sage); a lower `update.learning_rate`"
    ),
    "not_finite": (
        "a lower `update.learning_rate`, some `update.warmup_steps`, a lower `update.max_grad_norm`; float32 where "
        "products are halved"
    ),
}
