"""The whole record of one question: what was asked, each turn with what came back, how it ended, what it cost.

Frozen, append-only, and plain data: it is the state of the graph, the file that `--save` writes, what a replay
plays back and what a score or a reward reads. Pixels are not in it; frames are references.
"""

from agent.trajectory.answer import (
    Answer,
    Evidence,
    Link,
    Prediction,
    Statement,
    collect_evidence,
    is_same_answer,
    number_evidence,
)
from agent.trajectory.one_video import restrict_to_video
from agent.trajectory.question import Question, SearchedFolder, VideoFacts
from agent.trajectory.saving import from_json, load, to_json
from agent.trajectory.settings import (
    EFFORTS,
    MOST_TURNS,
    STRATEGIES,
    VOTES,
    Effort,
    Estimate,
    Form,
    Limits,
    Setup,
    Strategy,
    Vote,
)
from agent.trajectory.trajectory import ExampleRun, Sample, Stop, Trajectory, Verification, make_call_ids
from agent.trajectory.turn import Calls, Malformed, Move, Reply, Result, Step, ToolCall, Turn
from tools.observation import Usage

__all__ = [
    "EFFORTS",
    "MOST_TURNS",
    "STRATEGIES",
    "VOTES",
    "Answer",
    "Calls",
    "Effort",
    "Estimate",
    "Evidence",
    "ExampleRun",
    "Form",
    "Limits",
    "Link",
    "Malformed",
    "Move",
    "Prediction",
    "Question",
    "Reply",
    "Result",
    "Sample",
    "SearchedFolder",
    "Setup",
    "Statement",
    "Step",
    "Stop",
    "Strategy",
    "ToolCall",
    "Trajectory",
    "Turn",
    "Usage",
    "Verification",
    "VideoFacts",
    "Vote",
    "collect_evidence",
    "from_json",
    "is_same_answer",
    "load",
    "make_call_ids",
    "number_evidence",
    "restrict_to_video",
    "to_json",
]
