"""What can be done to a video: frames by time, a frame index, speech, screen text, shots, and the tools over them.

Imports nothing else of this project. Importing it does one thing: it puts the torchvision hook in place, before
anything can import transformers or open_clip.
"""

from tools.torchvision_hook import install as _install_torchvision_hook

_install_torchvision_hook()
