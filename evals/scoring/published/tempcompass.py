"""TempCompass's rules for three of its formats; "" where none applies and its script asks a judge instead."""

import re


def official_choice(said: str) -> str:
    """The letter of `B`, or of a text that starts with `B.` or `B)`."""
    found = re.fullmatch(r"[A-D]", said) or re.match(r"[A-D](?=[.)])", said)
    return found[0] if found else ""


def official_yes_no(said: str) -> str:
    """Whether the text starts with yes or no, in any case: "not sure" is no, "**Yes**" neither."""
    lower = said.lower()
    return "yes" if lower.startswith("yes") else "no" if lower.startswith("no") else ""


def official_caption(said: str, options: tuple[str, ...]) -> int | None:
    """The index of the option, as `Option 2: a cup rises`, that is said whole, by its sentence, its name or its number.

    Args:
        said: the text.
        options: the options with their names.
    """
    bare, after = said.replace(".", ""), said.split(") ")[1] if ") " in said else said
    for index, option in enumerate(options):
        name, _, sentence = option.partition(": ")
        number = name.rpartition(" ")[2]
        if said == option or sentence in (said, after) or name in (said, bare) or number in (said, bare):
            return index
    return None
