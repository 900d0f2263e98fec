"""The user's defaults: a line each in a file whose other lines stay as they are."""

from pathlib import Path

import pytest

from tools.encoders.registry import describe_encoders, open_encoder
from tools.runtime.user_config import read_default, write_default
from tools.speech.recognition import open_recogniser


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "new" / "config.toml"
    monkeypatch.setenv("VIDEOSLEUTH_CONFIG", str(path))
    monkeypatch.delenv("VIDEOSLEUTH_ENCODER", raising=False)
    return path


def test_a_default_comes_back_and_goes(file: Path) -> None:
    assert read_default("policy") == ""
    write_default("policy", 'scripted:a "b" ü.json')
    write_default("encoder", "packaged")
    assert (read_default("policy"), read_default("encoder")) == ('scripted:a "b" ü.json', "packaged")
    write_default("policy", "lite")
    write_default("encoder", "")
    assert file.read_text(encoding="utf-8") == 'policy = "lite"\n'


def test_other_lines_and_tables_stay(file: Path) -> None:
    file.parent.mkdir()
    file.write_text('# mine\nencoder = "packaged" # small\n\n[serve]\nport = 1\npolicy = "lite"\n', encoding="utf-8")
    write_default("policy", "http:m@ollama")
    write_default("encoder", "hashing")
    assert file.read_text(encoding="utf-8") == (
        'policy = "http:m@ollama"\n# mine\nencoder = "hashing"\n\n[serve]\nport = 1\npolicy = "lite"\n'
    )


@pytest.mark.parametrize("text", ["policy = 3", "polcy = 'lite'", "[serve", "serve = 1", "[policy]\na = 1"])
def test_a_file_that_is_none_is_refused_and_not_written_over(file: Path, text: str) -> None:
    file.parent.mkdir()
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"config\.toml"):
        read_default("policy")
    with pytest.raises(ValueError, match=r"config\.toml"):
        write_default("policy", "lite")
    assert file.read_text(encoding="utf-8") == text


def test_a_key_written_over_several_lines_is_left_alone(file: Path) -> None:
    file.parent.mkdir()
    file.write_text('policy = """\nlite"""\n', encoding="utf-8")
    with pytest.raises(ValueError, match="set policy in it yourself"):
        write_default("policy", "http:m@ollama")


def test_auto_opens_the_encoder_that_is_the_default(file: Path) -> None:
    write_default("encoder", "hashing")
    assert open_encoder("auto").name == open_encoder("hashing").name
    assert (describe_encoders()[0].spec, describe_encoders()[0].is_auto) == ("hashing", True)
    write_default("encoder", "auto")
    with pytest.raises(ValueError, match=r"config\.toml says what auto means"):
        open_encoder("auto")


@pytest.mark.weights
def test_a_speech_model_that_is_gone_is_said_with_the_way_back(file: Path) -> None:
    write_default("whisper", "Systran/faster-whisper-none")
    with pytest.raises(ValueError, match="`agent pull Systran/faster-whisper-none` fetches it"):
        open_recogniser()
