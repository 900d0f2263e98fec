"""Every form in which clients send a video, as a file that may be read.

`video_url` (vLLM, SGLang, OpenRouter), `input_video` (its older name), `file` (OpenAI), `video` (Qwen: a path, a URL or
a list of frames), `video_frames`, a data URI, a path, the id of an upload, and a path that stands in the text.
"""

import base64
import binascii
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from agent.doors.allowed_folders import AllowedFolders, NotAllowedError, name_in_question
from agent.doors.http.errors import RequestRefusedError
from agent.doors.http.fetch import FetchRules, fetch_video
from agent.doors.http.file_store import FileStore, simplify_name

_SUFFIXES = (
    *(".mp4", ".mkv", ".webm", ".mov", ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv", ".ogv"),
    *(".3gp", ".gif", ".mp3", ".wav", ".m4a", ".ogg", ".flac"),
)
"""Endings by which a word of a text is taken for the name of a file."""
_SUFFIX = "|".join(re.escape(suffix) for suffix in _SUFFIXES)
_QUOTED_NAME = re.compile(rf"([\"'`])((?:(?!\1)[^\n])*?(?:{_SUFFIX}))\1", re.IGNORECASE)
_NAME = re.compile(rf"(?:file://)?[^\s\"'`<>|*?]+(?:{_SUFFIX})(?![\w/])", re.IGNORECASE)
_DATA = re.compile(r"data:([\w.+-]+/[\w.+-]+)?((?:;[\w.+=-]+)*?)(;base64)?,", re.IGNORECASE)
_MOST_FRAMES = 2000
"""Frames of a list at most; clients send 8 to 768."""
_FRAMES_PER_SECOND = 2.0
"""What Qwen's tools take frames at, and so what a list without a rate has."""
_SLOWEST, _FASTEST = 1 / 60, 240.0
"""Frames a second that a list may have."""
_LARGEST_FRAME_BYTES = 32 * 2**20
"""A PNG of 8 megapixels has about 20 MB."""
_SUFFIX_OF = {"video/quicktime": ".mov", "video/x-matroska": ".mkv", "video/x-msvideo": ".avi", "image/gif": ".gif"}


@dataclass(frozen=True)
class GivenVideo:
    """A video that may be read, and what the client calls it."""

    path: Path
    name: str


@dataclass(frozen=True)
class VideoSources:
    """Where videos may come from."""

    files: FileStore
    folders: AllowedFolders
    urls: FetchRules

    def open_part(self, part: Mapping[str, Any]) -> GivenVideo | None:
        """The video of a part of a message; None for a part that holds none.

        Raises:
            RequestRefusedError: it is a video that can't be had, or a part of another kind than text and video.
        """
        kind = part.get("type")
        if kind in ("text", "input_text", "refusal"):
            return None
        content = part.get(kind) if isinstance(kind, str) else None
        if kind in ("video_url", "input_video", "video"):
            content = content if content is not None else part.get("video_url", part.get("url", part))
            return self._open_any(content, _read_rate(part, _FRAMES_PER_SECOND))
        if kind in ("file", "input_file"):
            return self._open_file(content if isinstance(content, dict) else part)
        if kind == "video_frames":
            return self._open_any(content if content is not None else part, _read_rate(part, _FRAMES_PER_SECOND))
        raise RequestRefusedError(
            400, f"a part of type {kind!r:.60} can't be taken: send text and a video", "unknown_part"
        )

    def open_name(self, name: str) -> GivenVideo:
        """The video, or the folder of them, that a word stands for: a data URI, a URL, the id of an upload, or a path.

        Raises:
            RequestRefusedError: it can't be had.
        """
        if name[:5].casefold() == "data:":
            return self._store(_read_data(name), "video" + _choose_suffix(name))
        if name.startswith("file-"):
            path = self.files.path(name)
            return GivenVideo(path, path.name)
        parts = urlsplit(name) if "://" in name else None
        if parts is not None and parts.scheme in ("http", "https"):
            return self._fetch(name)
        if parts is not None and parts.scheme != "file":
            raise RequestRefusedError(
                400, f"videos can't be read from {parts.scheme!r:.40} addresses", "unknown_address"
            )
        path_name = unquote(parts.path) if parts is not None else name
        try:
            return GivenVideo(self.folders.find_videos(path_name), path_name.rstrip("/") or path_name)
        except NotAllowedError as error:
            raise RequestRefusedError(403, str(error), "path_not_allowed") from error

    def list_names(self) -> list[str]:
        """The names of the videos in the allowed folders."""
        return self.folders.list_names(_SUFFIXES)

    def find_in_text(self, text: str) -> tuple[tuple[GivenVideo, ...], str]:
        """The videos that a text names, or else the folders, and the text with other words in place of the names."""
        found: dict[Path, GivenVideo] = {}
        named: dict[str, Path] = {}
        for whole, name in _find_names(text):
            try:
                video = self.open_name(name)
            except RequestRefusedError:
                continue
            found[video.path] = video
            named[whole] = video.path
        for folder in () if found else self.folders.find_folders_in_text(text):
            found[folder.path] = GivenVideo(folder.path, folder.name.rstrip("/") or folder.name)
            named[text[folder.start : folder.stop]] = folder.path
        for whole in sorted(named, key=len, reverse=True):
            path = named[whole]
            text = text.replace(whole, name_in_question(path, list(found).index(path), len(found)))
        return tuple(found.values()), text

    def _open_any(self, content: object, rate: float = _FRAMES_PER_SECOND, levels: int = 3) -> GivenVideo:
        if isinstance(content, str):
            return self.open_name(content)
        if isinstance(content, list):
            return self._open_frames(content, rate)
        if isinstance(content, dict) and levels:
            for key in ("url", "video_url", "video", "file_id", "data", "base64", "frames"):
                if content.get(key) is not None:
                    value = content[key]
                    if key in ("data", "base64") and isinstance(value, str) and value[:5].casefold() != "data:":
                        return self._store(_decode(value), "video.mp4")
                    return self._open_any(value, _read_rate(content, rate), levels - 1)
        raise RequestRefusedError(
            400, "the part of the video holds none: need a url, a path, an id or data", "no_video"
        )

    def _open_file(self, content: Mapping[str, Any]) -> GivenVideo:
        file_id, data, name = content.get("file_id"), content.get("file_data"), content.get("filename")
        if isinstance(file_id, str):
            return self.open_name(file_id)
        if isinstance(data, str):
            raw = _read_data(data) if data[:5].casefold() == "data:" else _decode(data)
            return self._store(raw, name if isinstance(name, str) else "video.mp4")
        raise RequestRefusedError(400, "a part of type file needs file_id, or file_data and filename", "no_video")

    def _open_frames(self, frames: list[Any], rate: float) -> GivenVideo:
        if not frames or len(frames) > _MOST_FRAMES:
            raise RequestRefusedError(400, f"need 1 to {_MOST_FRAMES} frames, got {len(frames)}", "frames")
        pictures = [self._picture(frame) for frame in frames]
        return GivenVideo(self.files.add_frames(pictures, rate), "frames")

    def _picture(self, frame: object) -> bytes:
        if isinstance(frame, dict):
            frame = frame.get("url") or frame.get("image_url") or frame.get("image")
            if isinstance(frame, dict):
                frame = frame.get("url")
        if not isinstance(frame, str):
            raise RequestRefusedError(400, "a frame is a data URI or a path of a JPEG or PNG", "frames")
        raw = _read_data(frame) if frame[:5].casefold() == "data:" else _read_picture(self.open_name(frame).path)
        if not raw.startswith((b"\xff\xd8\xff", b"\x89PNG")):
            raise RequestRefusedError(400, "a frame is a JPEG or a PNG", "frames")
        return raw

    def _store(self, raw: bytes, name: str) -> GivenVideo:
        path = self.files.path(self.files.add(name, io.BytesIO(raw)).id)
        return GivenVideo(path, path.name)

    def _fetch(self, url: str) -> GivenVideo:
        if not self.urls.hosts:
            raise RequestRefusedError(
                403,
                "this server fetches nothing from the network: upload the video with POST /v1/files",
                "urls_are_off",
            )
        with fetch_video(url, self.urls) as content:
            path = self.files.path(self.files.add(simplify_name(urlsplit(url).path), content).id)
        return GivenVideo(path, path.name)


def _read_rate(content: Mapping[str, Any], rate: float) -> float:
    """Frames a second of a list of frames, as Qwen's tools and mlx-vlm's say it; `rate` where nothing is said."""
    said: object = content.get("fps", content.get("sample_fps"))
    frames, seconds = content.get("frames"), content.get("duration")
    if said is None and isinstance(frames, list) and isinstance(seconds, int | float) and seconds > 0:
        said = len(frames) / seconds
    return float(said) if isinstance(said, int | float) and _SLOWEST <= said <= _FASTEST else rate


def _read_picture(path: Path) -> bytes:
    if not path.is_file():
        raise RequestRefusedError(400, "a frame is a data URI or a path of a JPEG or PNG", "frames")
    with path.open("rb") as file:
        return file.read(_LARGEST_FRAME_BYTES)


def _find_names(text: str) -> Iterable[tuple[str, str]]:
    """What may be a file's name in a text: (as it stands there, the name alone)."""
    for match in _QUOTED_NAME.finditer(text):
        yield match[0], match[2]
    for match in _NAME.finditer(_QUOTED_NAME.sub(" ", text)):
        yield match[0], match[0]


def _read_data(uri: str) -> bytes:
    head = _DATA.match(uri)
    if head is None or head[3] is None:
        raise RequestRefusedError(400, "need a data URI as data:video/mp4;base64,...", "bad_data_uri")
    return _decode(uri[head.end() :])


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise RequestRefusedError(400, "the video's data is no base64", "bad_base64") from None


def _choose_suffix(uri: str) -> str:
    head = _DATA.match(uri)
    return _SUFFIX_OF.get((head[1] or "").casefold() if head else "", ".mp4")
