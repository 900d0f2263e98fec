"""Questions as people ask them: 120 in six languages, half of them of clips that nobody may tune on.

They were written before `lite` was changed to answer them. `needs` is the sense that answers: text, speech, picture,
sound, or facts of the file. `right` holds patterns, one of which a right answer matches; with `absent`, what is asked
for is not in the video.
"""
