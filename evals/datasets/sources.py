"""Sources of a question's footage, which can be checked before anything is opened.

A published question may be about a part of a file, or a folder of frames, with subtitles on the clock of a longer
video: all times are converted to seconds from the first frame shown.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from evals.benchmarks.cues import TranscriptCue, read_longvideobench_cues, srt_of, strip_markup
from evals.scoring.spans import Span
from tools.cache import write_atomically
from tools.demux.header import read_header
from tools.speech.subtitles import SpeechLine, read_subtitles
from tools.video.clip import VideoClip
from tools.video.frame_folder import FrameFolder
from tools.video.source import VideoSource
from tools.video.video import Video, VideoError


@dataclass(frozen=True)
class Opened:
    """An open video with its subtitle file."""

    footage: VideoSource
    subtitles: Path | None = None


class Source(Protocol):
    """Footage that can be opened; equal sources are opened once for all their questions."""

    @property
    def name(self) -> str:
        """Name of the source in messages."""
        ...

    def problem(self) -> str | None:
        """Why the source can't be opened, as far as that shows without decoding; None where nothing is known against
        it."""
        ...

    def open(self, scratch: Path) -> Opened:
        """Opens the footage, writing files it needs to `scratch`; VideoError or ValueError say why it can't be
        opened."""
        ...

    def __hash__(self) -> int: ...


@dataclass(frozen=True)
class FileSource:
    """A video file, or a folder of frames, or a part of either, as a source."""

    path: Path
    segment_seconds: Span | None = None
    frames_per_second: float | None = None
    """Frame rate of a folder of frames; None for a video file."""
    subtitles: Path | None = None
    subtitle_offset_seconds: float = 0.0
    """Offset to subtract from the times of the subtitles."""

    @property
    def name(self) -> str:
        """Name of the file, with the part."""
        part = "" if self.segment_seconds is None else f" [{self.segment_seconds[0]:g}, {self.segment_seconds[1]:g}) s"
        return self.path.name + part

    def problem(self) -> str | None:
        """Why the file can't be used: missing, no video, a part beyond the end, missing subtitles; None if it can."""
        try:
            length = self._length()
        except VideoError as error:
            return str(error)
        if self.segment_seconds is not None:
            start, stop = self.segment_seconds
            if not 0 <= start < stop or (length is not None and start >= length):
                end = "" if length is None else f" of {length:g} s"
                return f"{self.path}: there is no part [{start:g}, {stop:g}){end}"
        if self.subtitles is not None and not self.subtitles.is_file():
            return f"no subtitles at {self.subtitles}"
        return None

    def open(self, scratch: Path) -> Opened:
        """Opens the footage, with subtitles whose times are those of the part."""
        rate = self.frames_per_second
        footage: VideoSource = Video(self.path) if rate is None else FrameFolder(self.path, rate)
        if self.segment_seconds is None:
            return Opened(footage, self._write_subtitles(footage.info.duration_seconds, 0.0, scratch))
        start, stop = self.segment_seconds
        length = footage.info.duration_seconds
        return Opened(VideoClip(footage, start, stop), self._write_subtitles(length, start, scratch))

    def _length(self) -> float | None:
        """Length in the header, in seconds; VideoError where there is no video."""
        if not self.path.exists():
            raise VideoError(f"no video at {self.path}")
        if self.frames_per_second is not None:
            return FrameFolder(self.path, self.frames_per_second).info.duration_seconds
        return read_header(self.path).promised_seconds

    def _write_subtitles(self, length: float, start: float, scratch: Path) -> Path | None:
        """The subtitle file where its times fit, else a shifted copy; None where no line is left."""
        if self.subtitles is None:
            return None
        is_json = self.subtitles.suffix == ".json"
        if not is_json and self.subtitle_offset_seconds == start == 0:
            return self.subtitles
        if is_json:
            cues = read_longvideobench_cues(self.subtitles, self.subtitle_offset_seconds, length)
            moved = [_shift_cue(cue, start) for cue in cues]
        else:
            lines = read_subtitles(self.subtitles)
            moved = [_shift_cue(line, self.subtitle_offset_seconds + start) for line in lines]
        kept = [cue for cue in moved if cue.stop_seconds > max(0.0, cue.start_seconds) and strip_markup(cue.text)]
        if not kept:
            return None
        path = scratch / f"{self.subtitles.stem} {self.subtitle_offset_seconds:g} {start:g}.srt"
        write_atomically(path, srt_of(kept))
        return path


def _shift_cue(cue: TranscriptCue | SpeechLine, seconds: float) -> TranscriptCue:
    return TranscriptCue(cue.start_seconds - seconds, cue.stop_seconds - seconds, cue.text)
