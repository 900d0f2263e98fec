"""Parses the text between `<answer>` and `</answer>`: an option, words, a causal chain, predictions, or none of them.

An answer that is none of them is "not shown", a claim about the video, or "cannot tell", which claims nothing.

JSON by the schemas below, or plain words. Text that can't be parsed is a Malformed move that says why; nothing raises.
"""

import json
import re
from contextlib import suppress
from typing import Annotated

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from agent.rendering.boxes import KEYS, GivenBox
from agent.rendering.grounding import Claim, ground_claims
from agent.rendering.sanitize import escape_markup
from agent.rendering.typography import strip_typography
from agent.trajectory import Answer, Link, Malformed, Prediction, Question, Statement, Trajectory
from tools.plain_data import loads_json

NOT_SHOWN = "not shown"
CANNOT_TELL = "cannot tell"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MAX_PREDICTIONS = 3
"""Predictions that are kept, the likeliest ones: as many as the task asks for."""

_IN_VIDEO = r"(?: (?:in|by|on|from) (?:the|this) (?:video|clip|film|footage))?"
_NOT_SHOWN = re.compile(
    r"(?:(?:(?:it|this|that|the answer)(?:'s| is| was) )?not|(?:(?:it|this|that|the answer) )?(?:is|was)n't) "
    rf"shown{_IN_VIDEO}"
    r"|(?:the|this) (?:video|clip|film|footage) (?:does not|doesn't) show (?:it|this|that)"
)
_CANNOT_TELL = re.compile(
    r"(?:(?:i|we|it) )?(?:can ?not|can't|could not|couldn't|do not|don't|(?:(?:am|is) )?unable to) (?:be )?"
    rf"(?:tell|told|say|determined?|know|known|established?){_IN_VIDEO}"
    r"(?:[,(]? ?(?:because|since|as|whether|what|which|who|when|where|how|if|this|that|the|it)\b.*"
    r"|[.:;] .*| [–—-] .*)?",
    re.S,
)
"""Abstentions, with a reason or with what can't be told, but not with more: "I can't tell a lie" is a quotation."""
_BARE_WORDS = 3
"""Words of an abstention without a reason at most, as in "I cannot tell"."""
_FENCE = "```"
_MOST_DIGITS = 4
"""Digits from which a number is that of no video."""
_LETTER = re.compile(r"^\(?([A-Za-z])(?:[).:]+\s*|\s*$)(.*)$", re.S)

Confidence = Annotated[float, Field(ge=0, le=1)]


