"""Words of a video, a tool or a model, made unable to act: no tag of ours and no special token can stand in them."""

import re

_TAG_OPENS = re.compile(r"<(?=[^\s\d<=>-])|<(?=0x)|\[(?=/?[A-Z_]{2,}\])")
"""As in `<tool_call>`, `<|im_end|>`, `<｜User｜>`, `<0x0A>`, `[INST]`."""


def neutral(text: str) -> str:
    """The text, with `‹` for whatever could open a tag or a special token."""
    return _TAG_OPENS.sub("‹", text)
