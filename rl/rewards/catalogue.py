"""Registry of rewards by name, with settings checked, aids bound, and None for every run that broke off.

Raw functions look at what a run holds and not at how it ended; a crash, a server that is gone or Ctrl-C says nothing of
the policy, so from here such a run is None everywhere. `evals.scoring.scoring.score` is milder: it scores a run that
had answered before it broke off. To train on it would be to train on what was not measured.
"""

import importlib.util
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from agent.trajectory import Trajectory, restrict_to_video
from evals.example import Example
from evals.scoring.scoring import BROKEN_OFF
from rl.rewards import answers, evidence, formats, judged, lengths, outcomes, steps, tool_use
from rl.rewards.aids import Aids
from rl.rewards.needs import NEEDS

Reward = Callable[[Example, Trajectory], float | None]
StepReward = Callable[[Example, Trajectory], steps.Steps]

REWARDS: dict[str, Callable[..., float | None]] = {
    function.__name__: function
    for function in (
        answers.answer,
        answers.letter,
        answers.answer_or_judge,
        answers.answer_or_rouge,
        answers.answer_by_kind,
        answers.answer_or_grounding,
        answers.answer_early,
        answers.rouge,
        answers.word_accuracy,
        answers.number,
        answers.relative_closeness,
        answers.relative_accuracy,
        answers.span_iou,
        formats.format_all,
        formats.format_share,
        formats.parse_rate,
        formats.format_evidence,
        formats.format_anchored,
        lengths.format_and_length,
        lengths.tokens_within,
        lengths.overlong,
        tool_use.calls_tools,
        tool_use.uses_tools,
        tool_use.looks,
        tool_use.tool_levels,
        tool_use.calls_made,
        tool_use.crops,
        tool_use.calls_beyond,
        tool_use.repeat_ratio,
        tool_use.failed_share,
        tool_use.frame_cost,
        tool_use.names_the_file,
        tool_use.consistent_calls,
        tool_use.asked_time_looked_at,
        evidence.evidence_iou,
        evidence.evidence_hit,
        evidence.evidence_recall,
        evidence.claims_right,
        evidence.claims_inside,
        evidence.claim_nearness,
        evidence.last_window_iou,
        evidence.best_window_f1,
        evidence.frames_jaccard,
        evidence.frames_found,
        evidence.frame_hit,
        evidence.visits_f1,
        evidence.calls_right,
        evidence.evidence_box_iou,
        evidence.verified,
        evidence.answer_from_evidence,
        evidence.second_answer_right,
        judged.reasoning_agrees,
        judged.cites_what_is_seen,
        outcomes.sage_outcome,
    )
}

STEP_REWARDS: dict[str, Callable[..., steps.Steps]] = {
    function.__name__: function
    for function in (
        steps.step_format,
        steps.step_mistakes,
        steps.step_repeats,
        steps.step_judged,
        steps.step_retrieval,
    )
}

_OF_MOMENT = frozenset(
    function for name, function in (REWARDS | STEP_REWARDS).items() if NEEDS.get(name) in ("spans", "boxes")
)
"""Rewards that compare with the reference moment, which is of one video: they know nothing of others."""


def get_reward(name: str, settings: Mapping[str, Any] | None = None, aids: Aids | None = None) -> Reward:
    """The reward of a name, ready to be called; a step reward is summed over turns.

    Args:
        name: a key of `REWARDS` or `STEP_REWARDS`; or FILE.py:FUNCTION, a reward of one's own.
        settings: values of its keyword parameters; those left out keep their defaults.
        aids: the judge, boxes and progress that it may use; None for none.

    Raises:
        ValueError: no such reward, or it has no such setting, or not of that kind; says which there are.
    """
    if name in STEP_REWARDS:
        each = get_step_reward(name, settings, aids)
        return lambda example, trajectory: steps.total(each(example, trajectory))
    if ":" in name:
        function = load_own_reward(name)
    elif name in REWARDS:
        function = REWARDS[name]
    else:
        known = ", ".join(sorted([*REWARDS, *STEP_REWARDS]))
        raise ValueError(f"no reward {name!r}: known are {known}; one of your own is FILE.py:FUNCTION")
    ready = _bind_settings(function, settings or {}, aids or Aids())
    return lambda example, trajectory: None if is_broken_off(trajectory) else ready(example, trajectory)


