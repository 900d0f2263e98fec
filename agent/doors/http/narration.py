"""The events of a run as the reasoning that a chat shows."""

import json
from typing import Any

_LONGEST_RESULT = 600
"""Characters of a tool's result that are shown; the record has all of it."""


def format_reasoning(event: dict[str, Any]) -> str:
    """An event in words, a line or more; empty for one that says nothing new."""
    match event["event"]:
        case "turn_taken":
            return f"{event['thought']}\n" if event["thought"] else ""
        case "video_prepared":
            return f"preparing the video: {event['stage']} {event['share']:.0%}\n"
        case "tool_called":
            arguments = ", ".join(f"{name}={json.dumps(value)}" for name, value in event["arguments"].items())
            return f"{event['call_id']} {event['tool']}({arguments})\n"
        case "tool_returned":
            text = event["observation"]["text"]
            return f"{event['call_id']}: {text[:_LONGEST_RESULT]}{'…' if len(text) > _LONGEST_RESULT else ''}\n"
        case "notice_given":
            return f"{event['text']}\n"
        case "answer_verified":
            agrees = {True: "agrees", False: "differs", None: "is silent"}[event["agrees"]]
            return f"A second answer from the evidence alone {agrees}.\n"
        case "restarted":
            return "The process that read the video died; the question is asked once more.\n"
    return ""
