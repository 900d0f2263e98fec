"""Functions of the task, with the signatures that lmms-eval calls."""

from typing import Any


def list_videos(row: dict[str, Any]) -> list[str]:
    """The video of a question."""
    return [row["video"]]


def write_prompt(row: dict[str, Any], lmms_eval_specific_kwargs: Any = None) -> str:
    """The question and its options, as video tasks of lmms-eval write them."""
    options = "".join(f"\n{letter}. {text}" for letter, text in zip("ABC", row["options"], strict=True))
    return f"{row['question']}{options}\nAnswer with the option's letter from the given choices directly."


def compare(row: dict[str, Any], results: list[str]) -> dict[str, float]:
    """1 where the letter is the answer's."""
    return {"exact": float(results[0] == row["answer"])}
