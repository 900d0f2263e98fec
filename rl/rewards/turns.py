"""The policy's own turns, and whether each has the form that its prompt asks for: think, then calls or an answer.

The reply is read word for word, not the parsed move: the parser forgives a missing end tag, a reward does not.
"""

import json
import re

from agent.trajectory import Answer, Calls, Malformed, Reply, Step, Trajectory

_CALLS = re.compile(r"\s*(?:<tool_call>(?:(?!<tool_call>).)*?</tool_call>\s*)+", re.S)
_ANSWER = re.compile(r"\s*<answer>(?P<content>.*?)</answer>\s*", re.S)
_ONCE = ("<think>", "</think>", "<answer>", "</answer>")


def own_steps(trajectory: Trajectory) -> tuple[Step, ...]:
    """The steps of the policy, without the initial looks that the loop makes."""
    return tuple(step for step in trajectory.steps if not step.turn.is_opening)


def write_reply(step: Step) -> str | None:
    """The whole reply as text, with tags where the server took thinking and calls apart; None without a model."""
    reply = step.turn.reply
    if reply is None:
        return None
    calls = "".join(f"\n<tool_call>{json.dumps(call.get('function'))}</tool_call>" for call in reply.tool_calls)
    thought = f"<think>{reply.reasoning}</think>" if reply.reasoning else ""
    return f"{thought}{_open_think_tag(reply)}{calls}"


def _open_think_tag(reply: Reply) -> str:
    """The text, with the `<think>` that some chat templates write before the model does."""
    is_open_already = "</think>" in reply.text and "<think>" not in reply.text and not reply.reasoning
    return f"<think>{reply.text}" if is_open_already else reply.text


def join_replies(trajectory: Trajectory) -> str | None:
    """All replies of the policy, joined by line breaks; None if one of them has no text, or there is none."""
    texts = [write_reply(step) for step in own_steps(trajectory)]
    known = [text for text in texts if text is not None]
    return "\n".join(known) if known and len(known) == len(texts) else None


def is_strict(step: Step) -> bool | None:
    """Whether a turn is exactly `<think>..</think>` and then calls or one answer; None without a model's reply.

    Each of the four tags at most once, something between the first two, nothing before, between or after.
    """
    text = write_reply(step)
    if text is None:
        return None
    if isinstance(step.turn.move, Malformed) or any(text.count(tag) > 1 for tag in _ONCE):
        return False
    before, closed, rest = text.partition("</think>")
    if not closed or not before.lstrip().startswith("<think>") or not before.replace("<think>", "").strip():
        return False
    if isinstance(step.turn.move, Calls):
        return _CALLS.fullmatch(rest) is not None
    return _ANSWER.fullmatch(rest) is not None


def count_thought_characters(trajectory: Trajectory) -> int:
    """Number of characters of the thoughts in all turns of the policy."""
    return sum(len(step.turn.thought) for step in own_steps(trajectory))


def is_answered(trajectory: Trajectory) -> bool:
    """Whether the last turn of the policy is an answer."""
    steps = own_steps(trajectory)
    return bool(steps) and isinstance(steps[-1].turn.move, Answer)
