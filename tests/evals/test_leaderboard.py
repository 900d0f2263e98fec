"""The leaderboard and the public predictions: who stands where, beside which controls, and what others can check."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from agent.trajectory import Usage
from evals.datasets.registry import open_set
from evals.leaderboard import main, rank_entries
from evals.predictions import ABOUT, PREDICTIONS, read_predictions, score_predictions, write_predictions
from evals.predictions import main as predictions
from evals.report.__main__ import load_runs
from evals.run import RunConfig
from evals.run import main as run
from evals.runner.manifest import read_manifest, write_manifest
from evals.runner.weights import hash_weights
from tests.evals.report.stored import PASSED, RIGHT, WRONG, asked_by, played, write_run
from tests.evals.sets_drawn import row, write_script, write_set

VIDEOS = [f"v{number}.mp4" for number in range(8)]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """A good run, one that is like it but for one answer, a bad one, and the good one's blind run."""
    folder = tmp_path_factory.mktemp("board")
    data = write_set(folder / "data", [row(video) for video in VIDEOS])
    questions = open_set("clips", str(data))
    paid = Usage(2.0, 900, 100, cost_usd=0.01)

    def write(name: str, right: int, policy: str, control: str | None = None) -> Path:
        answers = [RIGHT] * right + [WRONG] * (len(VIDEOS) - right)
        rows = [played(q, a, usage=paid) for q, a in zip(asked_by(questions, control), answers, strict=True)]
        return write_run(folder / name, questions, data, rows, control=control, policy=policy)

    return (
        write("bad", 1, "http:bad@u"),
        write("good", 8, "http:good@u"),
        write("near", 7, "http:near@u"),
        write("blind", 2, "http:good@u", "blind"),
    )


def cells(page: str, beginning: str) -> list[str]:
    (line,) = [line for line in page.splitlines() if line.startswith(f"| {beginning}") and "http" in line][:1]
    return [cell.strip() for cell in line.strip("|").split("|")]


def squeeze(page: str) -> str:
    """Without the spaces that make columns."""
    return " ".join(page.split())


def test_entries_are_ordered_and_those_that_can_not_be_told_apart_share_a_rank(folders: tuple[Path, ...]) -> None:
    runs = load_runs(folders[:3])
    assert rank_entries(runs) == {1: 3, 2: 1, 3: 1}


def test_the_board_has_intervals_controls_costs_commands_and_hashes(folders: tuple[Path, ...], tmp_path: Path) -> None:
    page = main(folders, tmp_path / "board.html", "python -m evals.leaderboard RUN")
    order = [line.split("|")[1].split(":")[0].strip() for line in page.splitlines() if line.startswith("| ")]
    assert order[1:4] == ["2 good", "3 near", "1 bad"]
    good, near = cells(page, "2 good"), cells(page, "3 near")
    assert good[1] == near[1] == "1"
    assert good[3].startswith("100.0 % [")
    assert good[4] == "–"
    assert near[4].startswith("-12.5")
    assert good[5].startswith("25.0 %")
    assert good[6].startswith("+75.0 [")
    assert good[-2:] == ["0.5", "50"], "two turns of 1,000 tokens and of a cent"
    assert near[5:7] == ["–", "–"], "the blind run is another policy's"
    html = (tmp_path / "board.html").read_text(encoding="utf-8")
    assert "<h1" in html
    assert "<script" not in html
    assert "python -m evals.leaderboard RUN" in html
    assert sorted(path.name for path in (tmp_path / "board_predictions").iterdir()) == ["1", "2", "3"]
    about, _ = read_predictions(tmp_path / "board_predictions" / "2")
    assert about.predictions[:12] in page


def test_a_board_needs_a_run_without_a_control(folders: tuple[Path, ...], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="every run is under a control"):
        main(folders[3:], tmp_path / "board.html")


