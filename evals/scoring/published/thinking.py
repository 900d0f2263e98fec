"""Removes thinking from a text, as lmms-eval does before scoring; official scripts don't.

The scorers here take texts as they are: to compare a model that thinks aloud with numbers of lmms-eval, cut first.
"""

_TAGS = ("think", "analysis")


def lmms_without_thinking(said: str) -> str:
    """The text without `<think>` and `<analysis>` blocks, and without all before an unopened closing tag.

    An opening tag that is never closed stays, with all that follows.
    """
    for tag in _TAGS:
        opening, closing = f"<{tag}>", f"</{tag}>"
        while (start := said.find(opening)) >= 0 and (stop := said.find(closing, start)) >= 0:
            said = said[:start] + said[stop + len(closing) :]
        if opening not in said and closing in said:  # the template may have written the opening one
            said = said.rsplit(closing, 1)[1]
    return said.strip()
