from dataclasses import dataclass

from tools.video.decoder import DecodeInterval, group_intervals


@dataclass(frozen=True)
class Wavering:
    """A plan of a damaged file: the keyframe to start from changes to and fro with the time shown."""

    in_order: bool = False
    starts: tuple[int, ...] = (0, 1, 0, 1, 1)

    def position_of(self, pts: int) -> int:
        return pts

    def start_for(self, position: int) -> int:
        return self.starts[position]


def test_intervals_are_in_the_order_shown_also_where_the_keyframe_changes_to_and_fro() -> None:
    intervals = group_intervals(Wavering(), [0, 1, 2, 3, 4])  # type: ignore[arg-type]
    assert intervals == [
        DecodeInterval(0, (0,)),
        DecodeInterval(1, (1,)),
        DecodeInterval(0, (2,)),
        DecodeInterval(1, (3, 4)),
    ]