class ClaimSchema(BaseModel):
    """Schema of a piece of evidence as a model states it."""

    model_config = ConfigDict(extra="ignore")

    start: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """Start in seconds; None where the model states none."""
    stop: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """End in seconds; None where the model states none."""
    calls: list[str] = []
    """Ids of the calls that brought the evidence."""
    quote: str = ""
    box: GivenBox | None = None
    """Box (left, top, right, bottom) on the model's own scale; None for anything that is no box."""
    video: int | None = None
    """Number of the video; None where the model states none, or no number."""

    @model_validator(mode="before")
    @classmethod
    def _boxed(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        found = ((key, sides) for key in KEYS if (sides := _read_sides(value.get(key))) is not None)
        return value | {"box": next((GivenBox(sides, key) for key, sides in found), None)}

    @field_validator("calls", mode="before")
    @classmethod
    def _one_call(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @field_validator("video", mode="before")
    @classmethod
    def _no_number(cls, value: object) -> object:
        text = str(value).strip()
        return int(text) if text.isascii() and text.isdigit() and len(text) < _MOST_DIGITS else None

    @field_validator("quote", mode="before")
    @classmethod
    def _no_quote(cls, value: object) -> object:
        return "" if value is None else value

    @property
    def claim(self) -> Claim:
        """The evidence as a claim for the grounding."""
        return Claim(self.start, self.stop, tuple(self.calls), self.quote, self.box, self.video)


class EventSheet(ClaimSchema):
    """Base schema of a statement, with one piece of evidence in itself or with several."""

    evidence: list[ClaimSchema] = []

    @field_validator("evidence", mode="before")
    @classmethod
    def _usable(cls, value: object) -> object:
        return _drop_misfits(value, ClaimSchema)

    @property
    def rests_on(self) -> list[Claim]:
        """All evidence of the statement, as claims for the grounding."""
        return [self.claim, *(item.claim for item in self.evidence)]


class StatementSheet(EventSheet):
    """Schema of a claim of an answer."""

    claim_: Annotated[str, Field(min_length=1, validation_alias=AliasChoices("claim", "statement", "text"))]


class AnswerSchema(BaseModel):
    """Schema of an answer to a question."""

    model_config = ConfigDict(extra="ignore")

    answer: Annotated[str, Field(min_length=1)]
    because: str = ""
    """Reason of a "cannot tell"."""
    confidence: Confidence | None = None
    evidence: list[ClaimSchema] = []
    claims: list[StatementSheet] = []
    """Single claims of the answer; one that does not fit its schema is left out, and the answer stands."""

    @field_validator("claims", mode="before")
    @classmethod
    def _usable(cls, value: object) -> object:
        return _drop_misfits(value, StatementSheet)

    @field_validator("because", mode="before")
    @classmethod
    def _no_reason(cls, value: object) -> object:
        return value if isinstance(value, str) else ""

    @field_validator("answer", mode="before")
    @classmethod
    def _number(cls, value: object) -> object:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return str(value) if is_number else value


class StepSchema(EventSheet):
    """Schema of a step of an explanation."""

    event: Annotated[str, Field(min_length=1)]
    because: str = ""


class ExplanationSchema(BaseModel):
    """Schema of a causal chain."""

    model_config = ConfigDict(extra="ignore")

    summary: Annotated[str, Field(min_length=1)]
    confidence: Confidence | None = None
    steps: Annotated[list[StepSchema], Field(min_length=1)]


class PredictionSchema(EventSheet):
    """Schema of an event that may come next."""

    event: Annotated[str, Field(min_length=1)]
    justification: Annotated[str, Field(min_length=1)]
    confidence: Confidence


class PredictionsSchema(BaseModel):
    """Schema of the predictions, the most likely first."""

    model_config = ConfigDict(extra="ignore")

    predictions: Annotated[list[PredictionSchema], Field(min_length=1)]


def _read_sides(value: object) -> tuple[float, float, float, float] | None:
    """The four sides of a box; None for a value that is none."""
    if not isinstance(value, list | tuple) or len(value) != 4:
        return None
    if any(isinstance(side, bool) or not isinstance(side, int | float) or not 0 <= side < 1e6 for side in value):
        return None
    return float(value[0]), float(value[1]), float(value[2]), float(value[3])


def _drop_misfits(value: object, kind: type[BaseModel]) -> list[BaseModel]:
    """The items of a list that fit their schema: one that does not costs no answer."""
    fitting = []
    for item in value if isinstance(value, list) else ():
        with suppress(ValidationError):
            fitting.append(kind.model_validate(item))
    return fitting


def strip_fence(text: str) -> str:
    """A text without the Markdown fence around it, if there is one, and without space around it."""
    content = text.strip()
    if len(content) < 2 * len(_FENCE) or not (content.startswith(_FENCE) and content.endswith(_FENCE)):
        return content
    return content.removeprefix(_FENCE).removesuffix(_FENCE).removeprefix("json").strip()


def read_answer(text: str, trajectory: Trajectory) -> Answer | Malformed:
    """Parses an answer and grounds its evidence in the trajectory; Malformed where that can't be."""
    content = strip_fence(text)
    if not content:
        return Malformed(text, "the answer is empty")
    try:
        return _parse_content(content, trajectory)
    except json.JSONDecodeError as error:
        return Malformed(text, f"the answer is not valid JSON: {error.msg} at character {error.pos + 1}")
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the answer"
        return Malformed(text, f"the answer does not fit its form: {where}: {first['msg']}")
    except UnicodeError as error:
        return Malformed(text, f"the answer can't be used: {error}")
    except ValueError:  # a number of thousands of digits, brackets without end
        return Malformed(text, "the answer is not JSON of a usable size")


def _parse_content(content: str, trajectory: Trajectory) -> Answer | Malformed:
    if is_cannot_tell(content) and trajectory.question.task != "answer":
        return Answer(as_cannot_tell(content), cannot_tell=True)
    if trajectory.question.task == "explain":
        return _build_explanation(ExplanationSchema.model_validate(loads_json(content)), trajectory)
    if trajectory.question.task == "predict":
        return _build_predictions(PredictionsSchema.model_validate(loads_json(content)), trajectory)
    is_sheet = content.startswith("{")
    sheet = AnswerSchema.model_validate(loads_json(content)) if is_sheet else AnswerSchema(answer=content)
    return _build_answer(sheet, trajectory)


def _build_answer(sheet: AnswerSchema, trajectory: Trajectory) -> Answer | Malformed:
    words = sheet.answer.strip()
    claims = tuple(Statement(item.claim_.strip(), ground_claims(item.rests_on, trajectory)) for item in sheet.claims)
    named = ground_claims([item.claim for item in sheet.evidence], trajectory)
    evidence = tuple(dict.fromkeys((*named, *(item for claim in claims for item in claim.evidence))))
    question = trajectory.question
    option = find_option(words, question)
    if option is not None:
        return Answer(question.options[option], option, sheet.confidence, evidence, claims=claims)
    if is_not_shown(words):
        return Answer(NOT_SHOWN, None, sheet.confidence, evidence, not_shown=True)
    if is_cannot_tell(words):
        return Answer(as_cannot_tell(words, sheet.because), None, None, evidence, cannot_tell=True)
    if not question.options:
        return Answer(words, None, sheet.confidence, evidence, claims=claims)
    letters = ", ".join(LETTERS[: len(question.options)])
    wanted = f'one of {letters}, "{NOT_SHOWN}" or "{CANNOT_TELL}"'
    return Malformed(words, f"the answer must be {wanted}, got {escape_markup(words[:80])!r}")


def find_option(words: str, question: Question) -> int | None:
    """The index of the option that some words name, by its text, its letter, or both; None if they name none.

    A letter counts only where it stands alone or before its option's own text: the A of "A man" is no letter.
    """
    plain = [option.strip().casefold() for option in question.options]
    if (said := words.strip().casefold()) in plain:
        return plain.index(said)
    bare = strip_typography(words)
    if (said := bare.casefold()) in plain:
        return plain.index(said)
    if (match := _LETTER.match(bare)) is None:
        return None
    index, rest = LETTERS.find(match[1].upper()), match[2].strip().casefold()
    if not 0 <= index < len(plain):
        return None
    return index if not rest or rest.rstrip(".") == plain[index].rstrip(".") else None


def is_not_shown(words: str) -> bool:
    """Whether some words say that the video does not show it, and nothing else."""
    return _NOT_SHOWN.fullmatch(_normalize(words)) is not None


def is_cannot_tell(words: str) -> bool:
    """Whether some words say that it can't be told, maybe why, and name no answer beside it."""
    plain = _normalize(words)
    return _CANNOT_TELL.fullmatch(plain) is not None and " but " not in plain


def as_cannot_tell(words: str, reason: str = "") -> str:
    """A "cannot tell" as a sentence of its own, with the reason where one is given apart from it."""
    because = reason.strip().removeprefix("because ")
    if because:
        return f"I can't tell, because {because}"
    is_bare = len(words.split()) <= _BARE_WORDS
    return "I can't tell." if is_bare else words.strip()


def _normalize(words: str) -> str:
    return " ".join(words.replace("’", "'").replace("_", " ").casefold().split()).strip(" .!\"'")


def _build_explanation(sheet: ExplanationSchema, trajectory: Trajectory) -> Answer:
    chain = tuple(Link(step.event, step.because, ground_claims(step.rests_on, trajectory)) for step in sheet.steps)
    evidence = tuple(dict.fromkeys(item for link in chain for item in link.evidence))
    return Answer(sheet.summary, None, sheet.confidence, evidence, chain=chain)


def _build_predictions(sheet: PredictionsSchema, trajectory: Trajectory) -> Answer:
    ranked = sorted(sheet.predictions, key=lambda p: -p.confidence)[:MAX_PREDICTIONS]
    predictions = tuple(
        Prediction(p.event, p.justification, p.confidence, ground_claims(p.rests_on, trajectory)) for p in ranked
    )
    evidence = tuple(dict.fromkeys(item for prediction in predictions for item in prediction.evidence))
    return Answer(predictions[0].event, None, predictions[0].confidence, evidence, predictions=predictions)
