"""What a player shows of a subtitle file is what is read of it: words stay, markup goes."""

import time
from pathlib import Path

import pytest

from tools.speech.subtitle_text import parse_ass, parse_ass_rows, parse_srt, parse_vtt, strip_markup
from tools.speech.subtitles import read_subtitles

ASS = """[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname
Style: Default,Arial

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def ass(*events: str) -> str:
    """A script with these events: layer, times and effect are filled in, `Comment: ` makes a comment."""
    rows = []
    for number, event in enumerate(events):
        kind, text = event.split(": ", 1) if event.startswith("Comment: ") else ("Dialogue", event)
        effect, text = text.split("//", 1) if "//" in text else ("", text)
        rows.append(f"{kind}: 0,0:00:0{number}.00,0:00:0{number}.90,Default,,0,0,0,{effect},{text}")
    return ASS + "\n".join(rows) + "\n"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("<i>so</i> <b>it</b> <u>is</u>", "so it is"),
        ('<font color="#ff0000" size=12>red</font>', "red"),
        ("<FONT COLOR=red>red</FONT>", "red"),
        ("<v Bob>Hi</v> <c.yellow.bg_blue>there</c>", "Hi there"),
        ("one<br/>two<br>three", "one two three"),
        ("{\\an8}{\\pos(10,20)}up {\\i1}there{\\i0}", "up there"),
        ("{y:i}slanted", "slanted"),
        ("if a < b and c > d", "if a < b and c > d"),
        ("while 3 < n and n > 1", "while 3 < n and n > 1"),
        ("if a <b and c> d", "if a <b and c> d"),
        ("I <3 you, x<y>z", "I <3 you, x<y>z"),
        ("a < b > c <> d", "a < b > c <> d"),
        ("vector<int> and <stdio.h>", "vector<int> and <stdio.h>"),
        ("let {left, right} = {}", "let {left, right} = {}"),
        ("{angle} and {a {b} c}", "{angle} and {a {b} c}"),
        ("set {x: 1}", "set {x: 1}"),
        ("C:\\New folder\\notes", "C:\\New folder\\notes"),
        ("R&D at AT&T &amp; &lt;b&gt;", "R&D at AT&T & <b>"),
        ("copy&paste &copyright", "copy&paste &copyright"),
    ],
)
def test_only_markup_is_taken_out(written: str, shown: str) -> None:
    assert strip_markup(written) == shown


def test_a_last_row_that_is_a_number_is_said() -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\nThe code is\n947\n\n2\n00:00:03,000 --> 00:00:04,000\nAgain:\n42\n"
    assert [cue.text for cue in parse_srt(text)] == ["The code is 947", "Again: 42"]


def test_a_file_that_breaks_off_behind_a_number_does_not_say_it() -> None:
    assert [cue.text for cue in parse_srt("1\n00:00:01,000 --> 00:00:02,000\nHello\n\n2\n")] == ["Hello"]


@pytest.mark.parametrize(
    "times",
    [
        "00:00:01,000 --> 00:00:02,500",
        "00:00:01,000 —> 00:00:02,500",
        "00: 00: 01, 000 → 00：00：02，500",
        "00:00:01.000 --> 00:00:02.500 X1:100 X2:200 Y1:10 Y2:20",
        "0:00:01,0 -> 0:00:02,5",
        "00:01.000 --> 00:02.500 line:0 position:20% align:start",
        "0:00:01.000,0:00:02.500",
    ],
)
def test_times_in_every_writing_are_read(times: str) -> None:
    (cue,) = parse_srt(f"1\n{times}\nHello\n")
    assert (cue.start_seconds, cue.stop_seconds, cue.text) == (1.0, 2.5, "Hello")


def test_times_past_ninety_nine_hours_are_read() -> None:
    (cue,) = parse_srt("1\n100:00:01,000 --> 100:00:02,000\nStill here\n")
    assert cue.start_seconds == 360_001


def test_a_cue_from_before_the_beginning_is_no_text_of_the_one_before_it() -> None:
    moved = "1\n-00:00:02,500 --> -00:00:01,000\nGone\n\n2\n-00:00:00,500 --> 00:00:01,000\nHello\n"
    assert [(cue.start_seconds, cue.stop_seconds, cue.text) for cue in parse_srt(moved)] == [
        (-2.5, -1.0, "Gone"),
        (-0.5, 1.0, "Hello"),
    ]


def test_the_number_of_a_cue_is_no_text_where_every_second_row_is_blank() -> None:
    rows = [
        "1",
        "00:00:01,000 --> 00:00:02,000",
        "In a room for",
        "2",
        "",
        "2",
        "00:00:03,000 --> 00:00:04,000",
        "It is",
    ]
    assert [cue.text for cue in parse_srt("\n\n".join(rows))] == ["In a room for 2", "It is"]
    unnumbered = "00:00:01,000 --> 00:00:02,000\nGate\n1\n\n00:00:03,000 --> 00:00:04,000\nis shut\n"
    assert [cue.text for cue in parse_srt(unnumbered)] == ["Gate 1", "is shut"]


def test_a_clock_in_a_text_begins_no_cue() -> None:
    (cue,) = parse_srt("1\n00:00:01,000 --> 00:00:02,000\nThe train\n10:30 -> 11:45\n")
    assert cue.text == "The train 10:30 -> 11:45"


def test_notes_styles_and_names_of_cues_in_vtt_are_not_said() -> None:
    text = (
        "WEBVTT - a title\n\nSTYLE\n::cue { color: red }\n\nREGION\nid:fred\n\n"
        "intro\n00:01.000 --> 00:02.000\nHello\n\n"
        "NOTE\nnobody says this\n\nsecond cue\n00:03.000 --> 00:04.000\nthere\n<v Ann>you\n\nNOTE nor this\n"
    )
    assert [cue.text for cue in parse_vtt(text)] == ["Hello", "there you"]


def test_drawings_and_remarks_in_ass_are_not_said() -> None:
    text = ass(
        "{\\p1}m 0 0 l 120 0 120 80{\\p0}",
        "{\\an8\\p2}m 0 0{\\p0}The gate {a remark}is {\\b1}shut{\\b0}{\\p1}m 9 9",
        "Comment: not shown",
        "first\\Nsecond\\hrow",
        "{\\k20}Sing {\\k30}a{\\kf10}long",
        "{\\pos(1,2)}{\\pbo3}kept",
    )
    assert [cue.text for cue in parse_ass(text) if cue.lines] == [
        "The gate is shut",
        "first second row",
        "Sing along",
        "kept",
    ]


def test_karaoke_drawn_in_pieces_is_told_whole() -> None:
    text = ass(
        "Comment: karaoke//{\\k20}Sing {\\k30}along", "fx//{\\move(1,2)}Sing", "fx//{\\move(3,4)}along", "Spoken"
    )
    assert [cue.text for cue in parse_ass(text)] == ["Sing along", "Spoken"]


def test_ass_braces_without_an_end_are_words() -> None:
    assert parse_ass_rows("open {brace") == ("open {brace",)


@pytest.mark.parametrize(
    "noise",
    [
        *("{" * 200_000, "<" * 200_000, "<b " * 70_000, "{\\" * 100_000, "<font a=" * 25_000, "&" * 200_000),
        *("<" + " " * 200_000, "00:00:01,000 --> " * 12_000, " " * 200_000 + "x", "{a" * 100_000),
        *("\\p" * 100_000, "{\\p1}" * 40_000),
    ],
    ids=lambda noise: noise[:8],
)
@pytest.mark.parametrize("ending", ["srt", "vtt", "ass"])
def test_hostile_markup_takes_time_in_proportion(tmp_path: Path, noise: str, ending: str) -> None:
    cue = "00:00:01.000 --> 00:00:02.000\nHello\n\n00:00:03.000 --> 00:00:04.000\n"
    head = {"srt": "1\n" + cue, "vtt": "WEBVTT\n\n" + cue, "ass": ass("Hello", "")[:-1]}[ending]
    path = tmp_path / f"a.{ending}"
    path.write_text(head + noise + "\n")
    began = time.process_time()
    assert read_subtitles(path)[0].text == "Hello"
    assert time.process_time() - began < 1.0  # quadratic patterns took minutes
