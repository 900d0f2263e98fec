import math
from pathlib import Path

import pytest

from tools.speech.subtitles import SpeechLine, Subtitles, read_subtitle_file, read_subtitles, strip_markup

SRT = "1\n00:00:01,000 --> 00:00:02,500\n<i>Grüße</i> &amp; hello\nworld\n\n2\n00:00:03,000 --> 00:00:04,000\nSecond\n"
VTT = "WEBVTT\n\nNOTE not shown\n\n00:01.000 --> 00:02.000 align:start\n<v Bob>Hi there</v>\n"
ASS = (
    "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname\nStyle: Default,Arial\n\n[Events]\n"
    "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
    "Comment: 0,0:00:00.00,0:00:09.00,Default,,0,0,0,,not shown\n"
    "Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{\\b1}Bold{\\b0}\\Ntext, with a comma\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252"])
def test_any_encoding_gives_the_same_lines(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.srt"
    path.write_bytes(SRT.encode(encoding))
    lines = read_subtitles(path)
    assert [(line.start_seconds, line.stop_seconds, line.text) for line in lines] == [
        (1.0, 2.5, "Grüße & hello world"),
        (3.0, 4.0, "Second"),
    ]
    assert all(line.source == "subtitle file" and line.no_speech is None and not line.doubts for line in lines)


@pytest.mark.parametrize("line_end", ["\r\n", "\r", "\r\r\n"])
def test_line_ends_of_other_systems_are_read(tmp_path: Path, line_end: str) -> None:
    path = tmp_path / "a.srt"
    path.write_bytes(SRT.replace("\n", line_end).encode())
    (tmp_path / "b.srt").write_text(SRT)
    assert read_subtitles(path) == read_subtitles(tmp_path / "b.srt")
    assert len(read_subtitles(path)) == 2


def test_vtt_and_ass_lose_their_markup_and_comments(tmp_path: Path) -> None:
    (tmp_path / "a.vtt").write_text(VTT)
    (tmp_path / "a.ass").write_text(ASS)
    assert [line.text for line in read_subtitles(tmp_path / "a.vtt")] == ["Hi there"]
    assert [line.text for line in read_subtitles(tmp_path / "a.ass")] == ["Bold text, with a comma"]


def test_the_content_decides_and_not_the_name(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(VTT)
    assert read_subtitles(tmp_path / "a.txt")[0].text == "Hi there"


def test_lines_come_in_order_of_time(tmp_path: Path) -> None:
    later, earlier = SRT.split("\n\n")[::-1]
    (tmp_path / "a.srt").write_text(later + "\n\n" + earlier + "\n")
    assert [line.start_seconds for line in read_subtitles(tmp_path / "a.srt")] == [1.0, 3.0]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"  \n", "empty"),
        (bytes(range(256)) * 40, "not text"),
        (b"\x89PNG\r\n" + bytes(200), "not text"),
        (b"hello, this is a letter\n", "not a subtitle file"),
        (b'{"events": 3}', "need .srt"),
        (b"{1}{20}hello\n{30}{40}x\n", "microdvd"),
        (b"1\n00:00:05,000 --> 00:00:01,000\nbackwards\n", "no subtitle line"),
    ],
)
def test_a_wrong_file_is_one_clear_sentence(tmp_path: Path, raw: bytes, said: str) -> None:
    path = tmp_path / "a.srt"
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=said) as error:
        read_subtitles(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not exist"):
        read_subtitles(tmp_path / "none.srt")
    with pytest.raises(ValueError, match="is a folder"):
        read_subtitles(tmp_path)


def test_a_smaller_than_sign_in_speech_is_kept() -> None:
    assert strip_markup("if a < b then {\\i1}c{\\i0} &lt; d") == "if a < b then c < d"


def test_a_line_of_megabytes_comes_in_parts_and_loses_nothing(tmp_path: Path) -> None:
    words = "word " * 20_000 + "x" * 5_000
    (tmp_path / "a.srt").write_text(f"1\n00:00:01,000 --> 00:00:02,000\n{words}\n")
    lines = read_subtitles(tmp_path / "a.srt")
    assert max(len(line.text) for line in lines) <= 1000
    assert "".join(line.text for line in lines).replace(" ", "") == words.replace(" ", "")


def test_too_many_lines_are_cut_and_that_is_said(tmp_path: Path) -> None:
    cue = "00:00:01,000 --> 00:00:02,000\n{}\n\n"
    (tmp_path / "a.srt").write_text("".join(cue.format(number) + "!\n\n" for number in range(100_001)))
    found = read_subtitle_file(tmp_path / "a.srt")
    assert len(found.lines) == 100_000
    assert "100000" in found.gaps[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('<?xml version="1.0"?><tt xmlns="http://www.w3.org/ns/ttml"><body/></tt>', "need .srt"),
        ("<SAMI><BODY><SYNC Start=1000><P>Hello</SAMI>", "need .srt"),
        ("[00:12.00]A line of a song\n[00:15.30]another\n", "need .srt"),
        ("[10][20]A line\n[30][40]another\n", "need .srt"),
    ],
)
def test_other_kinds_of_subtitles_are_refused_in_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.srt").write_text(text)
    with pytest.raises(ValueError, match=said) as error:
        read_subtitles(tmp_path / "a.srt")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("layer", "value"), [("Layer", "0"), ("Marked", "Marked=0")])
