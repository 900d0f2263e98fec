"""Asks the bundled clip a question and prints what the answer rests on.

python examples/ask_in_python.py
"""

from agent import Sleuth

with Sleuth("lite") as sleuth:  # make one and keep it: videos stay open, and their indexes go on filling
    result = sleuth.ask("agent/demo/clip.mp4", "How does the caption describe the bunny?")

# Whatever ended the run early is in the status, and no exception: a limit, a model that can't be reached.
print(result.status, result.text, sep=": ")
for evidence in result.evidence:
    print(f"{evidence.start_seconds:.1f}-{evidence.stop_seconds:.1f} s {evidence.source} {evidence.quote}")
