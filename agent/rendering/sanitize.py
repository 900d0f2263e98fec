"""Escapes the words of a video, a tool or a model, so that no tag of ours and no special token can stand in them.

Special tokens are built alike in all tokenizers: a run without a space between brackets of some kind. The rule takes
the opening bracket away from whatever is built like that, whether any model known here has it or not, and leaves
comparisons, arrows, lists, and captions such as `[music]` as they are. Where a tokenizer is at hand,
`agent.rendering.tokens` also checks the text against the tokens that it really has.
"""

import re

_OPENS = re.compile(
    r"""
    [<＜﹤] (?! [-=]{1,3} [>＞﹥] ) (?: (?=[^\s\d<=>-]) | (?=0x) | (?=[^\s<>]{1,64}[>＞﹥]) )  # <|im_end|> <s> <2mass>
    | [\[［] (?= [^\s\[\]]{0,48}                            # [INST] [gMASK] [@BOS@] [|user|] [page_start] [unused7]
        (?: [A-Z_]{2} | [_@|｜=] | [a-z]\d | multimodal )
        [^\s\[\]]{0,48} [\]\[］] )
    | [\[\]] (?= [A-Za-z!]{0,3} ~ )                         # ]~b] [e~[
    | ◁ (?=\S)                                              # ◁think▷
    | >> (?= [A-Z_]{2,32} << )                              # >>QUESTION<<
    | \| (?= [A-Z_]{3,32} \| )                              # |ENDOFTEXT|
    | / (?= (?:no_?)? think \b )                            # switches of Qwen and GLM
    """,
    re.VERBOSE,
)


def quote_said(text: str) -> str:
    """What a model said, between « and », for a message of ours: it may hold words of the video."""
    from tools.observation_text import quote_untrusted  # brings numpy, which readers of answers do without

    return escape_markup(quote_untrusted(text))


def escape_markup(text: str) -> str:
    """A text with `‹` for whatever could open a tag or a special token."""
    return _OPENS.sub("‹", text)
