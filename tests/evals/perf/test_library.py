"""The figures of a library: drawn clips and made-up vectors, in small numbers."""

from pathlib import Path

import pytest

from evals.perf import library
from tools.index import shards
from tools.video.video import Video


def test_each_drawn_clip_has_a_sign_of_its_own_in_its_middle(tmp_path: Path) -> None:
    library.write_clips(tmp_path, 2)
    with Video(tmp_path / "clip-0001.mp4") as clip, Video(tmp_path / "clip-0000.mp4") as other:
        assert clip.info.duration_seconds == library.SECONDS
        shown = [frame.pixels[60:120].max() > 235 > frame.pixels[:50].max() for frame in clip.read([1.0, 18.0, 30.0])]
        assert shown == [False, True, False]
        assert clip.content_hash != other.content_hash
    assert len({library.name_sign(number) for number in range(1000)}) == 1000


def test_made_up_vectors_are_found_as_far_as_lists_are_probed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "_THEMES", 40)
    exact = library.measure_vectors(3000, 32)
    assert exact.recall > 0.99  # float16
    monkeypatch.setattr(shards, "EXACT_ROWS", 1000)
    monkeypatch.setattr(library, "SHARD_ROWS", 2000)
    probed = library.measure_vectors(3000, 32)
    assert 0.2 < probed.recall <= 1.0
    assert probed.size_bytes < exact.size_bytes
    with pytest.raises(ValueError, match="need 10 vectors"):
        library.measure_vectors(5, 32)
