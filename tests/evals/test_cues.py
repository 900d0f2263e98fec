"""Which subtitles a model is given, by each rule."""

from pathlib import Path

from evals.benchmarks.cues import (
    TranscriptCue,
    interleaved,
    lmms_lines,
    longvideobench_cues,
    official_lines,
    read_srt,
    vlm_lines,
)

FIXTURES = Path(__file__).parent / "fixtures"
FONT = '<font color="white" size=".72c">{}</font>'
CUES = (
    TranscriptCue(1.0, 3.5, FONT.format("welcome")),
    TranscriptCue(4.0, 6.25, FONT.format("count")),
    TranscriptCue(8.0, 9.0, "<i>bye</i>"),
)


def test_an_srt_file_is_read_with_its_markup() -> None:
    cues = read_srt(FIXTURES / "video_mme" / "subtitle" / "fxRedKite001.srt")
    assert cues == (
        TranscriptCue(1.0, 3.5, FONT.format("welcome to the invented stall")),
        TranscriptCue(4.0, 6.25, FONT.format("count the lanterns")),
    )


def test_the_official_rule_gives_each_line_at_a_frame_once() -> None:
    assert official_lines(CUES, [1.5, 2.0, 8.5]) == ["welcome", "bye"]
    assert official_lines(CUES, [3.7]) == []


def test_vlmevalkit_repeats_a_line_for_each_frame_in_it() -> None:
    assert vlm_lines(CUES, [1.0, 1.5, 2.0, 8.5]) == ["welcome", "welcome", "bye"]


def test_lmms_eval_loses_lines_without_its_font() -> None:
    assert lmms_lines(CUES, [1.0, 8.5]) == ["welcome"]


def test_longvideobench_moves_cues_to_the_cut_video_and_breaks_one_without_an_end() -> None:
    first = longvideobench_cues(FIXTURES / "longvideobench" / "subtitles" / "fxLvb_a1_en.json", 30.0, 12.4)
    assert first[0] == TranscriptCue(1.0, 3.5, "put the invented kettle down")
    assert (first[1].start_seconds, first[1].stop_seconds) == (5.0, 12.4 - 30.0)
    second = longvideobench_cues(FIXTURES / "longvideobench" / "subtitles" / "fxLvb_b2_en.json", 0.0, 1805.2)
    assert second == (TranscriptCue(5.0, 7.25, "turn left"),)


def test_cues_stand_at_their_middle_and_only_if_a_frame_is_inside() -> None:
    cues = (
        TranscriptCue(1.0, 3.0, "one"),
        TranscriptCue(4.2, 4.6, "short"),
        TranscriptCue(6.1, 6.9, "between"),
        TranscriptCue(7.0, 9.5, "last"),
    )
    # middles 2, 4.4, 6.5, 8.25; the second reaches from 3.9 to 4.9, the third from 6.0 to 7.0: no frame strictly inside
    assert interleaved(cues, [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]).split("\n") == [
        *("<image>", "<image>", "one", "<image>", "short", "<image>", "<image>", "last", "<image>"),
    ]
