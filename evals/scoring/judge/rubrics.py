"""The judge's rubrics: a fixed prompt each, as a text file, with the range of its scores.

Correctness is for answers with a reference; grounding, coherence and insight are the three axes for explanations and
predictions; consistency, citing and step are for the reasoning of a run.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from agent.rendering.sanitize import escape_markup

_PLACE = re.compile(r"\{(question|reference|answer|reasoning)\}")


@dataclass(frozen=True)
class Rubric:
    """A rubric with the range of its scores, both ends included."""

    name: str
    lowest: int
    highest: int

    @property
    def judges(self) -> frozenset[str]:
        """Which of `answer` and `reasoning` it judges."""
        return frozenset(_PLACE.findall(_read_template(self.name))) - {"question", "reference"}

    def write(self, *, question: str, reference: str, answer: str = "", reasoning: str = "") -> str:
        """The prompt for one answer; each text is a JSON string that it can't leave, without tags and special tokens.

        Args:
            question: the question.
            reference: the correct answer, or what is known of the video.
            answer: the answer, if the rubric judges it.
            reasoning: the thoughts and calls that led to the answer, if the rubric judges them.
        """
        said = {"question": question, "reference": reference, "answer": answer, "reasoning": reasoning}
        quoted = {name: json.dumps(escape_markup(text), ensure_ascii=False) for name, text in said.items()}
        # in one pass, so that no text can bring a place for another one with it
        return _PLACE.sub(lambda place: quoted[place[1]], _read_template(self.name))


CORRECTNESS = Rubric("correctness", 0, 1)
AXES = (Rubric("grounding", 1, 5), Rubric("coherence", 1, 5), Rubric("insight", 1, 5))
"""Factual grounding, logical coherence and insightfulness."""
CONSISTENCY = Rubric("consistency", 0, 1)
"""Whether the reasoning leads to the answer."""
CITING = Rubric("citing", 0, 1)
"""Whether the reasoning names what the reference answer rests on."""
STEP = Rubric("step", 0, 1)
"""Whether the last turn of the reasoning makes sense."""
RUBRICS = {rubric.name: rubric for rubric in (CORRECTNESS, *AXES, CONSISTENCY, CITING, STEP)}


@cache
def compute_rubrics_version() -> str:
    """The version of the judge's prompts: a hash over all of them, 12 hex digits."""
    return hashlib.sha256("\0".join(_read_template(name) for name in RUBRICS).encode()).hexdigest()[:12]


@cache
def _read_template(name: str) -> str:
    return files(__package__).joinpath(f"{name}.txt").read_text(encoding="utf-8").strip()
