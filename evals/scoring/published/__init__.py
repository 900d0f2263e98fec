"""How published scorers read an answer out of a text, quirks included; one function for each source.

Each is named after where it is from: `official_` the benchmark's own script, `lmms_` lmms-eval (0.7.3, August 2026),
`vlm_` VLMEvalKit (August 2026). They are written anew from what those scorers do, and what they do is often not what
one would want: that is the point, a number is only comparable if it was read the same way. `strict` is ours.

A letter is upper case; "" is what a scorer counts as no answer; None is where it draws an option at random instead.
"""
