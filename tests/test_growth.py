"""No text of a stranger makes a pattern, or what is built around one, take more than time proportional to its size."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.policies.lite_rules import reading
from agent.policies.lite_rules.pieces import forms
from agent.rendering.answer_parser import read_answer, strip_fence
from agent.rendering.reply_parser import parse_reply
from agent.rendering.sanitize import escape_markup
from agent.trajectory import Question, Reply, Trajectory, Usage, VideoFacts
from evals.benchmarks import cues
from evals.benchmarks.records import Record, RecordPlace
from evals.scoring.published import by_gold, clean_text, first_letter, mmmu, ranked, spans
from rl.data import published
from rl.rewards import formats, tool_use, turns, wording
from tests.growth import patterns_of, slowness_of, slowness_on
from tests.test_layout import ORDER, ROOT
from tools.observation_text import quote_untrusted


@pytest.mark.parametrize(
    ("pattern", "flags"),
    [
        (r"<answer>\s*(.*?)\s*</answer>", re.S),
        (r"^```(?:json)?\s*(.*?)\s*```$", re.S),
        (r"\{[^}]*\}", 0),
        (r"\{[^}]*\}|<[^>\n]{1,60}>", 0),
        (r"(\d+(?:\.\d+)?)\s*(?:s|secs?|seconds?)\b", re.I),
        (r"\d+(?:\s*[,; ]\s*\d+){3,}", 0),
        (r"\n\s*\([A-Z]\)\s*", 0),
        (r"<[^>\n]+>", 0),
        (r"(a+)+$", 0),
        (r"(?:a|a)*b", 0),
        (r"(?:\w+\s?)+:", 0),
        (r"x*x*x*y", 0),
    ],
)
def test_what_is_known_to_be_slow_is_found(pattern: str, flags: int) -> None:
    assert slowness_of(pattern, flags) is not None


@pytest.mark.parametrize(
    "pattern", [r"[^\W_]+", r"\{[^{}]*\}", r"(?<!\d)\d++\s*+s\b", r"<answer>(.*?)(?:</answer>|\Z)"]
)
def test_what_is_linear_is_let_pass(pattern: str) -> None:
    assert slowness_of(pattern, re.S) is None


@pytest.mark.parametrize("package", ORDER)
def test_every_pattern_takes_time_in_proportion_to_the_text(package: str) -> None:
    """Patterns that a call puts together are not seen here; what uses them is fed below."""
    found = [used for used in patterns_of(ROOT / package, ROOT) if used.pattern is not None]
    assert len(found) > 3
    slow = {(used.place, used.pattern): slowness_of(used.pattern or "", used.flags, used.ways) for used in found}
    assert [f"{place} {pattern}: {why}" for (place, pattern), why in slow.items() if why is not None] == []


_RUN = Trajectory(Question("v.mp4", "What?"), VideoFacts("0", 60.0, 640, 360))
_CHOICE = Trajectory(Question("v.mp4", "What?", ("a", "b")), VideoFacts("0", 60.0, 640, 360))
_OPTIONS = ("a red lantern", "two boats", "nothing", "rain")
_HEADS = ("", "<answer>```", "<tool_call>```json", "(A) ", '{"a":')
_PUMPS = (
    *(" ", "\n", "a", "1", "1,", "1, ", "1.", "1:", "12:", "(", "{", "[", "<", "<answer>", "</answer>", "<tool_call>"),
    *("<think>", "</think>", "<think></think>", "```", "```json", '"', "A ", "A.\n", "\n(", "- ", "-", "[[", "[A", "◁"),
    *("o (", "answer is ", "first 1", "from 1 to ", "what does ", "the word “", "<font color", "9e", "-1", "&", "«"),
)
_FUNCTIONS: dict[str, Callable[[str], object]] = {
    "a reply": lambda text: parse_reply(Reply(text), Usage(), _RUN),
    "a reply's options": lambda text: parse_reply(Reply(text), Usage(), _CHOICE),
    "an answer": lambda text: read_answer(text, _RUN),
    "a fence": strip_fence,
    "neutral": escape_markup,
    "a quotation": quote_untrusted,
    "a question": lambda text: reading.read_question(Question("v.mp4", f"{text}?"), 60.0),
    "written words": reading.find_written_text,
    "options": lambda text: reading.parse_span(text, 60.0),
    "a line on screen": forms.cut_pieces,
    "official_mvbench": lambda text: by_gold.official_mvbench(text, "(A) a"),
    "lmms_mvbench": lambda text: by_gold.lmms_mvbench(text, "A"),
    "official_mlvu": lambda text: by_gold.official_mlvu(text, "(A) a"),
    "official_cgbench": lambda text: by_gold.official_cgbench(text, "A"),
    "lmms_mmvu_choice": lambda text: by_gold.lmms_mmvu_choice(text, "B", {"B": "a red lantern"}),
    "lmms_mmvu_open": lambda text: by_gold.lmms_mmvu_open(text, "O(n^2) steps"),
    "official_videomme": first_letter.official_videomme,
    "official_lvbench": first_letter.official_lvbench,
    "json_block": clean_text.json_block,
    "marks": clean_text.without_marks,
    "lmms_mmmu": lambda text: mmmu.lmms_mmmu(text, _OPTIONS),
    "lmms_egoschema": lambda text: mmmu.lmms_egoschema(text, _OPTIONS),
    "official_videommmu": lambda text: mmmu.official_videommmu(text, _OPTIONS),
    "lmms_videommmu_open": lambda text: mmmu.lmms_videommmu_open(text, "12.5"),
    "lmms_mcq": ranked.lmms_mcq,
    "lmms_charades": spans.lmms_charades,
    "official_cgbench_spans": lambda text: spans.official_cgbench_spans(text, 60.0),
    "strict_span": spans.strict_span,
    "official_video_holmes": first_letter.official_video_holmes,
    "cues": cues.strip_markup,
    "a video of LLaVA": lambda text: published._split_options(text),
    "an answer of Video-R1": lambda text: published._item(
        Record(RecordPlace("f", 1), {}), "n", Path("v"), "q", _OPTIONS, text, "multiple choice"
    ),
    "a strict turn": lambda text: turns.is_strict(as_turn_step(text)),
    "an anchored format": lambda text: formats._answers(text) or formats._thinks(text),
    "words": wording.split_words,
    "times": lambda text: tool_use._TIME.findall(text) + tool_use._NUMBER.findall(text),
}


def as_turn_step(text: str) -> object:
    """A step of the run in which a model wrote this."""
    from agent.trajectory import Step

    return Step(parse_reply(Reply(text), Usage(), _RUN))


def repeated(head: str, pump: str) -> Callable[[int], str]:
    """Texts of about any length, of a beginning, a part again and again, and an end that is not what is waited for."""
    return lambda length: head + pump * (length // len(pump)) + "\x01x"


@pytest.mark.parametrize("name", _FUNCTIONS)
def test_what_reads_foreign_text_takes_time_in_proportion_to_it(name: str) -> None:
    for head in _HEADS:
        for pump in _PUMPS:
            slow = slowness_on(_FUNCTIONS[name], repeated(head, pump), name)
            assert slow is None, str(slow)
