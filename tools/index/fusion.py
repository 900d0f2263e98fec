"""Fuses rankings of several senses into moments, and chooses moments that differ.

Reciprocal rank fusion needs no scores that compare: a cosine of a picture says nothing beside one of a sentence. What
is long (a logo, a still picture) stands beside every moment that it overlaps and outweighs none of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.observation import Finding, Sense

_RANK_OFFSET = 60
"""Added to every rank, so that the first few count about alike (Cormack, Clarke and Buettcher 2009)."""
_NEAR_SECONDS = 2.0
"""Distance up to which two findings are taken for one moment: what is said comes a little before or after its picture.
"""
_MOMENT_SECONDS = 15.0
"""Length up to which a finding is one moment, which what lies in it belongs to."""
_RELEVANCE_SHARE = 0.7
"""Weight of the rank against the likeness to moments that were chosen already (MMR, Carbonell and Goldstein 1998)."""


@dataclass(frozen=True)
class Ranking:
    """Findings of one sense, the best first by one measure."""

    sense: Sense
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class FusedMoment:
    """A moment that one or several senses found."""

    anchor: Finding
    """The finding with the best ranks, whose time it has."""
    score: float
    """Sum of the reciprocal ranks; compares moments of one search, no more."""
    shares: tuple[tuple[Sense, float], ...]
    """Share of each sense in the score, 0..1, the largest first."""
    findings: tuple[Finding, ...]
    """The best finding of each sense, in the order of the shares."""

    @property
    def seconds(self) -> float:
        """Time of a picture that shows it: one that was found in it where it lasts long, else its middle."""
        start, stop = self.anchor.start_seconds, self.anchor.stop_seconds
        if self.anchor.kind == "moment":
            return start
        seen = (
            one.start_seconds for one in self.findings if one.kind == "moment" and start <= one.start_seconds < stop
        )
        middle = (start + stop) / 2
        return next(seen, middle) if stop - start > _MOMENT_SECONDS / 2 else middle


@dataclass(frozen=True)
class SenseSearch:
    """What one sense found of a query, and what it could not go through."""

    sense: Sense
    rankings: tuple[Ranking, ...] = ()
    spans: tuple[tuple[float, float], ...] = ()
    """Parts of the window that were gone through, (start, stop) in seconds."""
    gaps: tuple[str, ...] = ()
    """What was not gone through, a sentence each: what lies there is not known to be absent."""
    note: str = ""
    """Why there was nothing to go through, in a sentence; empty where there was."""


def fuse_rankings(rankings: Sequence[Ranking]) -> list[FusedMoment]:
    """Moments scored by all rankings, the best first; each has the time of the finding that is strongest there."""
    strengths: dict[Finding, float] = {}
    for ranking in rankings:
        for rank, finding in enumerate(ranking.findings, start=1):
            strengths[finding] = strengths.get(finding, 0.0) + 1 / (_RANK_OFFSET + rank)
    anchors: list[Finding] = []
    for finding in sorted(strengths, key=lambda one: (-strengths[one], _measure(one), one.start_seconds)):
        if not any(_is_told_by(finding, anchor) for anchor in anchors):
            anchors.append(finding)
    moments = [_score_moment(anchor, rankings) for anchor in anchors]
    return sorted(moments, key=lambda m: (-m.score, _measure(m.anchor), m.anchor.start_seconds))


def _is_told_by(finding: Finding, anchor: Finding) -> bool:
    """Whether a finding belongs to the moment of a stronger one; what lasts long has moments beside its own."""
    return _is_near(anchor, finding) and (_measure(anchor) <= _MOMENT_SECONDS or _measure(finding) > _measure(anchor))


def _measure(finding: Finding) -> float:
    return finding.stop_seconds - finding.start_seconds


def _score_moment(anchor: Finding, rankings: Sequence[Ranking]) -> FusedMoment:
    scores: dict[Sense, float] = {}
    best: dict[Sense, tuple[int, Finding]] = {}
    for ranking in rankings:
        near = ((rank, one) for rank, one in enumerate(ranking.findings, start=1) if _is_near(anchor, one))
        if (first := next(near, None)) is None:
            continue
        scores[ranking.sense] = scores.get(ranking.sense, 0.0) + 1 / (_RANK_OFFSET + first[0])
        if ranking.sense not in best or first[0] < best[ranking.sense][0]:
            best[ranking.sense] = first
    total = sum(scores.values())
    ordered = sorted(scores, key=lambda sense: -scores[sense])
    return FusedMoment(
        anchor,
        total,
        tuple((sense, scores[sense] / total) for sense in ordered),
        tuple(best[sense][1] for sense in ordered),
    )


def _is_near(anchor: Finding, other: Finding) -> bool:
    start, stop = anchor.start_seconds - _NEAR_SECONDS, anchor.stop_seconds + _NEAR_SECONDS
    return other.start_seconds < stop and other.stop_seconds > start


def choose_diverse(
    moments: Sequence[FusedMoment], vectors: NDArray[np.float32], count: int, apart_seconds: float
) -> list[FusedMoment]:
    """Moments that score well, do not lie within each other, and look different (maximal marginal relevance).

    Args:
        moments: moments, the best first.
        vectors: (N, D) unit rows, what each looks like; a row of zeros is like no other.
        count: number of moments at most.
        apart_seconds: least distance of the beginnings of two moments.
    """
    if not moments:
        return []
    relevance = np.array([moment.score for moment in moments]) / moments[0].score
    likeness = np.zeros(len(moments))
    left = np.ones(len(moments), bool)
    starts = np.array([moment.anchor.start_seconds for moment in moments])
    chosen: list[FusedMoment] = []
    while len(chosen) < count and left.any():
        value = np.where(left, _RELEVANCE_SHARE * relevance - (1 - _RELEVANCE_SHARE) * likeness, -np.inf)
        best = int(value.argmax())
        chosen.append(moments[best])
        left &= np.abs(starts - starts[best]) >= apart_seconds
        left[best] = False
        likeness = np.maximum(likeness, vectors @ vectors[best])
    return chosen
