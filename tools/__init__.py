"""Tools over a video: frames by time, a frame index, speech, screen text, shots, and what a policy can call.

Imports nothing else of this project, and importing it does nothing.
"""

PROJECT = "videosleuth"
"""Mark by which `agent` knows this package from others that are called `tools`."""
