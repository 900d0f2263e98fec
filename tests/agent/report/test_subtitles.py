"""Transcripts and screen text as files: read back by another library, and closed against what lines hold."""

import json
from pathlib import Path

import pysubs2
import pytest

from agent.cli.main import main
from agent.report.subtitles import TimedLine, format_lines
from tests.clips import write_clip

LINES = (
    TimedLine(3661.5, 3662.25, "later", "recognised"),
    TimedLine(1.0, 1.0, "a --> b <i>&\n\n2", "recognised"),
    TimedLine(2.0, 3.0, "Thank you.", "recognised", "nobody may have spoken"),
)


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_another_library_reads_back_what_is_sure(form: str) -> None:
    text = format_lines(LINES, "srt" if form == "srt" else "vtt")
    read = pysubs2.SSAFile.from_string(text, format_=form)
    assert [(line.start, line.end) for line in read] == [(1000, 1001), (3661500, 3662250)]
    assert read[1].plaintext == "later"
    assert text.count("-->") == 2
    assert "Thank you." not in text


def test_markup_in_a_line_is_text() -> None:
    assert "a → b &lt;i&gt;&amp; 2\n" in format_lines(LINES, "vtt")
    assert format_lines((), "srt") == ""
    assert format_lines((), "vtt") == "WEBVTT\n"


def test_json_has_doubts_too() -> None:
    read = json.loads(format_lines(LINES, "json"))
    assert [line["start_seconds"] for line in read] == [1.0, 2.0, 3661.5]
    assert read[1]["doubt"] == "nobody may have spoken"


def test_the_transcript_of_a_subtitle_file_is_that_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("VIDEOSLEUTH_ENCODER", "hashing")
    clip, given, saved = write_clip(tmp_path / "a.mp4", frames=40), tmp_path / "given.srt", tmp_path / "out.vtt"
    given.write_text("1\n00:00:00,500 --> 00:00:01,000\nHello there\n", encoding="utf-8")
    assert main(["transcript", str(clip), "--subtitles", str(given), "--save", str(saved)]) == 0
    assert saved.read_text(encoding="utf-8") == "WEBVTT\n\n00:00:00.500 --> 00:00:01.000\nHello there\n"
    assert main(["transcript", str(clip), "--subtitles", str(given)]) == 0
    assert capsys.readouterr().out == "1\n00:00:00,500 --> 00:00:01,000\nHello there\n"
    assert main(["transcript", str(clip), "--subtitles", str(given), "--save", str(given)]) == 2
