"""A preset file is checked whole, its components stay apart, and what was not measured is no low reward."""

import subprocess
import sys
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from agent.trajectory import Stop, from_json, to_json
from rl.attacks import Believer
from rl.rewards.aids import Aids
from rl.rewards.catalogue import REWARDS, STEP_REWARDS, get_reward, get_step_reward
from rl.rewards.preset import list_presets, load_preset
from tests.rl.cases import OPEN, RIGHT, UNPLACED, WRONG, broken, run

HEAD = 'paper = "x"\nformula_from = "ours"\n'
TERM = '[[terms]]\nname = "answer"\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("stop", [Stop.CRASHED, Stop.POLICY_FAILED, Stop.INTERRUPTED, None])
@pytest.mark.parametrize("name", sorted([*REWARDS, *STEP_REWARDS]))
def test_no_reward_counts_a_run_that_broke_off(name: str, stop: Stop | None) -> None:
    assert get_reward(name, aids=Aids(judge=Believer()))(OPEN, broken(stop)) is None


@pytest.mark.parametrize("name", list_presets())
def test_no_preset_counts_a_run_that_broke_off(name: str) -> None:
    preset = load_preset(name, Aids(judge=Believer()))
    found = preset.group(OPEN, (run(*RIGHT, second="Paris"), broken(Stop.CRASHED)), (run(*WRONG),))
    assert found.totals_G[0] is not None
    assert found.totals_G[1] is None
    assert set(found.components_G[1].values()) == {None}


@pytest.mark.parametrize("name", list_presets())
def test_every_preset_says_where_it_is_from(name: str) -> None:
    text = files("rl").joinpath("presets", f"{name}.toml").read_text(encoding="utf-8")
    assert text.startswith(f"# See what it pays:  python -m rl.attacks {name}\n")
    assert load_preset(name).recipe.paper


@pytest.mark.parametrize("name", list_presets())
def test_a_saved_run_is_worth_the_same(name: str) -> None:
    preset, trajectory = load_preset(name), run(*RIGHT, second="Paris")
    assert preset.reward(OPEN, from_json(to_json(trajectory))) == preset.reward(OPEN, trajectory)


def test_components_are_kept_apart() -> None:
    assert load_preset("videozoomer").reward(OPEN, run(*RIGHT)) == {"answer": 1.0, "format": 1.0}


def test_what_has_no_reference_is_left_out_and_not_zero() -> None:
    found = load_preset("longvt").group(UNPLACED, (run(*RIGHT, example=UNPLACED),))
    assert found.components_G[0]["window"] is None
    assert found.totals_G == (2.0,)


def test_a_component_that_can_not_be_measured_takes_the_total_with_it() -> None:
    found = load_preset("timesearch-r").group(OPEN, (run(*RIGHT),))
    assert found.components_G[0] == {"format": 1.0, "answer": 1.0, "from_evidence": None}
    assert found.totals_G == (None,)


def test_a_policy_that_writes_nothing_has_no_format() -> None:
    steps = run(*RIGHT).steps
    silent = replace(run(*RIGHT), steps=tuple(replace(s, turn=replace(s.turn, reply=None)) for s in steps))
    assert load_preset("videozoomer").reward(OPEN, silent) == {"answer": 1.0, "format": None}


