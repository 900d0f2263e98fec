"""Gallery of a report: misses beside hits of the same kind, drawn and not chosen, so that a reader sees what is usual.

The draw is by a hash of the question, the same in every report, and takes the kinds of question in turn. Each card
links to the page of its trajectory, which is written beside the report.
"""

import hashlib
import re
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from agent.report.html import make_whole_frame, write_report
from agent.report.images import PictureOf, StoredImage, gather_pictures
from agent.trajectory import Answer, Trajectory
from evals.report.stills import Stills
from evals.report.stored_run import Scorer, StoredResult, StoredRun
from tools.observation import FULL_FRAME, FrameRef

THUMBNAILS = 3
"""Most frames on a card."""
_THUMBNAIL_WIDTH = 320
"""Longest side of a thumbnail in pixels."""
BUDGET_BYTES = 2_000_000
"""Bytes of all thumbnails of a report, which bounds the size of its page."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class GalleryCard:
    """One answer of the gallery, with the frames that it rests on."""

    question: str
    options: tuple[str, ...]
    kind: str
    expected: str
    said: str
    why: str
    is_right: bool
    confidence: float | None
    seconds: float
    video: str
    frames: tuple[tuple[FrameRef, StoredImage], ...]
    link: str
    """Address of the trajectory's page, relative to the report."""


@dataclass(frozen=True)
class GalleryPair:
    """A miss beside a hit of its kind; None where none is left."""

    miss: GalleryCard | None
    hit: GalleryCard | None


@dataclass(frozen=True)
class Gallery:
    """The cards of one run, in pairs."""

    run: StoredRun
    pairs: tuple[GalleryPair, ...]


def draw_pairs(run: StoredRun, count: int) -> tuple[tuple[StoredResult | None, StoredResult | None], ...]:
    """Draws up to `count` misses, kinds in turn, each with a hit of its kind where there is one."""
    misses, hits = _group_by_kind(run, 0.0), _group_by_kind(run, 1.0)
    chosen = list(islice(_take_in_turn(misses), count))
    pairs: list[tuple[StoredResult | None, StoredResult | None]] = []
    for miss in chosen:
        kind = kind_of(miss)
        pairs.append((miss, hits[kind].pop(0) if hits.get(kind) else None))
    rest = _take_in_turn(hits)
    filled: list[tuple[StoredResult | None, StoredResult | None]] = [
        (miss, hit or next(rest, None)) for miss, hit in pairs
    ]
    return (*filled, *((None, hit) for hit in islice(rest, count - len(filled))))


def kind_of(played: StoredResult) -> str:
    """Main category of a question: its need, else the set's own category, else its kind."""
    groups = dict(reversed(played.row.groups))
    own = [label for key, label in played.row.groups if key not in ("duration", "kind", "needs")]
    return groups.get("needs") or next(iter(own), "") or groups.get("kind", "")


def _group_by_kind(run: StoredRun, value: float) -> dict[str, list[StoredResult]]:
    """Results with a score by kind, the first run of each question, in drawn order."""
    found: dict[str, list[StoredResult]] = defaultdict(list)
    seen: set[str] = set()
    for one in sorted((p for p in run.played if p.row.value == value), key=lambda p: _hash_question(p.row.question)):
        if one.row.question not in seen:
            seen.add(one.row.question)
            found[kind_of(one)].append(one)
    return found


def _take_in_turn(groups: dict[str, list[StoredResult]]) -> Iterator[StoredResult]:
    """Results of the kinds in turn, removed from the groups as they come."""
    while any(groups.values()):
        for kind in sorted(groups):
            if groups[kind]:
                yield groups[kind].pop(0)


def _hash_question(question: str) -> bytes:
    return hashlib.blake2b(question.encode(), digest_size=8).digest()


