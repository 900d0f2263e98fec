"""The videos of a folder, and one index over all of them that follows what is added, changed and removed.

Each video has its own index in the cache (`tools.index`). A catalogue beside them says which file was which video when
it was last seen, and the shards hold the vectors of all. Lines of speech and text are kept where a video has subtitles
or was heard and read ahead. What can't be opened stands in the catalogue with the reason, and is tried again when the
file changes.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter
from typing_extensions import TypedDict

from tools.cache import hold_writer_lock, keep, load_kept, make_video_folder
from tools.demux.file_kind import VIDEO_SUFFIXES, find_pictures, find_videos
from tools.encoders.registry import Encoder
from tools.index.builder import count_tiles
from tools.index.files import LoadedIndex
from tools.index.shards import PLACE, SHARD_ROWS, Shard, VideoVectors, remove_shards, write_shard
from tools.index.video_index import open_index_files
from tools.limits import VideoError
from tools.observation import Box
from tools.sampling import TILES
from tools.speech.search import search_lines

_HITS_A_SHARD = 1000
"""Vectors that a search takes from a shard: several are of one moment, and many of one video."""
_RANK_OFFSET = 60
"""Reciprocal rank fusion: what is added to a rank, so that the first few are near one another (Cormack et al. 2009)."""
_APART_SECONDS = 4.0
"""Least distance of two moments of one video in one result."""

LineSource = Literal["speech", "screen text", "file name"]


@dataclass(frozen=True)
class CataloguedVideo:
    """A file as it was when it was last seen, and the video that it holds."""

    size_bytes: int
    modified_ns: int
    content_hash: str = ""
    """Empty where it could not be opened."""
    duration_seconds: float = 0.0
    run: str = ""
    """Name of the build of its index."""
    problem: str = ""
    """Why it could not be opened, as a sentence; empty if it could."""
    has_words: bool = False
    """Whether all is known that is said and written in it."""

    def is_of(self, file: Path) -> bool:
        """Whether the file is still there, and has not changed since."""
        try:
            return (self.size_bytes, self.modified_ns) == _get_state(file)
        except OSError:
            return False


@dataclass(frozen=True)
class IndexedVideo:
    """A video whose index is whole, with what is known of what is said and written in it."""

    content_hash: str
    duration_seconds: float
    lines: tuple[tuple[Literal["speech", "screen text"], float, float, str], ...] = ()
    """Source, start and stop in seconds, and text of each line."""
    has_words: bool = False
    """Whether all is known that is said and written in it."""


@dataclass(frozen=True)
class CataloguedShard:
    """A shard, and the videos whose vectors it holds, in their order there."""

    name: str
    rows: int
    videos: tuple[tuple[str, str], ...]
    """Content hash and name of the build of each index."""


class _Catalogue(TypedDict):
    version: Literal[1]
    videos: dict[str, CataloguedVideo]
    shards: tuple[CataloguedShard, ...]


class _KeptLine(TypedDict):
    start: float
    stop: float
    text: str
    source: LineSource


Refuse = Callable[[Path], str | None]
"""Gives why a video of a folder is not looked into; None where it is, and "" for one that is no part of the folder."""

_CATALOGUE = TypeAdapter(_Catalogue)
_LINES = TypeAdapter(tuple[_KeptLine, ...])


@dataclass(frozen=True)
class LibraryMoment:
    """A moment of a video that fits a query."""

    video: Path
    start_seconds: float
    stop_seconds: float
    source: Literal["picture", "speech", "screen text", "file name"]
    score: float
    """Cosine of query and picture, or share of the query's words: compares moments of one source, no more."""
    text: str = ""
    """The line that was found; empty for a picture."""
    box: Box | None = None
    """The part of the picture that fits; None for a line."""


@dataclass(frozen=True)
class _LibraryLine:
    video: Path
    start_seconds: float
    stop_seconds: float
    text: str
    source: LineSource


