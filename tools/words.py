"""English words as rules need them: which say nothing by themselves, which are numbers, what inflected forms share.

There are two ways to cut a word, since search and rules want different ones: `root` forgives more, for a query is
seldom said in its own form; `stem` keeps apart what a rule must not take for the same.
"""

FUNCTION_WORDS = frozenset(
    "a an and any are as at be been by can could did do does for from had has have he her his how i if in is it its "
    "many me much my no not of on or our she so that the their them there they this to was we were what when where "
    "which who whom whose why will with would you your".split()
)

NUMBER_WORDS = (
    {
        word: value
        for value, word in enumerate(
            "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
            "seventeen eighteen nineteen".split()
        )
    }
    | {
        word: 10 * value
        for value, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)
    }
    | {"hundred": 100, "thousand": 1000, "million": 1_000_000}
)

_ENDINGS = tuple(
    "ations ation ating ators ated ator ates ings ying edly ate ing ied ies ers ors er or ed es ys s e y".split()
)


def root(word: str) -> str:
    """The word without the longest ending that leaves three letters, four before "-ate": create is not crew."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= (4 if ending.startswith("at") else 3):
            return word[: -len(ending)]
    return word


def stem(word: str) -> str:
    """The word with its commonest English endings taken off: enough to match singular, plural and -ing."""
    word = word.casefold().removesuffix("'s").removesuffix("’s")
    for ending, least in (("ations", 5), ("ation", 5), ("ings", 4), ("ing", 4), ("ies", 3), ("es", 4), ("ed", 4)):
        if word.endswith(ending) and len(word) - len(ending) >= least - 1:
            return word[: -len(ending)]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word
