"""From the components of a reward to one number: a weighted sum, or one of the rules that are no sum."""

from collections.abc import Callable, Mapping

Components = Mapping[str, float | None]

NOTHING_IN_FORM = -2.0
"""-(r0 + r1 + r2) of TinyLLaVA-Video-R1, with r0 = r1 = 0.5 and r2 = 1."""


def weighted_sum(components: Components, weights: Mapping[str, float]) -> float | None:
    """The sum of what counts, each times its weight; None if nothing counts."""
    known = [weights[name] * value for name, value in components.items() if value is not None]
    return sum(known) if known else None


def signed(components: Components, weights: Mapping[str, float]) -> float | None:  # noqa: ARG001 (a rule's signature)
    """TinyLLaVA-Video-R1, equation 4: AR + FR if right, -FR if wrong, -2 without form, right or not.

    So that a long thought is worth more before a right answer and costs more before a wrong one.
    """
    answer, form = components["answer"], components["format"]
    if answer is None or form is None:
        return None
    if form == 0:
        return NOTHING_IN_FORM
    return answer + form if answer > 0 else -form


def signed_as_released(components: Components, weights: Mapping[str, float]) -> float | None:  # noqa: ARG001 (as above)
    """Its released code: a + (2 a - 1) FR, and -2 where that is 0: a right answer without form is worth 1, not -2."""
    answer, form = components["answer"], components["format"]
    if answer is None or form is None:
        return None
    value = answer + (2 * answer - 1) * form
    return NOTHING_IN_FORM if value == 0 else value


RULES: dict[str, Callable[[Components, Mapping[str, float]], float | None]] = {
    "sum": weighted_sum,
    "signed": signed,
    "signed as released": signed_as_released,
}
NEEDED = {"sum": (), "signed": ("answer", "format"), "signed as released": ("answer", "format")}
"""The components that a rule reads by name."""
