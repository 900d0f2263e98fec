"""The rules of `lite`: they parse the question, choose the tool calls, and answer from the observations.

No language model and no picture understanding beyond the tools' own: it is good at text, speech, times and things
that the packaged encoder knows, and says so. Plug in a vision-language model for the rest.
"""
