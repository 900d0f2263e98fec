"""`agent pull` against a hub on loopback: what is asked, fetched, checked and used, and each way in which it fails."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import hf_hub_download

from agent.cli.main import main
from agent.exit_codes import EXIT_BAD_INPUT
from agent.policies.default import MODELS, choose_default_policy
from agent.policies.hub.catalogue import find_entry, read_catalogue
from agent.policies.hub.consent import find_or_fetch
from agent.policies.hub.download import Hub
from agent.policies.hub.machine import Hardware, judge_fit, recommend_model
from agent.policy import DOWNLOAD, PolicyError
from tests.agent import fake_hub
from tests.agent.fake_hub import FakeHub, Trouble, hash_of
from tests.lock_holder import hold_in_stopped_process
from tests.tiny_models import build

NAME, ID = "qwen3-vl-2b", "Qwen/Qwen3-VL-2B-Instruct"
WEIGHTS = "model.safetensors"
GB = 10**9
BY_NAME = {entry.name: entry for entry in read_catalogue()}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder with nothing in it: no configuration, no models."""
    for variable in (DOWNLOAD, "VIDEOSLEUTH_POLICY", "VIDEOSLEUTH_ENCODER", "HF_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv(DOWNLOAD, "")  # what --yes sets is put back
    monkeypatch.setenv("VIDEOSLEUTH_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 30_000)  # in place of 10 MB
    return tmp_path


@pytest.fixture
def hub(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub with a model that only looks like one: pulling reads no weights."""
    model = home / "served"
    model.mkdir()
    (model / "config.json").write_text("{}", encoding="utf-8")
    (model / WEIGHTS).write_bytes(random.Random(0).randbytes(300_000))
    (model / "pytorch_model.bin").write_bytes(bytes(10))
    (model / "modeling.py").write_text("raise SystemExit", encoding="utf-8")
    with FakeHub({ID: model}) as server:
        name_endpoint(server.url, monkeypatch)
        yield server


def test_from_an_empty_cache_to_the_default_in_one_command(
    hub: FakeHub, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pull", NAME, "--yes"]) == 0
    snapshot = Hub().cache / f"models--{ID.replace('/', '--')}" / "snapshots"
    assert sorted(file.name for file in snapshot.rglob("*") if file.is_file()) == ["config.json", WEIGHTS]
    assert choose_default_policy().spec == f"transformers:{ID}"
    assert "300 kB (licence apache-2.0) from" in capsys.readouterr().err
    assert main(["policy", "auto"]) == 0
    assert choose_default_policy().spec == "lite"


def test_without_a_yes_the_size_is_named_and_nothing_is_fetched(
    hub: FakeHub, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pull", NAME]) == 2
    assert "300 kB (licence apache-2.0)" in capsys.readouterr().err
    with pytest.raises(ValueError, match=r"300 kB .* would be downloaded; --yes allows it, or VIDEOSLEUTH_DOWNLOAD"):
        find_or_fetch(ID, ask=lambda _: False)
    assert [path for _, path, _ in hub.requests] == [f"api/models/{ID}"] * 2
    assert find_or_fetch(ID, ask=lambda _: True).is_dir()
    assert main(["pull"]) == 2  # nothing named, nobody to ask
    assert not (home / "config.toml").exists()


def test_the_list_asks_nobody(hub: FakeHub, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pull", "--list"]) == 0
    assert not hub.requests
    shown = capsys.readouterr().out
    assert all(name in shown for name in BY_NAME)


def test_a_dropped_connection_is_taken_up_again_where_it_was(hub: FakeHub) -> None:
    hub.trouble.cut = {WEIGHTS: 120_000}
    assert main(["pull", NAME, "--yes"]) == 0
    assert ranges(hub) == ["", "bytes=120000-"]


def test_a_hub_that_dies_is_one_sentence_and_the_next_run_goes_on(
    hub: FakeHub, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.trouble = Trouble(cut={WEIGHTS: 120_000}, broken=True)
    assert main(["pull", NAME, "--yes"]) == 69
    assert sentence(capsys).startswith(
        f"agent: {ID} could not be fetched from {hub.url}: check its name and the network"
    )
    hub.trouble = Trouble()
    hub.requests.clear()
    assert main(["pull", NAME, "--yes"]) == 0
    assert ranges(hub) == ["bytes=120000-"]


def test_a_file_with_another_hash_is_removed(hub: FakeHub, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("config.json", WEIGHTS):
        hub.trouble = Trouble(changed=name)
        assert main(["pull", NAME, "--yes"]) == 69
        assert sentence(capsys).startswith(f"agent: {name} of {ID} is not the file that the hub lists")
        assert not list(Hub().cache.rglob(name))
        assert choose_default_policy().spec == "lite"


@pytest.mark.parametrize("name", ["COMMIT", "git_hash"])
def test_a_commit_or_hash_that_is_a_path_makes_no_file(
    name: str, hub: FakeHub, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = "../../../outside"
    monkeypatch.setattr(fake_hub, name, path if name == "COMMIT" else lambda _: path)
    assert main(["pull", NAME, "--yes"]) == 69
    assert "fetched" in sentence(capsys)
    assert not list(home.rglob("outside*"))


def test_a_file_that_was_damaged_here_is_fetched_again_and_a_good_one_is_not(hub: FakeHub) -> None:
    assert main(["pull", NAME, "--yes"]) == 0
    assert main(["pull", NAME, "--yes"]) == 0
    assert ranges(hub) == [""]
    stored = next(Hub().cache.rglob(WEIGHTS))
    stored.write_bytes(bytes(300_000))
    assert main(["pull", NAME, "--yes"]) == 0
    assert stored.read_bytes() == (hub.models[ID] / WEIGHTS).read_bytes()


def test_a_disk_that_is_too_small_is_said_before_the_download(hub: FakeHub, capsys: pytest.CaptureFixture[str]) -> None:
    hub.trouble = Trouble(listed={WEIGHTS: 10**18})
    assert main(["pull", NAME, "--yes"]) == 2
    assert f"{ID} takes 1000000000.0 GB more and" in sentence(capsys)
    assert not ranges(hub)


def test_a_disk_that_fills_up_is_one_sentence(hub: FakeHub, capsys: pytest.CaptureFixture[str]) -> None:
    blobs = Hub().cache / f"models--{ID.replace('/', '--')}" / "blobs"
    blobs.mkdir(parents=True)
    digest = hash_of((hub.models[ID] / WEIGHTS).read_bytes())
    (blobs / f"{digest}.part").symlink_to("/dev/full")
    assert main(["pull", NAME, "--yes"]) == 2
    assert sentence(capsys).startswith("agent: no space left in")


@pytest.mark.skipif(os.name == "nt", reason="needs SIGSTOP")
def test_a_file_that_a_stopped_process_fetches_is_waited_for_a_while(
    hub: FakeHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.cache.WRITER_PATIENCE_SECONDS", 0.5)
    blobs = Hub().cache / f"models--{ID.replace('/', '--')}" / "blobs"
    with hold_in_stopped_process(blobs / f"{hash_of((hub.models[ID] / WEIGHTS).read_bytes())}.lock") as pid:
        assert main(["pull", NAME, "--yes"]) == EXIT_BAD_INPUT
    said = capsys.readouterr().err
    assert "has given no sign of life for 0.5 s: let it go on or end it" in said
    assert said.rstrip().endswith("or set HF_HOME to a folder elsewhere")
    assert str(pid) in said or not Path("/proc/locks").exists()
    assert main(["pull", NAME, "--yes"]) == 0


@pytest.mark.skipif(os.name == "nt", reason="needs SIGSTOP")
def test_the_lock_of_another_client_of_the_hub_is_not_waited_for(hub: FakeHub) -> None:
    locks = Hub().cache / ".locks" / f"models--{ID.replace('/', '--')}"
    with hold_in_stopped_process(locks / f"{hash_of((hub.models[ID] / WEIGHTS).read_bytes())}.lock"):
        assert main(["pull", NAME, "--yes"]) == 0
    found = hf_hub_download(ID, WEIGHTS, cache_dir=Hub().cache, local_files_only=True)
    assert Path(found).read_bytes() == (hub.models[ID] / WEIGHTS).read_bytes()


def test_a_gated_model_is_one_sentence(hub: FakeHub, capsys: pytest.CaptureFixture[str]) -> None:
    hub.trouble = Trouble(gated=True)
    assert main(["pull", NAME, "--yes"]) == 69
    assert f"{ID} is gated: accept its terms at {hub.url}/{ID}" in sentence(capsys)


def test_no_network_is_one_sentence(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name_endpoint("http://127.0.0.1:9", monkeypatch)
    assert main(["pull", NAME, "--yes"]) == 69
    assert "check its name and the network" in sentence(capsys)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert main(["pull", NAME, "--yes"]) == 69
    assert "HF_HUB_OFFLINE forbids it" in sentence(capsys)


def test_names_that_are_none_are_one_sentence(hub: FakeHub, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pull", "qwen"]) == 2
    assert "there is nothing called qwen to pull: known are smolvlm2-500m" in sentence(capsys)
    assert main(["pull", "Org/None", "--yes"]) == 69
    assert f"there is no model Org/None at {hub.url}" in sentence(capsys)
    hub.models["Org/Empty"] = hub.models[ID].parent / "empty"
    hub.models["Org/Empty"].mkdir()
    with pytest.raises(PolicyError, match="no weights that could be used"):
        Hub().look_up("Org/Empty")


def test_the_pulled_model_answers_and_nothing_is_asked_of_the_hub_again(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = build("qwen3_vl", home / "tiny")
    with FakeHub({ID: model}) as server:
        name_endpoint(server.url, monkeypatch)
        assert main(["pull", NAME, "--yes"]) == 0
    status = main(["ask", "agent/demo/clip.mp4", "What is shown?", "--max-turns", "1", "--max-reply-tokens", "4"])
    shown = capsys.readouterr()
    assert f"policy transformers:{ID}: {home / 'config.toml'} names it" in shown.err
    assert status in (0, 1, 3)  # random weights: a reply was made, whatever it says


def test_what_fits_is_recommended_and_what_does_not_is_said_with_its_need() -> None:
    large, small, none = (
        Hardware(10**12, 64 * GB, 80 * GB),
        Hardware(10**12, 64 * GB, 8 * GB),
        Hardware(10**12, 16 * GB),
    )
    assert name_of(recommend_model(large, False)) == "Qwen/Qwen3-VL-8B-Instruct"  # 32B would be 67 GB to download
    # 2B as it is needs 4.3 + 3.8 + 2 GB; in 8 bits 1.4 GB less, and 4B in 4 bits 8.9 + 4.8 + 2 - 5.2 = 10.5 GB
    assert name_of(recommend_model(small, True)) == "Qwen/Qwen3-VL-2B-Instruct"
    assert judge_fit(BY_ID["Qwen/Qwen3-VL-2B-Instruct"], Hardware(10**12, 64 * GB, 9 * GB)).bits == 8
    assert judge_fit(BY_ID["Qwen/Qwen3-VL-2B-Instruct"], small).bits == 4
    assert not judge_fit(BY_ID["Qwen/Qwen3-VL-4B-Instruct"], small).runs
    assert name_of(recommend_model(small, False)) == "HuggingFaceTB/SmolVLM2-500M-Video-Instruct"
    assert name_of(recommend_model(none, False)) == "HuggingFaceTB/SmolVLM2-500M-Video-Instruct"  # 2B: 18 GB in float32
    assert recommend_model(Hardware(10**12, 2 * GB), False) is None
    assert judge_fit(BY_ID["Qwen/Qwen3-VL-8B-Instruct"], none).how == "no: needs 46.7 GB of memory"


def test_what_is_pulled_becomes_the_default_of_its_kind() -> None:
    assert BY_NAME["qwen3-vl-8b"].make_default(4) == "transformers:Qwen/Qwen3-VL-8B-Instruct@4bit"
    assert BY_NAME["siglip2"].make_default() == "open_clip:ViT-B-16-SigLIP2-256@webli"
    assert BY_NAME["whisper-small"].make_default() == "Systran/faster-whisper-small"
    assert find_entry("Org/Model").make_default() == "transformers:Org/Model"
    assert all(entry.model is not None for entry in read_catalogue() if entry.kind == "policy")


def name_endpoint(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What HF_ENDPOINT does in a new process."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", url)
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)


BY_ID = {model.id: model for model in MODELS}


def name_of(model: object) -> str:
    return str(getattr(model, "id", None))


def ranges(hub: FakeHub) -> list[str]:
    """The ranges of the weights that were asked for, empty for the whole of them."""
    return [wanted for method, path, wanted in hub.requests if method == "GET" and path.endswith(WEIGHTS)]


def sentence(capsys: pytest.CaptureFixture[str]) -> str:
    """The last line on stderr."""
    return capsys.readouterr().err.strip().splitlines()[-1]