class Library:
    """A folder of videos with its index. One thread may use it at a time; processes may share the cache."""

    def __init__(
        self, folder: Path, encoder: Encoder, cache: Path | None = None, refuse: Refuse = lambda _: None
    ) -> None:
        """Lists the videos in a folder and all folders below it, and reads what is known of them; opens none.

        Args:
            folder: the folder.
            encoder: encoder of the frame index.
            cache: folder of the indexes; by default the user's cache folder.
            refuse: says which videos are left out.

        Raises:
            VideoError: it holds no video.
        """
        self.folder = folder
        self._encoder = encoder
        self._cache = cache
        refused = {path: refuse(path) for path in list_videos(folder)}
        left_out = [path for path, why in refused.items() if why == ""]
        made_of = f"{folder.resolve()} {encoder.name} {count_tiles(encoder)} {left_out or ''}".rstrip()
        digest = hashlib.blake2b(made_of.encode(errors="surrogateescape"), digest_size=16)
        self._name = f"library-{digest.hexdigest()}"
        self._home = make_video_folder(self._name, cache)
        self._files = {_make_key(path.relative_to(folder)): path for path, why in refused.items() if why != ""}
        if not self._files:
            raise _make_empty(folder)
        self._refused = {path: why for path, why in refused.items() if why}
        kept = load_kept(self._home / "catalogue.json", _CATALOGUE)
        self._videos = {} if kept is None else self._select_present(kept)
        self._shards: list[tuple[CataloguedShard, Shard]] = []

    @property
    def files(self) -> list[Path]:
        """Every video file, readable or not, in order."""
        return list(self._files.values())

    @property
    def problems(self) -> dict[Path, str]:
        """The files that are not searched, and why."""
        known = {path: self._videos.get(key) for key, path in self._files.items() if path not in self._refused}
        return self._refused | {
            path: "not indexed yet" if entry is None else entry.problem
            for path, entry in known.items()
            if entry is None or entry.problem
        }

    @property
    def wordless(self) -> int:
        """Number of videos of which it is not known yet what is said and written in them."""
        searched = (
            self._videos[key] for key, path in self._files.items() if key in self._videos and path not in self._refused
        )
        return sum(not seen.problem and not seen.has_words for seen in searched)

    def list_new(self) -> list[Path]:
        """The files that are not known, or changed since."""
        return [path for key, path in self._files.items() if key not in self._videos and path not in self._refused]

    def get_content_hash(self, video: Path) -> str:
        """Content hash of a video that was found."""
        return self._videos[_make_key(video.relative_to(self.folder))].content_hash

    def record(self, path: Path, video: IndexedVideo) -> None:
        """Takes the video of a file in, unless the file or the index has gone meanwhile."""
        seconds = video.duration_seconds
        manifest = open_index_files(video.content_hash, seconds, self._encoder, self._cache).read_manifest()
        if manifest is not None:
            kept = [
                _KeptLine(start=start, stop=stop, text=text, source=source) for source, start, stop, text in video.lines
            ]
            keep(self._home / "lines" / f"{video.content_hash}.json", kept)
            known = CataloguedVideo(0, 0, video.content_hash, seconds, manifest.run, has_words=video.has_words)
            self._take_down(path, known)

    def record_failure(self, path: Path, why: str) -> None:
        """Takes down that a file can't be opened, and why."""
        self._take_down(path, CataloguedVideo(0, 0, problem=why))

    def _take_down(self, path: Path, seen: CataloguedVideo) -> None:
        """Puts a file into the catalogue, with its size and time as they are now."""
        key = _make_key(path.relative_to(self.folder))
        try:
            size, modified = _get_state(path)
            self._videos[key] = replace(seen, size_bytes=size, modified_ns=modified)
        except OSError:  # it has gone, and is no part of the library any more
            self._files.pop(key)

    def save(self) -> None:
        """Brings the shards up to date with the videos, and writes the catalogue.

        Raises:
            CacheError: the cache can't be written, or another process that was stopped is writing it.
        """
        make_video_folder(self._name, self._cache)  # it may have been pruned meanwhile
        with hold_writer_lock(self._name, self._cache):
            kept = load_kept(self._home / "catalogue.json", _CATALOGUE)
            self._videos = ({} if kept is None else self._select_present(kept)) | self._videos
            wanted = {
                (seen.content_hash, seen.run): seen for _, seen in sorted(self._videos.items()) if not seen.problem
            }
            self._open_shards(() if kept is None else kept["shards"], wanted)
            held = {video for shard, _ in self._shards for video in shard.videos}
            for shard in self._write_shards(seen for key, seen in wanted.items() if key not in held):
                self._shards.append((shard, Shard(self._home, shard.name, shard.rows)))
            names = [shard.name for shard, _ in self._shards]
            catalogue = _Catalogue(version=1, videos=self._videos, shards=tuple(shard for shard, _ in self._shards))
            keep(self._home / "catalogue.json", _CATALOGUE.dump_python(catalogue, mode="json"))
            remove_shards(self._home, names)

    def search(self, query: str, count: int) -> list[LibraryMoment]:
        """The moments of all videos that fit a query best, by picture and by words, best first.

        Pictures and words have a ranking each, which are joined by the reciprocal of the ranks (RRF). A moment counts
        by its score relative to the best of its ranking: a line with one word of many comes far behind one with all.
        """
        scored = [
            item
            for ranking in (self._rank_pictures(query), self._rank_lines(query))
            for item in _weigh(_pick_apart(ranking, count))
        ]
        return [moment for _, moment in sorted(scored, key=lambda item: -item[0])][:count]

    def rank_videos(self, query: str, count: int) -> list[Path]:
        """The videos that fit a query best, best first: by their best moments in pictures and in words."""
        places: dict[Path, float] = {}
        for ranking in (self._rank_pictures(query), self._rank_lines(query)):
            best: dict[Path, LibraryMoment] = {}
            for moment in ranking:
                best.setdefault(moment.video, moment)
            for weight, moment in _weigh(best.values()):
                places[moment.video] = places.get(moment.video, 0.0) + weight
        ranked = sorted(places, key=lambda video: -places[video])
        return [*ranked, *(path for path in self._readable.values() if path not in places)][:count]

    @property
    def _readable(self) -> dict[str, Path]:
        """One file for each content that is indexed, by its content hash."""
        found: dict[str, Path] = {}
        for key, path in self._files.items():
            seen = self._videos.get(key)
            if seen is not None and not seen.problem and path not in self._refused:
                found.setdefault(seen.content_hash, path)
        return found

    def _select_present(self, kept: _Catalogue) -> dict[str, CataloguedVideo]:
        """The entries of a catalogue whose files are there as they were."""
        known = ((key, kept["videos"].get(key), path) for key, path in self._files.items())
        return {key: seen for key, seen, path in known if seen is not None and seen.is_of(path)}

    def _open_shards(self, shards: Sequence[CataloguedShard], wanted: dict[tuple[str, str], CataloguedVideo]) -> None:
        """Opens the shards all of whose videos are still wanted. Of those that are not full only one is kept."""
        self._shards = []
        missing = wanted.keys() - {video for shard in shards for video in shard.videos}
        for shard in shards:
            is_in_use = all(video in wanted for video in shard.videos)
            if is_in_use and (not missing or shard.rows > SHARD_ROWS // 2):
                try:
                    self._shards.append((shard, Shard(self._home, shard.name, shard.rows)))
                except OSError:  # it is written again
                    continue

    def _write_shards(self, videos: Iterable[CataloguedVideo]) -> Iterator[CataloguedShard]:
        held: list[tuple[CataloguedVideo, VideoVectors]] = []
        rows = 0
        for seen in videos:
            vectors = self._read_vectors(seen)
            if vectors is None or not len(vectors.places):
                gone = (seen.content_hash, seen.run)
                self._videos = {key: x for key, x in self._videos.items() if (x.content_hash, x.run) != gone}
                continue
            if held and rows + len(vectors.places) > SHARD_ROWS:
                yield self._write_shard(held, rows)
                held, rows = [], 0
            held.append((seen, vectors))
            rows += len(vectors.places)
        if held:
            yield self._write_shard(held, rows)

    def _write_shard(self, held: Sequence[tuple[CataloguedVideo, VideoVectors]], rows: int) -> CataloguedShard:
        name = write_shard(self._home, [vectors for _, vectors in held])
        return CataloguedShard(name, rows, tuple((seen.content_hash, seen.run) for seen, _ in held))

    def _read_vectors(self, seen: CataloguedVideo) -> VideoVectors | None:
        """The vectors of a video from its own index; None where that has gone, so that it is made again."""
        files = open_index_files(seen.content_hash, seen.duration_seconds, self._encoder, self._cache)
        found = files.load()
        if not isinstance(found, LoadedIndex) or found.manifest.run != seen.run:
            return None
        batch = found.batch
        first = np.searchsorted(batch.rows, np.arange(len(batch.vectors)))
        starts = batch.seconds[first]
        stops = np.append(starts[1:], seen.duration_seconds)
        tiles = batch.tiles.shape[1]
        places = np.zeros(len(starts) + len(batch.tiled) * tiles, PLACE)
        rows = np.concatenate([np.arange(len(starts)), np.repeat(batch.tiled, tiles)])
        places["start"], places["stop"] = starts[rows], stops[rows]
        places["tile"][len(starts) :] = np.tile(np.arange(1, tiles + 1), len(batch.tiled))
        vectors = np.concatenate([batch.vectors, batch.tiles.reshape(-1, self._encoder.dim)])
        return VideoVectors(vectors.astype(np.float16), places)

    def _rank_pictures(self, query: str) -> Iterator[LibraryMoment]:
        vector: NDArray[np.float32] = self._encoder.encode_texts([query])[0]
        paths = self._readable
        hits = [
            (hit, shard.videos[hit.video][0])
            for shard, opened in self._shards
            for hit in opened.search(vector, _HITS_A_SHARD)
            if shard.videos[hit.video][0] in paths
        ]
        # equal scores in an order that does not depend on which video was indexed first
        for hit, content in sorted(hits, key=lambda found: (-found[0].score, paths[found[1]], found[0].start_seconds)):
            start, stop, score = hit.start_seconds, hit.stop_seconds, round(hit.score, 4)
            yield LibraryMoment(paths[content], start, stop, "picture", score, box=TILES[hit.tile])

    def _rank_lines(self, query: str) -> Iterator[LibraryMoment]:
        for found in search_lines(list(self._read_lines()), query, neighbour_share=0.0):
            if not found.score:
                return
            line = found.line
            yield LibraryMoment(
                line.video, line.start_seconds, line.stop_seconds, line.source, round(found.score, 4), line.text
            )

    def _read_lines(self) -> Iterator[_LibraryLine]:
        for content, path in self._readable.items():
            yield _LibraryLine(path, 0.0, 0.0, _make_key(path.relative_to(self.folder).with_suffix("")), "file name")
            for line in load_kept(self._home / "lines" / f"{content}.json", _LINES) or ():
                yield _LibraryLine(path, line["start"], line["stop"], line["text"], line["source"])


def list_videos(folder: Path) -> list[Path]:
    """The video files anywhere in a folder, in order.

    Raises:
        VideoError: it holds none.
    """
    found = sorted(find_videos(folder))
    if not found:
        raise _make_empty(folder)
    return found


def hash_listing(folder: Path) -> str:
    """A hash of the names, sizes and times of a folder's videos and pictures: another one once any has changed."""
    files = sorted((*find_videos(folder), *filter(Path.is_file, find_pictures(folder))))
    listed = [(_make_key(path.relative_to(folder)), *_get_state(path)) for path in files]
    return hashlib.blake2b(repr(listed).encode(), digest_size=16).hexdigest()


def _make_empty(folder: Path) -> VideoError:
    return VideoError(f"{folder} holds no video file ({', '.join(sorted(VIDEO_SUFFIXES))})")


def _make_key(path: Path) -> str:
    """A relative path as text that can be saved: names may be any bytes."""
    return path.as_posix().encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _get_state(file: Path) -> tuple[int, int]:
    state = file.stat()
    return state.st_size, state.st_mtime_ns


def _weigh(ranking: Iterable[LibraryMoment]) -> Iterator[tuple[float, LibraryMoment]]:
    """The moments of a ranking with what each counts beside those of another one."""
    best = 0.0
    for rank, moment in enumerate(ranking, start=1):
        best = best or max(0.0, moment.score)
        yield (max(0.0, moment.score) / best if best else 1.0) / (_RANK_OFFSET + rank), moment


def _pick_apart(ranking: Iterable[LibraryMoment], count: int) -> list[LibraryMoment]:
    """The first `count` moments of a ranking, no two of a video close in time."""
    picked: list[LibraryMoment] = []
    for moment in ranking:
        if all(
            moment.video != other.video or abs(moment.start_seconds - other.start_seconds) >= _APART_SECONDS
            for other in picked
        ):
            picked.append(moment)
            if len(picked) == count:
                break
    return picked
