"""Filters decoded pictures: only those that rest on undamaged ones pass.

A decoder that meets damage fills in and goes on; it marks the damaged picture, but not those that refer to it. So
after damage every picture up to the next clean keyframe is in doubt and is not handed out. A picture comes out of the
decoder later than pictures that it refers to were put in, so it is held back until all of those came out as well.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tools.demux.packets import PacketIndex

if TYPE_CHECKING:
    from av.video.frame import VideoFrame


class DamageFilter:
    """Filter of one run of a decoder from a keyframe on."""

    def __init__(self, plan: PacketIndex) -> None:
        self._plan = plan
        self._latest_fed = self._latest_out = -(2**63)
        self._ceilings: dict[int, int] = {}
        """Latest time among the packets put in up to a packet, by the position of those still in the decoder."""
        self._held: list[tuple[int, int, VideoFrame]] = []
        """Pictures whose references have not all come out, as (ceiling, position, picture)."""
        self._damages: list[float] = []
        self._clean_keys: list[int] = []

    def judge(self, position: int | None, pictures: "list[VideoFrame] | None") -> "Iterator[tuple[int, VideoFrame]]":
        """Gives the pictures that are proved good now that the packet at `position` was put in and `pictures` came out.

        Each picture's `pts` is the position of its packet. `pictures` is None where the decoder refused the packet.
        """
        if position is not None:
            is_first = self._latest_fed == -(2**63)
            self._latest_fed = max(self._latest_fed, int(self._plan.pts[position]))
            self._ceilings[position] = self._latest_fed
            if position in self._plan.joined.seams and not is_first:
                self._damages.append(position - 0.5)  # what was before it is whole, but nothing may refer to it
            if pictures is None:
                self._damages.append(position)
        yield from self._take(pictures or [])

    def judge_last(self, pictures: "list[VideoFrame] | None") -> "Iterator[tuple[int, VideoFrame]]":
        """Gives the rest of the pictures, when the decoder has been emptied."""
        yield from self._take(pictures or [])
        self._latest_out = self._latest_fed
        yield from self._release()

    def _take(self, pictures: "list[VideoFrame]") -> "Iterator[tuple[int, VideoFrame]]":
        for picture in pictures:
            position = picture.pts
            if position is None or position not in self._ceilings:
                continue
            if picture.is_corrupt:
                self._damages.append(position)
            # A damaged packet may come out as a keyframe shown again, so the file has to call it one too.
            elif picture.pict_type == _INTRA and picture.key_frame and self._plan.is_keyframe(position):
                self._clean_keys.append(position)
            self._latest_out = max(self._latest_out, int(self._plan.pts[position]))
            self._held.append((self._ceilings.pop(position), position, picture))
        yield from self._release()

    def _release(self) -> "Iterator[tuple[int, VideoFrame]]":
        while self._held and self._held[0][0] <= self._latest_out:
            _, position, picture = self._held.pop(0)
            if self._is_proved(position):
                yield position, picture

    def _is_proved(self, position: int) -> bool:
        damage = max((d for d in self._damages if d <= position), default=None)
        if damage is None:
            return True
        # Shown before its keyframe means a leading picture: it refers across the keyframe, to before it.
        pts = self._plan.pts
        return any(damage < key <= position and pts[position] >= pts[key] for key in self._clean_keys)


_INTRA = 1
"""The value of av.video.frame.PictureType.I, without importing av for it."""