def make_galleries(
    runs: Sequence[StoredRun], count: int, folder: Path, say: Callable[[str], None]
) -> tuple[Gallery, ...]:
    """Makes the galleries of runs, and writes the pages of their trajectories.

    Args:
        runs: the runs.
        count: misses of each run.
        folder: folder for the trajectories' pages.
        say: prints a line where videos are missing.
    """
    galleries = []
    with tempfile.TemporaryDirectory() as scratch:
        for run in runs:
            pairs = draw_pairs(run, count)
            if pairs:
                folder.mkdir(parents=True, exist_ok=True)
                hand = _Hand(run, folder, Path(scratch), BUDGET_BYTES // (2 * len(pairs) * len(runs)))
                galleries.append(
                    Gallery(run, tuple(GalleryPair(hand.make_card(miss), hand.make_card(hit)) for miss, hit in pairs))
                )
                if hand.problems:
                    say(f"{run.label}: {len(hand.problems)} videos without pictures, for example: {hand.problems[0]}")
    return tuple(galleries)


class _Hand:
    """Makes the cards of one run's gallery."""

    def __init__(self, run: StoredRun, folder: Path, scratch: Path, budget_bytes: int) -> None:
        self._run = run
        self._folder = folder
        self._scratch = scratch
        self.problems: list[str] = []
        self._budget_bytes = budget_bytes
        self._scorer = Scorer(run.questions, run.manifest.terms.control, {})
        self._sources = {entry.id: entry.source for entry in run.questions.asking.entries}

    def make_card(self, played: StoredResult | None) -> GalleryCard | None:
        """The card of a result, after writing its page; None for None."""
        if played is None:
            return None
        trajectory = self._run.trajectory(played)
        page = self._folder / _file_name(self._run, trajectory)
        source = None if self._run.control else self._sources[played.row.question]
        with Stills(source, self._scratch) as stills:
            write_report(trajectory, page, stills.picture)
            frames = _gather_thumbnails(trajectory, stills.picture, self._budget_bytes)
        if stills.problem:
            self.problems.append(stills.problem)
        return self._fill_card(played, trajectory, frames, f"{self._folder.name}/{page.name}")

    def _fill_card(
        self, played: StoredResult, trajectory: Trajectory, frames: tuple[tuple[FrameRef, StoredImage], ...], link: str
    ) -> GalleryCard:
        asked = self._run.asked[trajectory.question.id]
        example = self._scorer.example_of(asked)
        score = self._scorer.score(asked, example, trajectory, "strict")
        return GalleryCard(
            question=trajectory.question.text,
            options=trajectory.question.options,
            kind=kind_of(played),
            expected="not shown in this video" if example.answer is None else example.answer,
            said=_word_answer(trajectory.answer, trajectory.question.options),
            why=score.why,
            is_right=score.value == 1.0,
            confidence=trajectory.confidence,
            seconds=trajectory.seconds,
            video=Path(trajectory.question.video).name,
            frames=frames,
            link=link,
        )


def _file_name(run: StoredRun, trajectory: Trajectory) -> str:
    """File name of a trajectory's page, readable and unique; ids may hold any characters."""
    key = f"{run.path} {trajectory.question.id} {trajectory.sample}"
    name = _UNSAFE.sub("-", trajectory.question.id)[:60]
    return f"{run.number}-{name}-{hashlib.blake2b(key.encode(), digest_size=4).hexdigest()}.html"


def _word_answer(answer: Answer | None, options: Sequence[str]) -> str:
    if answer is None:
        return "no answer"
    if answer.not_shown:
        return "not shown in this video"
    if answer.cannot_tell:
        return answer.text
    if answer.option is not None and 0 <= answer.option < len(options):
        return options[answer.option]
    return answer.text or "nothing"


def _gather_thumbnails(
    trajectory: Trajectory, picture: PictureOf, budget_bytes: int
) -> tuple[tuple[FrameRef, StoredImage], ...]:
    """Thumbnails of the frames that the answer cites, else of those seen last."""
    cited = [ref for item in (trajectory.answer.evidence if trajectory.answer else ()) for ref in item.frames]
    refs = list(dict.fromkeys(_shrink(ref, trajectory) for ref in cited or trajectory.frames_seen[-THUMBNAILS:]))
    pictures = gather_pictures(refs[:THUMBNAILS], picture, budget_bytes)
    return tuple((ref, shown) for ref in refs[:THUMBNAILS] if (shown := pictures.get(ref)) is not None)


def _shrink(ref: FrameRef, trajectory: Trajectory) -> FrameRef:
    """The reference at the size of a thumbnail, with the same aspect ratio."""
    shape = ref if ref.box != FULL_FRAME or ref.width > 1 else make_whole_frame(ref, trajectory)
    scale = min(1.0, _THUMBNAIL_WIDTH / shape.width, _THUMBNAIL_WIDTH / shape.height)
    return FrameRef(ref.seconds, max(1, round(shape.height * scale)), max(1, round(shape.width * scale)), ref.box)