def test_turns_have_rewards_of_their_own() -> None:
    steps = load_preset("video-mtr").steps(OPEN, run(*RIGHT))
    assert steps == {"format": (0.1, 0.1), "retrieval": (0.5, 0.0)}
    gated = load_preset("video-mtr").steps(OPEN, run(RIGHT[0], WRONG[1]))
    assert gated == {"format": (0.1, 0.1), "retrieval": (0.0, 0.0)}
    assert get_step_reward("step_format")(OPEN, broken(Stop.CRASHED)) == ()


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    preset = load_preset(written(tmp_path, HEAD + TERM + "weight = 2.0\n"))
    assert preset.name == "mine"
    assert preset.group(OPEN, (run(*RIGHT),)).totals_G == (2.0,)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            HEAD + TERM + "wieght = 1",
            "terms.0.wieght: no such key; did you mean weight?; known are name, reward, weight",
        ),
        (HEAD + TERM + "[total]\nrules = 1", "total.rules: no such key; did you mean rule"),
        (HEAD + 'colour = "red"\n' + TERM, "colour: no such key; known are paper"),
        (HEAD, "terms: Field required"),
        (HEAD + '[[terms]]\nname = "smell"', "no reward 'smell': known are answer,"),
        (HEAD + TERM + "settings = { taste = 1 }", "answer has no setting 'taste': known are none"),
        (
            HEAD + '[[terms]]\nname = "number"\nsettings = { decimals = "two" }',
            "number, decimals: Input should be a valid integer, got 'two'",
        ),
        (HEAD + '[[terms]]\nname = "answer_or_judge"\nsettings = { aids = 1 }', "has no setting 'aids'"),
        (HEAD + TERM + "when = { format = 0.5 }", "answer waits for 'format', which is no component before it"),
        (HEAD + TERM + TERM, "two components are named 'answer'"),
        (HEAD + TERM + '[total]\nrule = "signed"', "the total \"signed\" needs a component 'format'"),
        (HEAD + TERM + '[[group_terms]]\nname = "c"\nreward = "curiosity"\nof = ["uses"]', "c reads 'uses'"),
        (HEAD + TERM + '[[group_terms]]\nname = "c"\nreward = "curiosity"\nof = []', "curiosity reads 1 components"),
        (
            HEAD + TERM + '[[group_terms]]\nname = "c"\nreward = "curiosity"\nof = ["answer"]\nsettings = { goal = 1 }',
            "curiosity has no setting 'goal': known are scale, target",
        ),
        (HEAD + TERM + "weight = nan", "terms.0.weight: Input should be a finite number"),
        ("paper = ", "not TOML"),
    ],
)
def test_what_a_file_must_not_say(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"mine\.toml: ") as caught:
        load_preset(written(tmp_path, text))
    assert said in str(caught.value)


def test_an_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no preset 'grpo': known are conan, .*; or give a \.toml file"):
        load_preset("grpo")


def test_rewards_need_no_torch() -> None:
    code = "import sys, rl.rewards.preset, rl.attacks; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_reward_of_ones_own_is_a_function_of_a_file_with_settings(tmp_path: Path) -> None:
    own = tmp_path / "mine.py"
    own.write_text(
        "from agent.trajectory import Trajectory\nfrom evals.example import Example\n"
        "def short(example: Example, trajectory: Trajectory, *, most: int = 5) -> float | None:\n"
        "    return float(trajectory.answer is not None and len(trajectory.answer.text) <= most)\n"
    )
    told = HEAD + TERM + f'[[terms]]\nname = "short"\nreward = "{own}:short"\n'
    assert load_preset(written(tmp_path, told)).reward(OPEN, run(*WRONG)) == {"answer": 0.0, "short": 0.0}
    long = load_preset(written(tmp_path, told + "settings = { most = 6 }"))
    assert long.reward(OPEN, run(*WRONG)) == {"answer": 0.0, "short": 1.0}
    assert long.reward(OPEN, broken(Stop.CRASHED)) == {"answer": None, "short": None}
    for reward, why in (
        (f"{own}:long", "has no function 'long'"),
        (f"{tmp_path}/none.py:short", "there is no Python file"),
    ):
        with pytest.raises(ValueError, match=why):
            load_preset(written(tmp_path, HEAD + f'[[terms]]\nname = "short"\nreward = "{reward}"'))
    with pytest.raises(ValueError, match="short has no setting 'least': known are most"):
        load_preset(written(tmp_path, told + "settings = { least = 6 }"))
    own.write_text("1 / 0")
    with pytest.raises(ValueError, match="can't be run: ZeroDivisionError"):
        load_preset(written(tmp_path, told))
