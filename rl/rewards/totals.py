"""Rules that combine the components of a reward into one total: the weighted sum, and two that are no sum."""

from collections.abc import Callable, Mapping

Components = Mapping[str, float | None]

NOTHING_IN_FORM = -2.0
"""Total without form: -(r0 + r1 + r2) of TinyLLaVA-Video-R1, with r0 = r1 = 0.5 and r2 = 1."""


def weighted_sum(components: Components, weights: Mapping[str, float]) -> float | None:
    """Weighted sum of the components that count; None if none does."""
    known = [weights[name] * value for name, value in components.items() if value is not None]
    return sum(known) if known else None


def signed_sum(components: Components, weights: Mapping[str, float]) -> float | None:  # noqa: ARG001 (a rule's signature)
    """TinyLLaVA-Video-R1's equation 4: AR + FR if correct, -FR if wrong, -2 without form, correct or not.

    A long thought earns more before a correct answer and costs more before a wrong one.
    """
    answer, form = components["answer"], components["format"]
    if answer is None or form is None:
        return None
    if form == 0:
        return NOTHING_IN_FORM
    return answer + form if answer > 0 else -form


def signed_sum_as_released(components: Components, weights: Mapping[str, float]) -> float | None:  # noqa: ARG001 (as above)
    """TinyLLaVA-Video-R1's released code: a + (2 a - 1) FR, and -2 where that is 0.

    Unlike in the paper, a correct answer without form is worth 1, not -2.
    """
    answer, form = components["answer"], components["format"]
    if answer is None or form is None:
        return None
    value = answer + (2 * answer - 1) * form
    return NOTHING_IN_FORM if value == 0 else value


RULES: dict[str, Callable[[Components, Mapping[str, float]], float | None]] = {
    "sum": weighted_sum,
    "signed": signed_sum,
    "signed as released": signed_sum_as_released,
}
NEEDED = {"sum": (), "signed": ("answer", "format"), "signed as released": ("answer", "format")}
"""Components that each rule reads by name."""
