"""Captions that roll up or grow tell each utterance once; what is really said again stays."""

from pathlib import Path

import pytest

from tools.speech.rolling_captions import merge_rolling
from tools.speech.subtitle_text import SubtitleCue
from tools.speech.subtitles import read_subtitles

ROWS = ("the old mill wheel", "turns only at dawn", "when the water is high", "and nobody is near it")
YOUTUBE = """WEBVTT
Kind: captions
Language: en

00:00:00.160 --> 00:00:02.350 align:start position:0%
_
the<00:00:00.400><c> old</c><00:00:00.800><c> mill</c><00:00:01.200><c> wheel</c>

00:00:02.350 --> 00:00:02.360 align:start position:0%
the old mill wheel
_

00:00:02.360 --> 00:00:04.470 align:start position:0%
the old mill wheel
turns<00:00:02.800><c> only</c><00:00:03.200><c> at</c><00:00:03.600><c> dawn</c>

00:00:04.470 --> 00:00:04.480 align:start position:0%
turns only at dawn
_

00:00:04.480 --> 00:00:06.700 align:start position:0%
turns only at dawn
when<00:00:05.000><c> the</c><00:00:05.200><c> water</c><00:00:05.500><c> is</c><00:00:05.800><c> high</c>
""".replace("_", " ")


def cues(*shown: str, seconds: float = 2.0, gap: float = 0.0) -> list[SubtitleCue]:
    """Cues one after the other; rows are parted by a bar."""
    step = seconds + gap
    return [SubtitleCue(i * step, i * step + seconds, tuple(text.split("|"))) for i, text in enumerate(shown)]


def told(shown: list[SubtitleCue]) -> list[str]:
    return [cue.text for cue in merge_rolling(shown)]


def test_a_rolling_vtt_tells_each_row_once_at_its_own_time(tmp_path: Path) -> None:
    (tmp_path / "a.vtt").write_text(YOUTUBE)
    lines = read_subtitles(tmp_path / "a.vtt")
    assert [line.text for line in lines] == list(ROWS[:3])
    assert [line.start_seconds for line in lines] == [0.16, 2.36, 4.48]


@pytest.mark.parametrize("height", [2, 3])
def test_rows_that_roll_up_are_told_once(height: int) -> None:
    shown = ["|".join(ROWS[max(0, i - height + 1) : i + 1]) for i in range(len(ROWS))]
    assert told(cues(*shown)) == list(ROWS)


def test_rolling_rows_put_together_by_a_converter_are_told_once() -> None:
    shown = [" ".join(ROWS[max(0, i - 1) : i + 1]) for i in range(len(ROWS))]
    assert " ".join(told(cues(*shown))) == " ".join(ROWS)


def test_a_row_that_grows_word_by_word_is_one_line_with_its_whole_time() -> None:
    words = ROWS[0].split()
    (line,) = merge_rolling(cues(*[" ".join(words[: i + 1]) for i in range(len(words))], seconds=0.5))
    assert (line.text, line.start_seconds, line.stop_seconds) == (ROWS[0], 0.0, 2.0)


@pytest.mark.parametrize(
    "shown",
    [
        ["No.", "No.", "No, I said."],
        ["Row, row, row your boat", "Row, row, row your boat", "Gently down the stream"],
        ["Stop!", "Stop! Thief!", "Where?", "There!", "Who?", "Him!"],
        ["We sail at dawn.|We sail at dawn.", "All of us."],
    ],
)
def test_what_is_said_again_stays(shown: list[str]) -> None:
    assert told(cues(*shown)) == [text.replace("|", " ") for text in shown]


def test_a_refrain_after_a_gap_stays_also_among_rolling_captions() -> None:
    rolling = ["|".join(ROWS[max(0, i - 1) : i + 1]) for i in range(len(ROWS))]
    again = [SubtitleCue(cue.start_seconds + 60, cue.stop_seconds + 60, cue.lines) for cue in cues(*rolling)]
    assert told([*cues(*rolling), *again]) == [*ROWS, *ROWS]


def test_a_word_said_twice_in_rolling_captions_is_told_twice() -> None:
    shown = ["no", "no|no", "no|who is there", "who is there|only the wind"]
    assert told(cues(*shown)) == ["no", "no", "who is there", "only the wind"]


def test_layers_of_the_same_words_at_the_same_time_are_one_line() -> None:
    layers = [
        SubtitleCue(1.0, 3.0, ("Closed",)),
        SubtitleCue(1.0, 3.0, ("Closed",)),
        SubtitleCue(1.5, 4.0, ("Closed",)),
    ]
    assert merge_rolling(layers) == [SubtitleCue(1.0, 4.0, ("Closed",))]


def test_no_cues_tell_nothing() -> None:
    assert merge_rolling([]) == []
