"""Searches a window of a video by what is seen, said, written on screen and told in captions, and fuses what is found.

Each sense says which parts of the window it went through and what kept it from the others.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, TypeVar

import numpy as np

from tools import observation_text
from tools.deadline import get_timeout_left, set_deadline
from tools.index.fusion import Ranking, SenseSearch, choose_diverse, fuse_rankings
from tools.observation import Finding, MissingPartError, Observation, SearchedSense, Sense
from tools.resources import ToolResources
from tools.sampling import format_seconds, subtract_spans
from tools.speech.recognition import search_lines
from tools.speech.search import TimedText
from tools.toolbox.frame_server import FrameServer
from tools.vision.clip_captions import ClipCaptions

Where = Literal["everything", "pictures", "speech", "screen text", "captions"]

_HEARING_SECONDS = 30.0
"""Time that a search of all senses spends on recognising speech at most; the next one goes on from there."""
_CANDIDATES = 24
"""Findings of one sense, by one measure, that a search fuses."""
_APART_SECONDS = 4.0
"""Least distance of two moments of one search."""
_LEAST_MEANING = 0.3
"""Cosine of query and line from which a line is ranked by its meaning."""

_LineT = TypeVar("_LineT", bound=TimedText)


class MomentSearch:
    """Finds the moments of a window that fit a description."""

    def __init__(self, resources: ToolResources, frames: FrameServer, captions: ClipCaptions) -> None:
        self._resources = resources
        self._frames = frames
        self._captions = captions
        self.heard = resources
        """Resources of the video whose speech is gone through."""

    def search(self, query: str, begin: float, end: float, count: int, where: Where) -> Observation:
        """The moments that the wanted senses find, fused.

        Args:
            query: what to find, in words.
            begin: start of the window in seconds.
            end: end of the window, not included.
            count: number of moments at most.
            where: everything, or the one sense to search.
        """
        searches: dict[str, Callable[[str, float, float], SenseSearch]] = {
            "pictures": self._search_pictures,
            "captions": self._search_captions,
            "speech": partial(
                self._search_speech, patience_seconds=_HEARING_SECONDS if where == "everything" else math.inf
            ),
            "screen text": self._search_screen_text,
        }
        wanted = list(searches) if where == "everything" else [where]
        parts = [searches[sense](query, begin, end) for sense in wanted]
        gaps = tuple(gap for part in parts for gap in part.gaps)
        if not any(part.spans for part in parts):
            return Observation("\n".join((*gaps, *(part.note for part in parts))), is_error=True, gaps=gaps, covered=())
        moments = fuse_rankings([ranking for part in parts for ranking in part.rankings])
        times = np.array([moment.seconds for moment in moments])
        vectors = self._resources.index.frames.find_vectors(times)
        chosen = choose_diverse(moments, vectors, count, min(_APART_SECONDS, (end - begin) / (2 * count)))
        findings = tuple(dict.fromkeys(finding for moment in chosen for finding in moment.findings))
        text = "\n".join(
            (
                observation_text.format_moments(query, chosen),
                f"Searched: {', '.join(part.sense for part in parts if part.spans)}.",
                *(part.note for part in parts if part.note),
                *gaps,
            )
        )
        told = any(finding.kind == "caption" for finding in findings)
        return Observation(
            text,
            self._frames.make_refs([moment.seconds for moment in chosen], "small"),
            findings,
            gaps=gaps,
            covered=(),
            searched=tuple(SearchedSense(part.sense, part.spans) for part in parts if part.spans),
            captioner=self._resources.captioner_spec if told else "",
        )

    def search_frames(self, query: str, begin: float, end: float, count: int) -> Observation:
        """The frames whose picture fits best, with their scores.

        Args:
            query: what should be seen, in words.
            begin: start of the window in seconds.
            end: end of the window, not included.
            count: number of frames at most.
        """
        findings, lacking = self._match_pictures(query, begin, end, count)
        if lacking:  # no mistake of the policy, and a gap in what is known
            gap = f"{lacking}: nothing was searched for in them."
            return Observation(f"{gap} Try select_frames.", is_error=True, gaps=(gap,), covered=())
        lines = [
            f"{format_seconds(f.start_seconds)} s: score {f.score:.3f}{observation_text.format_place(f.box)}"
            for f in findings
        ]
        share, gaps = self._resources.index.frames.indexed_share, self._describe_gaps(begin, end)
        return Observation(
            "\n".join((f"Best matches for {observation_text.quote_untrusted(query)}:", *lines, *gaps)),
            self._frames.make_refs([f.start_seconds for f in findings], "small"),
            findings,
            gaps=gaps,
            covered=None if share >= 1 else (self._find_reached(begin, end),),
        )

    def _match_pictures(self, query: str, begin: float, end: float, count: int) -> tuple[tuple[Finding, ...], str]:
        """The moments whose picture fits best, and why there are none, without a full stop; empty where there are."""
        resources = self._resources
        resources.samples.wait()
        if not resources.index.wait_searchable(get_timeout_left()):
            return (), "No picture was indexed in the time that was left"
        moments = resources.index.search(resources.encode_texts([query])[0], count, begin, end)
        if not moments:
            return (), f"No picture is indexed yet in [{begin:g}, {end:g})"
        return tuple(
            Finding("moment", m.seconds, self._find_sample_stop(m.seconds), query, round(m.score, 4), m.box)
            for m in moments
        ), ""

    def _search_pictures(self, query: str, begin: float, end: float) -> SenseSearch:
        findings, lacking = self._match_pictures(query, begin, end, _CANDIDATES)
        if lacking:
            return SenseSearch("pictures", gaps=(f"{lacking}.",))
        spans = (self._find_reached(begin, end),)
        return SenseSearch("pictures", (Ranking("pictures", findings),), spans, self._describe_gaps(begin, end))

    def _search_captions(self, query: str, begin: float, end: float) -> SenseSearch:
        found = self._captions.find(begin, end)
        if not found.captions:
            return SenseSearch("captions", note="No captions were made: none were searched.")
        rankings = self._rank_lines("captions", found.captions, observation_text.make_caption_finding, query)
        spans = tuple((caption.start_seconds, caption.stop_seconds) for caption in found.captions)
        missing = sum(stop - start for start, stop in found.missing)
        gaps = (f"{missing:.0f} s of this window have no caption yet.",) if found.missing else ()
        return SenseSearch("captions", rankings, spans, gaps)

    def _search_speech(self, query: str, begin: float, end: float, patience_seconds: float) -> SenseSearch:
        try:
            with set_deadline(patience_seconds):
                speech = self.heard.find_speech(begin, end)
        except MissingPartError as error:
            return SenseSearch("speech", gaps=(f"Speech was not searched: {error}.",))
        if not self.heard.has_speech:
            return SenseSearch("speech", note="There is no sound and there are no subtitles.")
        rankings = self._rank_lines("speech", speech.lines, observation_text.make_speech_finding, query)
        spans = subtract_spans(begin, end, speech.unheard)
        gaps = tuple(f"Not known: {gap}." for gap in speech.gaps)
        return SenseSearch("speech", rankings, ((begin, end),) if spans is None else spans, gaps)

    def _search_screen_text(self, query: str, begin: float, end: float) -> SenseSearch:
        screen = self._resources.screen_text
        try:
            reading = screen.read_window(begin, end)
            unknown = screen.find_unknown_letters(query)
        except MissingPartError as error:
            return SenseSearch("screen text", gaps=(f"Text on screen was not searched: {error}.",))
        gaps = observation_text.describe_text_gaps(reading, unknown, end - begin)
        legible = [span for span in reading.spans if not span.doubt]
        rankings = self._rank_lines("screen text", legible, observation_text.make_text_finding, query)
        spans = ((begin, end),) if reading.covered is None else reading.covered
        return SenseSearch("screen text", rankings, spans, gaps)

    def _rank_lines(
        self, sense: Sense, lines: Sequence[_LineT], make_finding: Callable[[_LineT], Finding], query: str
    ) -> tuple[Ranking, ...]:
        """The lines by shared words and, apart from that, by meaning; those that have none of either are left out."""
        scored = search_lines(lines, query, self._resources.encode_texts)
        by_words = sorted((s for s in scored if s.shared_words > 0), key=lambda s: -s.shared_words)
        by_meaning = sorted(
            (s for s in scored if (s.meaning or 0.0) >= _LEAST_MEANING), key=lambda s: -(s.meaning or 0.0)
        )
        return tuple(
            Ranking(sense, tuple(make_finding(one.line) for one in ranked[:_CANDIDATES]))
            for ranked in (by_words, by_meaning)
        )

    def _describe_gaps(self, start: float, stop: float) -> tuple[str, ...]:
        """Sentences that say what a search of the window could not have found."""
        frames, percent = self._resources.index.frames, observation_text.format_percent
        gaps = []
        if (share := frames.indexed_share) < 1:
            gaps.append(f"The index covered only {percent(share)} of the video when it was searched.")
        if (share := frames.compute_tiled_share(start, stop)) < 1:
            gaps.append(f"Small things were looked for in only {percent(share)} of the pictures searched.")
        return tuple(gaps)

    def _find_reached(self, begin: float, end: float) -> tuple[float, float]:
        """The part of a window that the index has reached."""
        info = self._resources.video.info
        reached = info.start_seconds + self._resources.index.frames.indexed_share * info.length_seconds
        return begin, max(begin, min(end, reached))

    def _find_sample_stop(self, seconds: float) -> float:
        samples = self._resources.index.seconds
        later = samples[samples > seconds + 1e-6]
        return float(later[0]) if len(later) else self._resources.video.info.duration_seconds
