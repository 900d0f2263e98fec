"""An answer and its reference in words, for a judge that reads nothing else."""

from agent.trajectory import Answer
from evals.example import Example

_NOT_SHOWN = "It is not shown in the video."


def write_answer(answer: Answer) -> str:
    """The words of an answer with its causal chain or its predictions, and without its evidence."""
    if answer.not_shown:  # its text may be empty, which is no answer
        return f"{_NOT_SHOWN} {answer.text}".strip()
    chain = [f"{link.event} ({link.because})" if link.because else link.event for link in answer.chain]
    predicted = [f"{item.event} ({item.justification})" for item in answer.predictions]
    if predicted:
        return "\n".join(predicted)
    return "\n".join((answer.text, *chain))


def write_reference(example: Example) -> str:
    """The words of the reference answer and of those that are as correct."""
    return " or ".join((example.answer or _NOT_SHOWN, *example.aliases))
