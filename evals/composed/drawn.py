"""The drawn material, which needs nothing fetched."""

from evals.composed.drawn_clips import DrawnClips
from evals.composed.drawn_needles import DrawnNeedles
from evals.composed.material import Material

DRAWN = Material("drawn-1", DrawnClips(), DrawnNeedles())
