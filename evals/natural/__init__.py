"""Natural questions: 120 as people ask them, in six languages, half of them on held-out clips that must not be tuned
on.

They were written before `lite` was changed to answer them. `needs` is the sense that answers: text, speech, picture,
sound, or facts of the file. `right` holds patterns, one of which a correct answer matches; with `absent`, what is asked
for is not in the video.
"""
