"""`agent clip`: evidence and parts of videos as files, whole or not at all."""

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from agent.cli.main import main
from agent.exit_codes import EXIT_BAD_INPUT
from agent.report.clip import MOST_GIF_SECONDS
from agent.trajectory import Answer, Evidence, Question, Step, Stop, Trajectory, Turn, VideoFacts, to_json
from tests.drawn import write_colours
from tests.sounds import Track, tone, write_tracks
from tools.video.other_sources import open_video
from tools.video.video import Video


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Red, green, green, blue: a second each."""
    monkeypatch.chdir(tmp_path)
    return write_colours(tmp_path / "film.mp4", ["red", "green", "green", "blue"])


def save_run(clip: Path, *evidence: Evidence) -> Path:
    with Video(clip) as video:
        facts = VideoFacts(video.content_hash, video.info.duration_seconds, video.info.width, video.info.height)
    answered = Step(Turn("", Answer("It turns blue", evidence=evidence)))
    run = Trajectory(Question(str(clip), "What?"), facts, steps=(answered,), stop=Stop.ANSWERED)
    path = clip.with_name("run.json")
    path.write_text(to_json(run))
    return path


def colour(pixels: "np.ndarray", height: int = 48) -> int:
    """0 for red, 1 for green, 2 for blue, by the picture without the strip below it."""
    return int(np.asarray(pixels)[:height].mean((0, 1)).argmax())


def test_a_part_is_cut_out_to_the_frame_with_its_caption_below(clip: Path) -> None:
    assert (
        main(["clip", str(clip), "--from", "0.5", "--to", "2.5", "--caption", "a red door", "--save", "door.mp4"]) == 0
    )
    with Video(clip.with_name("door.mp4")) as cut:
        assert cut.info.duration_seconds == pytest.approx(2.0, abs=0.3)
        assert cut.info.height > 48
        frames = list(cut.window(0.0, 99.0))
        assert (colour(frames[0].pixels), colour(frames[-1].pixels)) == (0, 1)
        assert next(f.seconds for f in frames if colour(f.pixels) == 1) == pytest.approx(0.5, abs=0.13)
        strip = frames[0].pixels[50:]
        assert strip.max() > 150 > 60 > np.median(strip)
    with av.open(str(clip.with_name("door.mp4"))) as container:
        assert container.metadata["title"] == "a red door"
    assert not list(clip.parent.glob(".door*"))


def test_each_piece_of_evidence_of_a_saved_answer_becomes_a_file(clip: Path) -> None:
    run = save_run(clip, Evidence(3.0, 3.0, quote="BLUE"), Evidence(0.0, 0.5))
    assert main(["clip", str(run), "--format", "gif"]) == 0
    with Image.open("run-clip.gif") as first, Image.open("run-clip-2.gif") as second:
        assert first.info["comment"] == b"film.mp4 00:03.0: BLUE"
        assert second.info["comment"] == b"film.mp4 00:00.0: It turns blue"
        assert colour(np.asarray(first.convert("RGB"))) == 1
        first.seek(first.n_frames - 1)
        assert colour(np.asarray(first.convert("RGB"))) == 2
    moved = clip.rename(clip.with_name("moved.mp4"))
    assert main(["clip", str(run), "--save", "again.mp4", "--video", str(moved)]) == 0
    assert clip.with_name("again-2.mp4").exists()


def test_sound_is_cut_with_the_pictures(tmp_path: Path) -> None:
    heard = write_tracks(tmp_path / "tone.mkv", [Track(tone(3.0))])
    assert main(["clip", str(heard), "--from", "1", "--to", "2", "--save", str(tmp_path / "part.mp4")]) == 0
    video = open_video(tmp_path / "part.mp4")
    assert video.info.has_audio
    assert video.info.duration_seconds == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["film.mp4"], "say what is cut out"),
        (["film.mp4", "--from", "3", "--to", "2"], "need --from before --to"),
        (["film.mp4", "--from", "9"], "need --from before --to"),
        (["film.mp4", "--to", "2", "--save", "film.mp4"], "it is read"),
        (["gone.mp4", "--to", "2"], "no such file"),
        (["run.json", "--from", "1"], "says itself what is cut out"),
        (["other.json"], "another video than the run had"),
        (["none.json"], "holds no answer with evidence"),
    ],
)
def test_what_cannot_be_cut_is_one_sentence(
    clip: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    run = save_run(clip, Evidence(1.0, 2.0))
    hashed = open_video(clip).content_hash
    clip.with_name("other.json").write_text(run.read_text().replace(hashed, "0" * 32))
    save_run(clip).rename(clip.with_name("none.json"))
    save_run(clip, Evidence(1.0, 2.0))
    assert main(["clip", *arguments]) == EXIT_BAD_INPUT
    assert said in capsys.readouterr().err
    assert {path.suffix for path in clip.parent.iterdir()} == {".mp4", ".json"}
    assert len(list(clip.parent.glob("*.mp4"))) == 1


def test_a_gif_has_a_longest_length(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    long = write_colours(tmp_path / "long.mp4", ["red"] * int(MOST_GIF_SECONDS + 2), rate=1)
    assert main(["clip", str(long), "--from", "0", "--save", str(tmp_path / "long.gif")]) == EXIT_BAD_INPUT
    assert "a GIF may last 60 s" in capsys.readouterr().err
    assert not (tmp_path / "long.gif").exists()
