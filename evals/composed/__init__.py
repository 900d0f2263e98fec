"""Questions without end about videos that are composed: needles pasted into footage, so every answer is known.

Same seed, same video, same questions. A video is a recipe (`recipe.py`) that is painted when a frame is asked for
(`painting.py`), as a `MadeVideo` for training or as an MP4 file (`writing.py`) for everything else. What is drawn
(`drawn_clips.py`, `drawn_needles.py`) needs nothing fetched; real footage and cut-outs come from a folder
(`material_folder.py`).
"""
