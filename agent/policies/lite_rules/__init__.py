"""The built-in reasoner: reads a question with rules, drives the tools, and decides from what they found.

No language model and no picture understanding beyond the tools' own: it is good at text, speech, times and things
that the packaged encoder knows, and says so. Plug in a vision-language model for the rest.
"""
