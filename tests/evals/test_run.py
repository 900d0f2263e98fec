"""A run from its files to its tables, through the same graph as `agent ask`."""

import json
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from agent.limits import QuestionBudget
from agent.policy import PolicyError, PolicyOptions, ToolAccess
from agent.trajectory import Answer, Limits, Setup, Stop, Trajectory, Turn
from evals.run import RunConfig, main
from evals.runner.manifest import read_manifest
from evals.runner.patience import PATIENCE
from evals.runner.run_file import TRAJECTORIES, read_stored
from tests.evals.sets_drawn import row, write_script, write_set


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunConfig:
    """Three questions of two clips, and a policy that always takes the second option."""
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "cache"))
    rows = [row(), row(question="Which is third?", answer="blue"), row("other.mp4", needs=["colour", "exact_moment"])]
    data = write_set(tmp_path / "data", rows)
    policy = write_script(tmp_path / "script.json")
    return RunConfig("clips", str(data), tmp_path / "run", policy, encoder="hashing")


def ids(config: RunConfig) -> list[str]:
    path = config.out / TRAJECTORIES
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [json.loads(line)["question"]["id"] for line in lines]


def numbers(page: str) -> dict[str, float]:
    """The table with one profile."""
    rows = [[cell.strip() for cell in line.split("|")] for line in page.splitlines() if line.startswith("| acc")]
    return {cells[1]: float(cells[2]) for cells in rows}


def test_a_run_keeps_every_trajectory_and_prints_its_numbers(config: RunConfig) -> None:
    page = main(config, "python -m evals.run clips")
    assert page.startswith("    python -m evals.run clips\n")
    assert "3 questions. 3 answered." in page
    assert numbers(page) == {"accuracy": 66.7, "accuracy need=colour": 66.7, "accuracy need=exact_moment": 100.0}
    assert sorted(ids(config)) == ["drawn.mp4#1", "drawn.mp4#2", "other.mp4#1"]
    assert all(t.frames_seen for t in read_stored(config.out))  # the frame list of a question is in its row


def test_a_second_run_asks_nothing_again_and_needs_no_video(config: RunConfig) -> None:
    first = main(config)
    for video in Path(config.data).glob("*.mp4"):
        video.unlink()
    said: list[str] = []
    assert main(config, say=said.append) == first
    assert said == []


def test_a_missing_video_is_said_before_anything_is_run(config: RunConfig) -> None:
    (Path(config.data) / "drawn.mp4").unlink()
    said: list[str] = []
    with pytest.raises(ValueError, match=r"2 questions can't be played: no video at .*; --force plays the rest"):
        main(config, say=said.append)
    assert "(2 questions)" in said[0]
    assert ids(config) == []


def test_with_force_the_rest_is_played_and_the_manifest_says_what_was_left_out(config: RunConfig) -> None:
    (Path(config.data) / "drawn.mp4").unlink()
    main(replace(config, force=True))
    assert ids(config) == ["other.mp4#1"]
    manifest = read_manifest(config.out)
    assert manifest is not None
    assert set(manifest.left_out) == {"drawn.mp4#1", "drawn.mp4#2"}
    assert manifest.asked == 1


def test_a_file_that_is_no_video_is_known_before(config: RunConfig) -> None:
    (Path(config.data) / "other.mp4").write_text("no video", encoding="utf-8")
    with pytest.raises(ValueError, match=r"1 questions can't be played: .*other"):
        main(config)


def test_blind_never_opens_the_video_of_a_question(config: RunConfig) -> None:
    for video in Path(config.data).glob("*.mp4"):
        video.unlink()
    page = main(replace(config, control="blind"))
    assert "under the control `blind`: 3 questions. 3 answered." in page
    assert {t.question.video for t in read_stored(config.out)} == {"(no video)"}


def test_options_in_other_orders_are_counted_as_in_the_set(config: RunConfig) -> None:
    page = main(replace(config, control="shuffled-options"))
    assert len(ids(config)) == 6  # two other orders of three options
    assert "3 of 3 questions are answered otherwise in another order." in page  # it always takes the second place
    assert numbers(page)["accuracy"] == 16.7  # of red-green-blue's two turns green never, blue once comes second


def test_the_top_frame_is_a_policy_of_its_own(config: RunConfig) -> None:
    main(replace(config, policy="top-1 frame"))
    assert {t.policy for t in read_stored(config.out)} == {"top-1 frame"}


