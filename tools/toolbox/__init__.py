"""The environment of one video: the tools that a policy can call, and the pictures behind what they show."""

from tools.toolbox.frame_server import SIZES, Size
from tools.toolbox.moment_search import Where
from tools.toolbox.opening import make_toolbox, open_toolbox
from tools.toolbox.toolbox import (
    CAPTION_TOOLS,
    OPTIONAL_TOOLS,
    PULLED_TOOLS,
    SPEECH_TOOLS,
    TOOL_NAMES,
    Seconds,
    Toolbox,
)

__all__ = [
    "CAPTION_TOOLS",
    "OPTIONAL_TOOLS",
    "PULLED_TOOLS",
    "SIZES",
    "SPEECH_TOOLS",
    "TOOL_NAMES",
    "Seconds",
    "Size",
    "Toolbox",
    "Where",
    "make_toolbox",
    "open_toolbox",
]
