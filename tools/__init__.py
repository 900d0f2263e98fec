"""What can be done to a video: frames by time, a frame index, speech, screen text, shots, and the tools over them.

Imports nothing else of this project, and importing it does nothing.
"""

PROJECT = "videosleuth"
"""By which `agent` knows this package from others that are called `tools`."""
