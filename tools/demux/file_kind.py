"""Names the kind of a file that is no video by its first bytes, so that a refusal says what to give instead.

Words only. What is opened and what is not does not depend on it.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

VIDEO_SUFFIXES = frozenset(".mp4 .m4v .mov .mkv .webm .avi .flv .wmv .ts .m2ts .mts .mpg .mpeg .3gp .ogv".split())
PICTURE_SUFFIXES = (".jpeg", ".jpg", ".png")
"""Endings of the pictures of a folder that is a video."""
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+):/+|www\.|([\w-]+\.)*(youtube\.com|youtu\.be|vimeo\.com)/", re.I)
_MOST_NAMED = 5
"""Videos of a folder that one sentence names."""

_HEAD_BYTES = 4096
"""Bytes at the beginning of a file that its kind is told by."""
_GIVE_VIDEO = "give the video itself"

_PICTURE = "a picture"
_BINARY: tuple[tuple[bytes, str], ...] = (
    (
        rb"\x89PNG\r\n|\xff\xd8\xff|BM.{4}\0\0\0\0|II\*\0|MM\0\*|RIFF.{4}WEBP|.{4}ftyp(?:heic|heix|mif1|avif)",
        _PICTURE,
    ),
    (rb"PK\x03\x04|Rar!|7z\xbc\xaf|\x1f\x8b|\xfd7zXZ|BZh|\x28\xb5\x2f\xfd", "an archive; unpack it first"),
    (rb"%PDF", f"a PDF document; {_GIVE_VIDEO}"),
    (rb"d\d+:announce", f"a torrent, which only names a video; {_GIVE_VIDEO}"),
    (rb"\0+$", "nothing but zeros: a download that was not finished, perhaps"),
)
_TEXT: tuple[tuple[str, str], ...] = (
    (
        r"#EXTM3U|#EXTINF|ffconcat|\[playlist\]|\[reference\]|<asx|<smil|<!doctype smil"
        r"|(?:<\?xml.{0,800}?)?<(?:mpd|asx|smil|smoothstreamingmedia|\w*:?compositionplaylist|playlist)\b",
        f"a playlist, which only names other files; {_GIVE_VIDEO}",
    ),
    (r"v=0\s+o=|rtsptext|rtsp://|https?://", f"the address of a stream; save the video to a file and {_GIVE_VIDEO}"),
    (r"webvtt|\[script info\]|\d+\s+\d+:\d\d:\d\d[,.]\d+ +-->", "a subtitle file; give the video and --subtitles"),
    (r"(?:<\?xml.{0,800}?)?(?:<!--.{0,800}?-->\s*)?<(?:!doctype html|html)", "a web page, not what it links to"),
)


def describe_address(path: Path) -> str | None:
    """A sentence that says what to do with the address of a video; None for a path that is no address."""
    match = _ADDRESS.match(str(path))
    if match is None:
        return None
    scheme = match[1] or ""  # a path has lost the second slash
    address = re.sub(r":/+", "://", str(path), count=1) if scheme else str(path)
    if scheme.lower() == "file":
        return f"{address} is an address: give the path itself, {url2pathname(urlsplit(str(path)).path)}"
    return (
        f"{address} is an address, and only files are opened: save the video first, for instance with "
        f"`yt-dlp -S ext -o video.mp4 {shlex.quote(address)}`, and ask of video.mp4"
    )


def is_web_address(given: str) -> bool:
    """Whether a text is the address of something on the web."""
    match = _ADDRESS.match(given)
    return match is not None and (match[1] or "https").lower() in ("http", "https")


def holds_video(folder: Path) -> bool:
    """Whether a file in a folder is named like a video; folders in it are not looked into."""
    return any(file.suffix.casefold() in VIDEO_SUFFIXES for file in folder.iterdir())


def find_videos(folder: Path) -> Iterator[Path]:
    """The video files anywhere in a folder, in any order, told by their names."""
    return (path for path in folder.rglob("*") if path.suffix.casefold() in VIDEO_SUFFIXES and path.is_file())


def find_pictures(folder: Path) -> Iterator[Path]:
    """The pictures in a folder in any order, told by their names."""
    return (file for file in folder.iterdir() if is_named_picture(file.name))


def is_named_picture(name: str) -> bool:
    """Whether a file of that name is a picture of its folder; a hidden one, as a Mac puts beside each, is none."""
    return name.casefold().endswith(PICTURE_SUFFIXES) and not name.startswith(".")


def describe_folder(folder: Path) -> str:
    """A sentence that says what to give instead of a folder."""
    names = sorted(file.name for file in folder.iterdir() if file.suffix.casefold() in VIDEO_SUFFIXES)
    if not names:
        return f"{folder} is a directory without a video in it: a video file is needed"
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{folder} is a directory: give one of the videos in it, {', '.join(names[:_MOST_NAMED])}{more}"


def describe_other_file(path: Path) -> str | None:
    """The kind of a file that is no video and what to give instead, as the end of a sentence; None where unknown."""
    head = _read_head(path)
    for signature, words in _BINARY:
        if re.match(signature, head, re.DOTALL):
            return words
    text = _as_text(head)
    if text is None:
        return None
    for pattern_of_text, words in _TEXT:
        if re.match(pattern_of_text, text.lstrip("\ufeff \t\r\n"), re.DOTALL | re.IGNORECASE):
            return words
    return f"text; {_GIVE_VIDEO}"


def is_animated_webp(path: Path) -> bool:
    """True for a WebP whose extended header says that it moves: chunk VP8X, second bit of its flags (RFC 9649, 2.7)."""
    with path.open("rb") as file:
        head = file.read(21)
    return head[8:16] == b"WEBPVP8X" and len(head) == 21 and bool(head[20] & 0x02)


def is_still_picture(path: Path) -> bool:
    """True for a file that holds one picture and nothing that moves."""
    is_moving = detect_forced_format(path) is not None or is_animated_webp(path)
    return describe_other_file(path) == _PICTURE and not is_moving


def detect_forced_format(path: Path) -> str | None:
    """Format of a GIF or an APNG, else None: FFmpeg may take their names for patterns (`what?.gif`, `50%d.gif`)."""
    head = _read_head(path)
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    return "apng" if head.startswith(b"\x89PNG\r\n") and b"acTL" in head else None


def _read_head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def _as_text(head: bytes) -> str | None:
    encoding = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    text = head.decode(encoding, errors="replace")
    strange = sum(not (c.isprintable() or c in "\r\n\t\f\ufeff") or c == "\ufffd" for c in text)
    return text if strange <= len(text) // 20 else None
