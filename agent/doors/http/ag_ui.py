"""The events of a run as AG-UI's, so that front ends which speak it can be attached.

A turn is a step; its thought a reasoning message; a call and its observation a tool call; the answer a text message.
"""

import json
from collections.abc import Iterator
from typing import Any

Named = dict[str, Any]


class AgUiEvents:
    """Converts the events of one job, in order."""

    def __init__(self, job_id: str, thread_id: str) -> None:
        """Begins before the first event.

        Args:
            job_id: id of the job, which is the run's.
            thread_id: id of the conversation.
        """
        self._names = {"threadId": thread_id, "runId": job_id}
        self._id = job_id
        self._step = ""
        self._is_started = False

    def read(self, event: Named) -> Iterator[Named]:
        """The events that stand for one."""
        match event["event"]:
            case "run_started":
                yield from self._start()
                asked = event.get("question", {})
                if asked.get("folder") is not None:
                    yield _make_custom("found_videos", [asked["video"], *asked["other_videos"]])
                yield _make_custom("video", event["facts"])
                if others := event.get("other_facts"):
                    yield _make_custom("other_videos", others)
            case "turn_taken":
                yield from self._end_step()
                self._step = f"turn {event['turn']}"
                yield {"type": "STEP_STARTED", "stepName": self._step}
                if event["thought"]:
                    yield from self._message(
                        "REASONING_MESSAGE", f"{self._id}-thought-{event['turn']}", event["thought"]
                    )
                if event["malformed"]:
                    yield _make_custom("malformed", event["malformed"])
            case "tool_called":
                call = {"toolCallId": event["call_id"]}
                yield {"type": "TOOL_CALL_START", "toolCallName": event["tool"], **call}
                yield {"type": "TOOL_CALL_ARGS", "delta": json.dumps(event["arguments"]), **call}
                yield {"type": "TOOL_CALL_END", **call}
            case "tool_returned":
                yield {
                    "type": "TOOL_CALL_RESULT",
                    "messageId": f"{self._id}-{event['call_id']}",
                    "toolCallId": event["call_id"],
                    "content": event["observation"]["text"],
                    "role": "tool",
                }
                yield _make_custom("observation", event)
            case "run_finished":
                yield from self._start()
                yield from self._end_step()
                yield from self._message("TEXT_MESSAGE", f"{self._id}-answer", event["content"])
            case name:
                yield _make_custom(name, event)

    def end(self, status: str, error: str, result: Named | None) -> Iterator[Named]:
        """The last event.

        Args:
            status: how the job ended.
            error: why there is no answer.
            result: the record, where there is one.
        """
        yield from self._start()
        yield from self._end_step()
        if result is None or status in ("crashed", "policy_failed"):
            yield {"type": "RUN_ERROR", "message": error or status, "code": status}
        else:
            yield {"type": "RUN_FINISHED", **self._names, "result": result}

    def _start(self) -> Iterator[Named]:
        if not self._is_started:
            self._is_started = True
            yield {"type": "RUN_STARTED", **self._names}

    def _end_step(self) -> Iterator[Named]:
        if self._step:
            yield {"type": "STEP_FINISHED", "stepName": self._step}
            self._step = ""

    def _message(self, kind: str, message_id: str, text: str) -> Iterator[Named]:
        role = "reasoning" if kind == "REASONING_MESSAGE" else "assistant"
        yield {"type": f"{kind}_START", "messageId": message_id, "role": role}
        if text:
            yield {"type": f"{kind}_CONTENT", "messageId": message_id, "delta": text}
        yield {"type": f"{kind}_END", "messageId": message_id}


def _make_custom(name: str, value: Any) -> Named:
    return {"type": "CUSTOM", "name": name, "value": value}