def test_substation_without_its_styles_is_read(tmp_path: Path, layer: str, value: str) -> None:
    path = tmp_path / "bare.ass"
    fields = f"{layer}, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text"
    said = f"Dialogue: {value},0:00:01.00,0:00:02.00,Default,,0,0,0,,Hello,\\Nyou"
    path.write_text(f"[Script Info]\nTitle: x\n\n[Events]\nFormat: {fields}\n{said}\n")
    assert [line.text for line in read_subtitles(path)] == ["Hello, you"]


def says(*cues: tuple[float, float, str], is_whole: bool = True) -> Subtitles:
    return Subtitles(tuple(SpeechLine(*cue, None, "subtitle file") for cue in cues), is_whole=is_whole)


TALK = tuple((10.0 * n, 10.0 * n + 3, "The heron waits until noon.") for n in range(60))
ALL = ((0.0, math.inf),)


@pytest.mark.parametrize(
    ("subtitles", "untold"),
    [
        (says(*TALK), ()),
        (says(*TALK[:30], *TALK[50:]), ((293.0, 500.0),)),  # nobody wrote down what is said there, if anything is
        (says(*TALK[:40]), ((393.0, 600.0),)),
        (says(*TALK[:30], (400.0, 401.0, "[Music]"), *TALK[50:]), ((293.0, 500.0),)),
        (says(*TALK, is_whole=False), ALL),
        (says(TALK[3], TALK[40]), ALL),  # as forced subtitles that are not marked so
        (says(*((start, stop, "[Wind howls] (A door slams)") for start, stop, _ in TALK)), ALL),
        (says(), ALL),
    ],
)
def test_where_subtitles_are_not_all_that_is_said_is_known(
    subtitles: Subtitles, untold: tuple[tuple[float, float], ...]
) -> None:
    assert subtitles.find_untold(0.0, 600.0) == untold


def test_subtitles_before_the_window_tell_nothing_of_it() -> None:
    assert says(*TALK[:30]).find_untold(300.0, 400.0) == ((300.0, math.inf),)
    assert says(*TALK[:40]).find_untold(300.0, 400.0) == ()


@pytest.mark.parametrize(("name", "is_whole"), [("film.en.forced.srt", False), ("film.en.srt", True)])
def test_a_file_may_be_named_as_forced(tmp_path: Path, name: str, is_whole: bool) -> None:
    path = tmp_path / name
    path.write_text(SRT)
    assert read_subtitle_file(path).is_whole is is_whole
