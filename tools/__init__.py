"""Tools over a video: frames by time, a frame index, speech, screen text, shots, and what a policy can call.

Imports nothing else of this project. Importing it does two things, since both must happen before anything imports
transformers, open_clip, onnxruntime or vllm: it puts the torchvision hook in place and opts out of telemetry.
"""

from tools.runtime.torchvision_hook import install as _install_torchvision_hook
from tools.telemetry import opt_out as _opt_out

PROJECT = "videosleuth"
"""Mark by which `agent` knows this package from others that are called `tools`."""

_opt_out()
_install_torchvision_hook()