def load_own_reward(name: str) -> Callable[..., float | None]:
    """The function that FILE.py:FUNCTION names, a reward with the parameters that those of `REWARDS` have.

    Raises:
        ValueError: there is no such file or function, or the file can't be run; says why.
    """
    path, _, function = name.rpartition(":")
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    if spec is None or spec.loader is None or not Path(path).is_file():
        raise ValueError(f"no reward {name!r}: need FILE.py:FUNCTION, and there is no Python file {path!r}")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's own code raises
        raise ValueError(f"{path} can't be run: {type(error).__name__}: {error}") from error
    found = getattr(module, function, None)
    if not callable(found):
        raise ValueError(f"{path} has no function {function!r}")
    own: Callable[..., float | None] = found
    return own


def get_step_reward(name: str, settings: Mapping[str, Any] | None = None, aids: Aids | None = None) -> StepReward:
    """The step reward of a name, ready to be called: one number for each turn of the policy.

    Args:
        name: a key of `STEP_REWARDS`.
        settings: values of its keyword parameters; those left out keep their defaults.
        aids: the judge, boxes and progress that it may use; None for none.

    Raises:
        ValueError: no such step reward, or it has no such setting, or not of that kind; says which there are.
    """
    if name not in STEP_REWARDS:
        raise ValueError(f"no step reward {name!r}: known are {', '.join(sorted(STEP_REWARDS))}")
    ready = _bind_settings(STEP_REWARDS[name], settings or {}, aids or Aids())
    return lambda example, trajectory: () if is_broken_off(trajectory) else ready(example, trajectory)


def is_broken_off(trajectory: Trajectory) -> bool:
    """Whether a run goes on, or ended by no fault of the policy: by a crash, or after initial calls that all failed."""
    return trajectory.stop in BROKEN_OFF or bool(find_failed_opening(trajectory))


def find_failed_opening(trajectory: Trajectory) -> str:
    """What the first of the initial calls said, where all of them failed; empty where one showed something.

    A policy that is shown nothing can only guess, and would be trained to.
    """
    opening = [result.observation for step in trajectory.steps if step.turn.is_opening for result in step.results]
    return opening[0].text if opening and all(seen.is_error for seen in opening) else ""


def _bind_settings(function: Callable[..., Any], settings: Mapping[str, Any], aids: Aids) -> Callable[..., Any]:
    hints = get_type_hints(function)
    names = [p.name for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]
    known = [name for name in names if name != "aids"]
    checked = {key: _check_setting(function.__name__, key, value, known, hints) for key, value in settings.items()}
    ready = partial(function, **checked, **({"aids": aids} if "aids" in names else {}))
    return partial(_score_moment, ready) if function in _OF_MOMENT else ready


def _score_moment(ready: Callable[[Example, Trajectory], Any], example: Example, trajectory: Trajectory) -> Any:
    """What a reward says of the video with the reference moment, as if the question were about that one alone."""
    if example.evidence_video is not None:
        trajectory = restrict_to_video(trajectory, example.evidence_video)
        example = replace(example, question=trajectory.question, evidence_video=None)
    return ready(example, trajectory)


def _check_setting(reward: str, key: str, value: object, known: list[str], hints: dict[str, Any]) -> Any:
    if key not in known:
        raise ValueError(f"{reward} has no setting {key!r}: known are {', '.join(known) or 'none'}")
    try:
        return TypeAdapter(hints[key], config=ConfigDict(strict=True)).validate_python(value)
    except ValidationError as error:
        raise ValueError(f"{reward}, {key}: {error.errors()[0]['msg']}, got {value!r}") from error
