"""A training file for each published recipe, with its values and what differs."""

from pathlib import Path

import pytest

from rl.data.references import Need
from rl.grpo.config import read_training
from rl.preset import main
from rl.rewards.groups import check_needs
from rl.rewards.preset import list_presets, load_preset


@pytest.mark.parametrize("name", list_presets())
def test_each_preset_gives_a_file_that_can_be_trained(name: str, tmp_path: Path) -> None:
    main(name, tmp_path / "t.toml", lambda _: None)
    wanted, preset = read_training(tmp_path / "t.toml"), load_preset(name)
    given: set[Need] = {"spans", "boxes"}
    given |= {"judge"} if wanted.judge is not None else set()
    given |= {"second look"} if wanted.play.verify else set()
    check_needs(preset, given)
    published = preset.recipe.published
    assert wanted.generations == (published.generations if (published.generations or 1) > 1 else 8)
    assert wanted.update.kl == (published.kl or 0.0)
    assert wanted.update.learning_rate == (published.learning_rate or 1e-6)


def test_what_the_file_can_not_say_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    text = main("timesearch-r", tmp_path / "t.toml", said.append)
    assert (tmp_path / "t.toml").read_text() == text
    wanted = read_training(tmp_path / "t.toml")
    # as rl/presets/timesearch-r.toml has them
    assert (wanted.update.kl, wanted.play.max_turns, wanted.play.max_reply_tokens) == (0.005, 8, 256)
    assert wanted.play.verify
    assert any("for 2.0 epochs" in note for note in said)
    assert any("a turn saw 8 frames" in note for note in said)
    [ours] = [note for note in said if "defaults of this project" in note]
    assert "update.learning_rate" in ours
    assert "update.kl" not in ours
    with pytest.raises(ValueError, match="is there already"):
        main("timesearch-r", tmp_path / "t.toml")


def test_a_name_that_is_none_is_told() -> None:
    with pytest.raises(ValueError, match="no preset 'timesearch': known are"):
        main("timesearch")