def test_another_run_is_not_mixed_into_the_folder(config: RunConfig) -> None:
    main(config)
    for change, name in (
        ({"limits": Limits(max_turns=3)}, "limits"),
        ({"control": "blind"}, "control"),
        ({"options": PolicyOptions(seed=1)}, "options"),
        ({"policy": "lite"}, "policy"),
        ({"strategy": "uncertain"}, "strategy"),
        ({"strategy": "reflect"}, "prompt"),
        ({"vote": "confidence"}, "vote"),
        ({"budget": QuestionBudget(effort="low")}, "effort"),
    ):
        with pytest.raises(ValueError, match=rf"holds another run: its {name} is .*; choose another --out"):
            main(replace(config, **change))
    with (Path(config.data) / "questions.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(row(question="Which is first?", answer="red")) + "\n")
    with pytest.raises(ValueError, match="its questions is"):
        main(config)


def test_a_larger_limit_goes_on_from_a_smaller_one(config: RunConfig) -> None:
    main(replace(config, limit=1))
    first = ids(config)
    main(replace(config, limit=2))
    assert len(first) == 1
    assert ids(config)[:1] == first
    assert len(set(ids(config))) == len(ids(config)) == 2


def test_other_seeds_draw_other_questions(config: RunConfig) -> None:
    drawn = set()
    for seed in range(8):
        out = config.out / str(seed)
        main(replace(config, limit=1, out=out, options=PolicyOptions(seed=seed, concurrency=1)))
        drawn.add(ids(replace(config, out=out))[0])
    assert len(drawn) > 1


class Meeting:
    """A policy that answers only when so many questions are asked at the same time."""

    spec = "meeting"
    setup = None

    def __init__(self, count: int) -> None:
        self._all_here = threading.Barrier(count, timeout=60)

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        self._all_here.wait()
        return Turn("", Answer("green", 1))


def test_so_many_questions_are_played_at_once_with_one_toolbox_a_video(config: RunConfig) -> None:
    said: list[str] = []
    main(replace(config, options=PolicyOptions(concurrency=3)), say=said.append, policy=Meeting(3))
    assert all(played.stop is Stop.ANSWERED for played in read_stored(config.out))
    assert sorted(line for line in said if line.startswith("opening")) == ["opening drawn.mp4", "opening other.mp4"]


class Moody:
    """A policy that fails, crashes or answers, by the words of the question."""

    spec = "moody"
    setup = None

    def __init__(self, mood: str) -> None:
        self.mood = mood
        self.asked: list[str] = []

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        self.asked.append(trajectory.question.id)
        if "third" in trajectory.question.text and self.mood == "gone":
            raise PolicyError("no server at http://localhost:1")
        if "third" in trajectory.question.text and self.mood == "broken":
            raise ZeroDivisionError("a bug")
        return Turn("", Answer("green", 1))


@pytest.mark.parametrize(("mood", "end"), [("gone", "1 policy failed"), ("broken", "1 crashed")])
def test_what_fails_has_a_row_and_only_that_is_played_again(config: RunConfig, mood: str, end: str) -> None:
    policy = Moody(mood)
    page = main(replace(config, policy="moody"), policy=policy)
    assert f"2 answered, {end}." in page
    assert numbers(page)["accuracy"] == 100.0  # not scored, so not wrong
    policy.asked.clear()
    policy.mood = "well"
    main(replace(config, policy="moody"), policy=policy)
    assert policy.asked == []
    page = main(replace(config, policy="moody", retry_failed=True), policy=policy)
    assert policy.asked == ["drawn.mp4#2"]
    assert "3 questions. 3 answered." in page


def test_a_video_that_breaks_when_it_is_opened_is_a_crashed_row(config: RunConfig) -> None:
    whole = (Path(config.data) / "other.mp4").read_bytes()
    start, stop = whole.index(b"mdat") + 4, whole.index(b"moov")  # the header still promises a video
    (Path(config.data) / "other.mp4").write_bytes(whole[:start] + bytes(stop - start) + whole[stop:])
    page = main(config)
    assert "2 answered, 1 crashed." in page
    (crashed,) = [t for t in read_stored(config.out) if t.stop is Stop.CRASHED]
    assert "VideoError" in crashed.error
    assert crashed.facts.content_hash == ""


def test_a_policy_that_fails_again_and_again_ends_the_run(config: RunConfig, tmp_path: Path) -> None:
    rows = [row(question=f"Which is third, {number}?") for number in range(PATIENCE + 3)]
    data = write_set(tmp_path / "many", rows)
    with pytest.raises(PolicyError, match=f"failed {PATIENCE} times in a row, at last: no server"):
        main(replace(config, data=str(data), policy="moody"), policy=Moody("gone"))
    assert len(ids(config)) == PATIENCE
    manifest = read_manifest(config.out)
    assert manifest is not None
    assert manifest.sessions[-1].ended is not None


def test_a_policy_that_fails_for_all_questions_of_a_small_run_ends_it_the_same_way(config: RunConfig) -> None:
    rows = [row(question=f"Which is third, {number}?") for number in range(2)]
    data = write_set(config.out.parent / "few", rows)
    with pytest.raises(PolicyError, match="failed 2 times in a row, at last: no server"):
        main(replace(config, data=str(data), policy="moody"), policy=Moody("gone"))


class Seeded:
    """A model that says which run it is."""

    spec = "seeded"
    setup = Setup("text", 0.7, 1.0, 0, 64, 1280 * 720, None, "hash")

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        return Turn("", Answer("green" if trajectory.sample % 2 else "red", trajectory.sample % 2))


def test_several_runs_have_seeds_of_their_own_and_their_mean_is_reported(config: RunConfig) -> None:
    warm = replace(config, policy="seeded", options=PolicyOptions(temperature=0.7, concurrency=1))
    page = main(replace(warm, runs=2), policy=Seeded())
    assert sorted(t.sample for t in read_stored(config.out)) == [0, 0, 0, 1, 1, 1]
    assert "3 questions, 2 runs of each. 6 answered." in page
    assert numbers(page)["accuracy"] == 33.3  # the mean of 0 and of 2 in 3
    main(replace(warm, runs=3), policy=Seeded())  # one more, and only that
    assert len(ids(config)) == 9


def test_samples_of_several_runs_never_share_a_seed(config: RunConfig) -> None:
    warm = replace(config, policy="seeded", options=PolicyOptions(temperature=0.7, concurrency=1), limit=1)
    main(replace(warm, runs=2, samples=2), policy=Seeded())
    assert [t.sample for t in read_stored(config.out)] == [0, 6]
    assert all(t.samples for t in read_stored(config.out))


def test_runs_that_would_be_the_same_are_refused(config: RunConfig) -> None:
    with pytest.raises(ValueError, match="answers the same each time"):
        main(replace(config, runs=2))
    with pytest.raises(ValueError, match="with --temperature 0 all runs are the same"):
        main(replace(config, policy="seeded", runs=2), policy=Seeded())


def test_an_encoder_that_is_not_there_is_said_before_anything_is_run(config: RunConfig) -> None:
    with pytest.raises(ValueError, match="unknown encoder 'none'"):
        main(replace(config, encoder="none"))
    assert ids(config) == []


@pytest.mark.parametrize("name", ["runs", "samples", "limit"])
def test_none_of_something_is_refused(config: RunConfig, name: str) -> None:
    with pytest.raises(ValueError, match=f"need --{name} >= 1, got 0"):
        replace(config, **{name: 0})


class Impatient:
    """Ctrl-C during the second question."""

    spec = "impatient"
    setup = None

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        if "third" in trajectory.question.text:
            raise KeyboardInterrupt
        return Turn("", Answer("green", 1))


def test_after_ctrl_c_what_was_played_is_there_and_the_rest_is_asked_next_time(config: RunConfig) -> None:
    with pytest.raises(KeyboardInterrupt):
        main(replace(config, policy="impatient"), policy=Impatient())
    assert ids(config) == ["drawn.mp4#1"]
    manifest = read_manifest(config.out)
    assert manifest is not None
    assert manifest.sessions[0].ended is not None


def test_the_manifest_says_what_was_run(config: RunConfig) -> None:
    main(config, "python -m evals.run clips --data D")
    main(replace(config, options=PolicyOptions(concurrency=2)), "again")  # nothing to do is no session
    manifest = read_manifest(config.out)
    assert manifest is not None
    (session,) = manifest.sessions
    assert session.command == "python -m evals.run clips --data D"
    assert session.versions["videosleuth"]
    assert session.started <= (session.ended or "")
    assert session.machine.cores >= 1
    assert (session.encoder or "").startswith("hashing")
    assert manifest.terms.options["temperature"] == 0.0
    assert list(manifest.files) == ["questions.jsonl"]
    assert manifest.data == str(Path(config.data).resolve())


def test_the_command_line_says_in_one_sentence_what_is_wrong(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "evals.run", "clips", "--data", str(tmp_path / "none"), "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("evals.run: no questions at ")
    assert len(done.stderr.splitlines()) == 1
