"""Where a training goes on, and with which options."""

import json
from pathlib import Path

import pytest

from rl.checkpoints import check_same, last_checkpoint
from rl.grpo.config import Training
from rl.train import FREE


def checkpoint(out: Path, name: str, state: str | None) -> Path:
    folder = out / name
    folder.mkdir(parents=True)
    if state is not None:
        (folder / "trainer_state.json").write_text(state)
    return folder


def test_a_checkpoint_that_was_half_written_is_passed_over(tmp_path: Path) -> None:
    assert last_checkpoint(tmp_path) is None
    whole = checkpoint(tmp_path, "checkpoint-2", '{"global_step": 2}')
    checkpoint(tmp_path, "checkpoint-10", None)
    checkpoint(tmp_path, "checkpoint-11", '{"global_st')
    checkpoint(tmp_path, "checkpoint-best", '{"global_step": 1}')
    (tmp_path / "checkpoint-12").write_text("a file")
    assert last_checkpoint(tmp_path) == whole


@pytest.mark.parametrize(
    "changed",
    [
        {"rows_at_once": 8, "save_every": 7, "keep": None, "keep_runs": True},
        {"play": {"concurrency": 1}, "update": {"gradient_checkpointing": True}},
        {"alarms": {"steps": 4}},
    ],
)
def test_a_training_goes_on_with_what_only_changes_its_time_and_memory(
    changed: dict[str, object], tmp_path: Path
) -> None:
    check_same(tmp_path / "t.json", terms(), FREE)
    check_same(tmp_path / "t.json", terms(**changed), FREE)


def test_another_training_is_refused_by_the_name_of_what_differs(tmp_path: Path) -> None:
    check_same(tmp_path / "t.json", terms(), FREE)
    with pytest.raises(ValueError, match=r"there update.learning_rate is 1e-06, and now 0.01"):
        check_same(tmp_path / "t.json", terms(update={"learning_rate": 0.01}), FREE)
    with pytest.raises(ValueError, match=r"there lora.rank is None, and now 4"):
        check_same(tmp_path / "t.json", terms(lora={"rank": 4}), FREE)
    assert json.loads((tmp_path / "t.json").read_text())["lora"] is None, "the record stays"


def test_every_free_key_is_one_of_the_file() -> None:
    for key in FREE:
        table, _, inner = key.rpartition(".")
        fields = Training.model_fields if not table else dict(_tables())[table]
        assert inner in fields


def _tables() -> list[tuple[str, dict[str, object]]]:
    told = Training.model_validate({"model": "m", "out": "o", "judge": {"policy": "lite"}, "lora": {}})
    tables = ("play", "update", "sampling", "lora", "engine", "judge")
    return [(name, dict(type(getattr(told, name)).model_fields)) for name in tables]


def terms(**changed: object) -> str:
    return Training.model_validate({"model": "m", "out": "o"} | changed).model_dump_json(exclude={"steps", "out"})