def test_predictions_are_scored_by_whoever_has_the_set(tmp_path: Path) -> None:
    data = write_set(tmp_path / "data", [row(), row(options=[], question="Which colour is second?")])
    policy = write_script(tmp_path / "script.json", RIGHT)
    run(RunConfig("clips", str(data), tmp_path / "run", policy, control="shuffled-options", encoder="hashing"))
    main_run = RunConfig("clips", str(data), tmp_path / "plain", policy, encoder="hashing")
    run(main_run)
    about = write_predictions(tmp_path / "plain", tmp_path / "out")
    assert (about.policy, about.benchmark, about.control) == (policy, "clips", None)
    kept, found = read_predictions(tmp_path / "out")
    assert kept == about
    assert [(one.text, one.option, one.evidence) for one in found] == [("green", 1, ((2.0, 4.0),))] * 2
    assert "| strict | 2 | 100.0 % |" in squeeze(score_predictions(tmp_path / "out", str(data)))
    write_predictions(tmp_path / "run", tmp_path / "turned")
    _, turned = read_predictions(tmp_path / "turned")
    assert [one.option for one in turned] == [2, 0], "counted as in the set, whatever order was asked"
    page = predictions(["score", str(tmp_path / "turned"), "--data", str(data)])
    assert "| strict | 1 | 0.0 % |" in squeeze(page)


def test_changed_predictions_and_other_questions_are_refused(folders: tuple[Path, ...], tmp_path: Path) -> None:
    write_predictions(folders[0], tmp_path / "out")
    other = write_set(tmp_path / "other", [row(question="Which colour is first?")])
    with pytest.raises(ValueError, match=r"are not those that .* answers"):
        score_predictions(tmp_path / "out", str(other))
    file = tmp_path / "out" / PREDICTIONS
    file.write_text(file.read_text().replace('"option":0', '"option":1'))
    with pytest.raises(ValueError, match=r"is not the file that about\.json describes"):
        read_predictions(tmp_path / "out")
    (tmp_path / "out" / ABOUT).unlink()
    with pytest.raises(ValueError, match="holds no predictions"):
        read_predictions(tmp_path / "out")


def test_no_answer_and_an_abstention_are_told_apart_in_predictions(tmp_path: Path) -> None:
    data = write_set(tmp_path / "data", [row(), row(), row(answer=None)])
    questions = open_set("clips", str(data))
    rows = [played(q, a) for q, a in zip(asked_by(questions), (None, RIGHT, PASSED), strict=True)]
    write_predictions(write_run(tmp_path / "run", questions, data, rows), tmp_path / "out")
    lines = [json.loads(line) for line in (tmp_path / "out" / PREDICTIONS).read_text().splitlines()]
    assert [(line["question"], line["not_shown"]) for line in lines] == [("drawn.mp4#2", False), ("drawn.mp4#3", True)]
    assert "| strict | 2 | 100.0 % |" in squeeze(score_predictions(tmp_path / "out", str(data)))


def test_weights_are_hashed_by_name_and_a_blob_by_its_own(tmp_path: Path) -> None:
    model, adapter = tmp_path / "model", tmp_path / "adapter"
    model.mkdir()
    adapter.mkdir()
    (model / "model.safetensors").write_bytes(b"abc")
    (model / "config.json").write_bytes(b"{}")
    (tmp_path / ("0" * 64)).write_bytes(b"")
    (adapter / "adapter_model.safetensors").symlink_to(tmp_path / ("0" * 64))
    found = hash_weights(f"transformers:{model}", str(adapter))
    assert found == {
        "model.safetensors": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "adapter/adapter_model.safetensors": "0" * 64,
    }
    assert hash_weights("lite") == hash_weights("http:m@u") == {}


def test_the_manifest_keeps_the_weights(folders: tuple[Path, ...], tmp_path: Path) -> None:
    manifest = read_manifest(folders[0])
    assert manifest is not None
    write_manifest(tmp_path, replace(manifest, weights={"model.safetensors": "0" * 64}))
    kept = read_manifest(tmp_path)
    assert kept is not None
    assert kept.weights == {"model.safetensors": "0" * 64}
