"""The one door to a media file: every container is opened here, as a local file and as nothing else.

FFmpeg takes names such as `http:...` or `concat:a|b` for protocols and some formats for lists of other files; a name
that a stranger gave must never lead anywhere but to the file of that name. Only formats that hold their pictures
themselves are opened, and opening ends: after a time limit, and when the user interrupts it.
"""

import os
import threading
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tools.demux.file_kind import describe_address, describe_folder, describe_other_file, detect_forced_format
from tools.demux.sample_tables import check_sample_tables
from tools.limits import MAX_PICTURE_PIXELS, MAX_STREAMS, OPEN_SECONDS, READ_SECONDS, VideoError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream

__all__ = [
    "FORMATS",
    "PacketReader",
    "VideoError",
    "check_file",
    "is_empty",
    "is_encrypted",
    "open_container",
    "run_interruptibly",
]

T = TypeVar("T")

VIDEO_FORMATS = (
    # phones, cameras, the web, discs, television
    *("mov", "matroska", "mpegts", "mpeg", "avi", "asf", "flv", "live_flv", "kux", "ogg", "rm", "ivr", "nut", "swf"),
    # pictures that move
    *("gif", "apng", "jpegxl_anim"),
    # uncompressed, and codecs without a container
    *("yuv4mpegpipe", "ivf", "obu", "av1", "h261", "h263", "h264", "hevc", "vvc", "evc", "m4v", "mpegvideo", "mjpeg"),
    *("mpjpeg", "mjpeg_2000", "vc1", "vc1test", "dirac", "dnxhd", "cavsvideo", "avs2", "avs3", "apv"),
    # studios, recorders of television and of security cameras, raw and scientific cameras
    *("mxf", "gxf", "lxf", "dv", "nsv", "nuv", "wtv", "pva", "pmp", "ty", "dhav", "ifv", "iv8", "lmlm4", "cine", "r3d"),
    *("ser", "amv", "mtv", "smjpeg", "vivo"),
    # scenes of games
    *("bink", "smk", "flic", "roq", "film_cpk", "thp", "usm", "xmv"),
)
"""Demuxers that read nothing but the file they were given. Those that open other files are left out: hls, concat,
image2, vobsub, sdp, mlv and their like."""

SOUND_FORMATS = (
    *("mp3", "wav", "w64", "aac", "ac3", "eac3", "dts", "dtshd", "truehd", "flac", "aiff", "au", "caf", "amr", "ape"),
    *("wv", "tta", "tak", "mpc", "mpc8", "dsf", "loas", "voc", "oma", "gsm", "xwma"),
)
"""Demuxers of sound, opened so that a recording without pictures is recognised as one."""

FORMATS = VIDEO_FORMATS + SOUND_FORMATS


def open_container(path: Path) -> "InputContainer":
    """Opens a media file; only ever this local file, also where its name or content points elsewhere.

    Raises:
        VideoError: not a file with pictures or sound in it, or one that can't be opened in time.
    """
    import av

    check_file(path)
    state = path.stat()
    _check_tables_once(path, state.st_size, state.st_mtime_ns)
    # Metadata that is not UTF-8 must not stop us: many old AVI files carry it. PyAV 19 never fails on it.
    lenient: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
    options = {
        "protocol_whitelist": "file",
        "format_whitelist": ",".join(FORMATS),
        "enable_drefs": "0",  # tracks of QuickTime files that lie in another file
        "max_streams": str(MAX_STREAMS),
        "max_pixels": str(MAX_PICTURE_PIXELS),
    }
    try:
        container: InputContainer = av.open(
            f"file:{path}",
            "r",
            format=detect_forced_format(path),
            options=options,
            timeout=(OPEN_SECONDS, READ_SECONDS),
            **lenient,
        )
        return container
    except av.error.ExitError as error:
        raise VideoError(f"{path} could not be opened within {OPEN_SECONDS:.0f} s") from error
    except av.error.FFmpegError as error:
        other = describe_other_file(path)
        raise VideoError(
            f"{path} is not a video: it is {other}"
            if other
            else f"{path} is not a video that can be read: {error.strerror}"
        ) from error


class PacketReader:
    """The packets of a container from where it stands, until its end or until one cannot be read.

    Whoever demuxes does it through this: a damaged file ends early, it does not end the program.
    """

    def __init__(self, container: "InputContainer", stream: "Stream | None" = None) -> None:
        """Demuxes one stream, or all streams that were there when the file was opened if None."""
        self._packets = container.demux() if stream is None else container.demux(stream)
        self.ended_in_error = False
        """True once reading has stopped with an error."""
        self.more_streams = False
        """True once it was seen that the file holds streams that begin later; their packets do not come."""

    def __iter__(self) -> "Iterator[Packet[Any]]":
        """Gives the packets; the empty ones at the end of the file let a decoder give its last frames."""
        import av

        while True:
            try:
                packet = next(self._packets)
            except StopIteration:
                return
            except av.error.FFmpegError:
                self.ended_in_error = True
                return
            except IndexError:  # PyAV at the end of a file with streams that it did not know when it was opened
                self.more_streams = True
                return
            yield packet


def is_encrypted(packet: "Packet[Any]") -> bool:
    """True for a packet that needs a key: without it a decoder makes noise of it, which may pass for a picture."""
    return bool(packet.has_sidedata("encryption_info"))


@lru_cache(maxsize=64)
def _check_tables_once(path: Path, _size: int, _changed: int) -> None:
    """Checks a file's sample tables once: a long film in fragments has many, and each decoder opens the file."""
    check_sample_tables(path)


def check_file(path: Path) -> None:
    """Refuses what is not a readable file with something in it, without opening it.

    Raises:
        VideoError: a folder, an address, a pipe, an empty file, no file, or one that this user may not read.
    """
    if path.is_dir():
        raise VideoError(describe_folder(path))
    if not path.exists():
        raise VideoError(describe_address(path) or f"{path}: no such file")
    if not path.is_file():
        raise VideoError(f"{path} is not a file but a pipe, a socket or a device: save the video to a file first")
    if _is_made_by_the_system(path):
        raise VideoError(f"{path} is not a file on a disk: the system makes it up as it is read")
    if path.stat().st_size == 0:
        raise VideoError(f"{path} is empty")
    if not os.access(path, os.R_OK):
        raise VideoError(f"{path} may not be read by this user")


def _is_made_by_the_system(path: Path) -> bool:
    """True for /proc and /sys: a read of some of them waits for ever, and their sizes are not true."""
    return path.resolve().parts[:2] in (("/", "proc"), ("/", "sys"))


def run_interruptibly(work: Callable[[], T]) -> T:
    """Runs a function; an interrupt by the user ends the wait at once, also where FFmpeg does not return.

    Python looks at signals in the main thread, and only between two steps of its own, so that there the work is done
    by another thread. After an interrupt that thread ends alone.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    given: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            given.append(work())
        except BaseException as error:  # handed on, whatever it is
            failed.append(error)

    thread = threading.Thread(target=run, name="opening", daemon=True)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return given[0]


def is_empty(packet: "Packet[Any]") -> bool:
    """True for the packet without times and bytes that marks the end of a stream."""
    return packet.size == 0 and packet.pts is None and packet.dts is None
