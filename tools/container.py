"""The one door to a media file: every container is opened here, as a local file and as nothing else.

FFmpeg takes names such as `http:...` or `concat:a|b` for protocols and some formats for lists of other files; a name
that a stranger gave must never lead anywhere but to the file of that name.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream


class VideoError(ValueError):
    """The user's bad input, in one sentence: no such file, not a video, no frame that decodes."""


def open_container(path: Path) -> "InputContainer":
    """The file opened for reading; only ever this local file, also where its name or content points elsewhere."""
    import av

    # Metadata that is not UTF-8 must not stop us: many old AVI files carry it. PyAV 19 never fails on it.
    lenient = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
    return av.open(f"file:{path}", options={"protocol_whitelist": "file"}, **lenient)


class PacketReader:
    """The packets of a container from where it stands, until its end or until one cannot be read.

    Whoever demuxes does it through this: a damaged file ends early, it does not end the program.
    """

    def __init__(self, container: "InputContainer", stream: "Stream | None" = None) -> None:
        """Of one stream, or of all that were there when the file was opened."""
        self._packets = container.demux() if stream is None else container.demux(stream)
        self.ended_in_error = False
        """True once reading has stopped with an error."""
        self.more_streams = False
        """True once it was seen that the file holds streams that begin later; their packets do not come."""

    def __iter__(self) -> "Iterator[Packet[Any]]":
        """The packets; the empty ones at the end of the file let a decoder give its last frames."""
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


def is_empty(packet: "Packet[Any]") -> bool:
    """True for the packet without times and bytes that marks the end of a stream."""
    return packet.size == 0 and packet.pts is None and packet.dts is None
