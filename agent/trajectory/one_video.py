"""A trajectory about several videos, as if its question were about one of them."""

from dataclasses import replace

from agent.trajectory.answer import Answer, Evidence, number_evidence
from agent.trajectory.trajectory import Trajectory
from agent.trajectory.turn import Calls, Step, ToolCall
from tools.observation import Observation


def restrict_to_video(trajectory: Trajectory, video: int | None) -> Trajectory:
    """The trajectory as if the question were about one of its videos: other calls are left out, and no number is left.

    Coverage, rules and rewards know one video only.

    Args:
        trajectory: the trajectory; given back as it is where it is about one video.
        video: number of the video.

    Raises:
        ValueError: the question has no such video.
    """
    known = trajectory.facts_by_number
    if video not in known:
        raise ValueError(f"need one of the videos {', '.join(map(str, known))}, got {video}")
    if video is None:
        return trajectory
    question = trajectory.question
    return replace(
        trajectory,
        question=replace(question, video=question.videos[video - 1], other_videos=(), folder=None),
        facts=known[video],
        other_facts=(),
        steps=tuple(_restrict_step(step, video) for step in trajectory.steps),
        earlier=tuple(restrict_to_video(run, video) for run in trajectory.earlier),
    )


def _restrict_step(step: Step, video: int) -> Step:
    calls = step.turn.move.calls if isinstance(step.turn.move, Calls) else ()
    asked = {call.id: call.arguments.get("video") for call in calls}
    of_video = {result.call_id: result.observation.video or asked.get(result.call_id) for result in step.results}
    kept = {call_id for call_id, number in (asked | of_video).items() if number == video}
    results = tuple(
        replace(result, observation=_restrict_observation(result.observation))
        for result in step.results
        if result.call_id in kept
    )
    move = step.turn.move
    if isinstance(move, Calls):
        move = Calls(tuple(_restrict_call(call) for call in calls if call.id in kept))
    elif isinstance(move, Answer):
        claims = (replace(claim, evidence=_restrict_evidence(claim.evidence, video)) for claim in move.claims)
        move = replace(move, evidence=_restrict_evidence(move.evidence, video), claims=tuple(claims))
    return replace(step, turn=replace(step.turn, move=move), results=results)


def _restrict_call(call: ToolCall) -> ToolCall:
    return replace(call, arguments={name: value for name, value in call.arguments.items() if name != "video"})


def _restrict_observation(observation: Observation) -> Observation:
    return replace(observation, frames=tuple(replace(frame, video=None) for frame in observation.frames), video=None)


def _restrict_evidence(evidence: tuple[Evidence, ...], video: int) -> tuple[Evidence, ...]:
    return tuple(number_evidence(item, None) for item in evidence if item.video == video)
