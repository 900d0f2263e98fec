"""Composed videos with questions, without end: needles pasted into footage, so that every answer is known.

The same seed gives the same video and questions. A video is a recipe (`recipe.py`) that is painted when a frame is
asked for (`painting.py`), as a `GeneratedVideo` for training or as an MP4 file (`writing.py`) for everything else.
Drawn material (`drawn_clips.py`, `drawn_needles.py`) needs nothing fetched; real footage and cut-outs come from a
folder (`material_folder.py`).
"""
