"""Asks the bundled clip a question and prints what the answer rests on.

python examples/ask_in_python.py
"""

from agent import Question, ask, open_policy, open_toolbox

CLIP = "agent/demo/clip.mp4"

with open_toolbox(CLIP) as toolbox:  # its index goes on filling in the background, also while questions are asked
    trajectory = ask(Question(CLIP, "How does the caption describe the bunny?"), toolbox, open_policy("lite"))

if trajectory.answer is None:  # a limit came first, or the policy failed
    raise SystemExit(f"no answer: {trajectory.stop}, {trajectory.error}")
print(trajectory.answer.text)  # a sentence that says so where it is not shown or can't be told
for evidence in trajectory.answer.evidence:
    print(f"{evidence.start_seconds:.1f}-{evidence.stop_seconds:.1f} s {evidence.source} {evidence.quote}")
