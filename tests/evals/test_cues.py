"""Subtitles of LongVideoBench."""

from pathlib import Path

from evals.benchmarks.cues import TranscriptCue, read_longvideobench_cues

FIXTURES = Path(__file__).parent / "fixtures"


def test_longvideobench_moves_cues_to_the_cut_video_and_breaks_one_without_an_end() -> None:
    first = read_longvideobench_cues(FIXTURES / "longvideobench" / "subtitles" / "fxLvb_a1_en.json", 30.0, 12.4)
    assert first[0] == TranscriptCue(1.0, 3.5, "put the invented kettle down")
    assert (first[1].start_seconds, first[1].stop_seconds) == (5.0, 12.4 - 30.0)
    second = read_longvideobench_cues(FIXTURES / "longvideobench" / "subtitles" / "fxLvb_b2_en.json", 0.0, 1805.2)
    assert second == (TranscriptCue(5.0, 7.25, "turn left"),)
