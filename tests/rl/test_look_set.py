"""The videos of run 3: where the needle is shows on the whole frame, and what it is only where it is looked at."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agent.trajectory import Trajectory
from evals.composed.held_out import split_of
from evals.datasets.clips import open_clips
from evals.runner.run_file import read_stored
from rl.data.questions import SetQuestions, find_boxes
from rl.rewards.aids import Aids
from rl.rewards.catalogue import get_reward
from rl.small_vlm.look_rewarded import choose_rewarded
from rl.small_vlm.look_run import play_expert
from rl.small_vlm.look_scenes import draw_scene
from rl.small_vlm.look_set import LARGE, PARTS, SMALL, LookSet, compose_look, find_part, write_look_set
from rl.small_vlm.zooms import count_zooms, find_zooms, is_hit, render_zooms
from tools.observation import Box

REWARDS = Path(__file__).parents[2] / "rl/small_vlm/look_rewards.py"
EPISODES = [compose_look(0, number, "train") for number in range(60)]


def test_half_of_the_needles_are_small_and_the_middle_of_each_lies_in_one_part_of_one_shot() -> None:
    small = [SMALL in episode.questions[0].needs for episode in EPISODES]
    assert 15 < sum(small) < 45
    for episode in EPISODES:
        [placement] = episode.plan.recipe.placements
        left, top, right, bottom = PARTS[find_part(placement.box)]
        assert left < (placement.box[0] + placement.box[2]) / 2 < right
        assert max(top, 0) <= placement.box[1] < placement.box[3] <= bottom
        assert 0 <= placement.box[0] < placement.box[2] <= 1
        if SMALL in episode.questions[0].needs:
            assert left < placement.box[0] < placement.box[2] < right
        assert placement.stop_seconds - placement.start_seconds == 1
        assert episode.questions[0].answer == placement.needle.colour


def test_the_needle_is_painted_where_and_when_it_is_said_to_be_and_has_no_tag() -> None:
    for episode in EPISODES[:6]:
        [placement] = episode.plan.recipe.placements
        seconds = placement.start_seconds + 0.5
        changed = (episode.painter.picture(seconds) != episode.painter.footage(seconds)).any(-1)
        rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
        height, width = changed.shape
        left, top, right, bottom = placement.box
        assert left * width - 1 <= columns[0]
        assert columns[-1] <= right * width
        assert top * height - 1 <= rows[0]
        assert rows[-1] <= bottom * height
        other = 1.5 - placement.start_seconds
        assert np.array_equal(episode.painter.picture(other), episode.painter.footage(other))


def test_held_out_shapes_and_clips_are_never_trained_on() -> None:
    for split in ("train", "heldout"):
        for number in range(10):
            recipe = compose_look(0, number, split).plan.recipe  # type: ignore[arg-type]
            assert {split_of(recipe.placements[0].needle.name)} == {split}
            assert {split_of(segment.clip) for segment in recipe.segments} == {split}


def test_a_caption_names_no_colour_that_the_whole_frame_does_not_show() -> None:
    told = [draw_scene(0, number).told for number in range(40)]
    assert sum(line == "nothing" for line in told) > 3
    assert any(line.startswith("something small, ") for line in told)
    assert all(not line.startswith("something small, ") or line.split(", ")[1] in PARTS for line in told)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_look_set(tmp_path_factory.mktemp("look-set"), LookSet(6, seed=5))


def test_a_set_is_written_once_and_a_folder_of_something_else_is_refused(videos: Path, tmp_path: Path) -> None:
    before = (videos / "questions.jsonl").read_bytes()
    write_look_set(videos, LookSet(6, seed=5))
    assert (videos / "questions.jsonl").read_bytes() == before
    (tmp_path / "own.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds no whole set"):
        write_look_set(tmp_path, LookSet(1))


def test_the_expert_is_right_where_it_was_shown_the_needle_and_zooms_whatever_its_size(
    videos: Path, tmp_path: Path
) -> None:
    play_expert(videos, tmp_path / "runs", 1.0)
    asked_of = open_clips(videos)
    subjects, examples = {one.id: one.subject for one in asked_of.asking.entries}, asked_of.examples()
    runs = read_stored(tmp_path / "runs")
    assert len(runs) == 6
    for run in runs:
        assert [frame.seconds for frame in run.steps[0].results[0].observation.frames] == [0.5, 1.5]
        assert len(find_zooms(run)) == 1
        knows = LARGE in examples[run.question.id].needs or is_hit(run, subjects[run.question.id])
        assert run.answer is not None
        assert run.answer.cannot_tell == (not knows)
        assert not knows or run.answer.text == examples[run.question.id].answer
    small, large, every = count_zooms(runs, examples, subjects)
    assert small.runs + large.runs == every.runs == every.zoomed == 6
    assert large.right == large.runs
    assert "| sft | none | all | " in render_zooms([("sft", "none", [small, large, every])])


def test_a_zoom_hits_only_at_the_needles_time_and_place(videos: Path, tmp_path: Path) -> None:
    asked_of = open_clips(videos)
    entry = asked_of.asking.entries[0]
    assert entry.subject.evidence is not None
    [shown] = entry.subject.evidence
    assert shown.box is not None
    part = find_part(shown.box)

    def zoomed(seconds: float, place: str) -> Trajectory:
        return _with_zoom(videos, entry.question.video, seconds, list(PARTS[place]))

    there = shown.start_seconds + 0.5
    assert is_hit(zoomed(there, part), entry.subject)
    assert not is_hit(zoomed(2.0 - there, part), entry.subject)
    others = [place for place in PARTS if place != part]
    assert not any(is_hit(zoomed(there, place), entry.subject) for place in others)
    assert not is_hit(_with_zoom(videos, entry.question.video, there, [0, 0, 1, 1]), entry.subject)


def test_the_nearer_a_zoom_the_more_it_pays_where_the_needle_is_small(videos: Path) -> None:
    asked_of = open_clips(videos)
    boxes = find_boxes(SetQuestions(asked_of))
    assert any(SMALL in asked_of.examples()[entry.id].needs for entry in asked_of.asking.entries)
    for entry in asked_of.asking.entries:
        example = asked_of.examples()[entry.id]
        [shown] = entry.subject.evidence or ()
        assert shown.box is not None
        part, there = find_part(shown.box), shown.start_seconds + 0.5
        row, _, column = part.partition(" ")
        across = f"{'bottom' if row == 'top' else 'top'} {column}"

        def pay(seconds: float, place: Box | str) -> float | None:
            box = PARTS[place] if isinstance(place, str) else place
            run = _with_zoom(videos, example.question.video, seconds, list(box))  # noqa: B023 (called at once)
            assert get_reward(f"{REWARDS}:zooms")(example, run) == 1.0  # noqa: B023
            return get_reward(f"{REWARDS}:nears", aids=Aids(boxes=boxes))(example, run)  # noqa: B023

        if SMALL not in example.needs:
            assert pay(there, part) == 0.0
            continue
        near = pay(there, across)
        assert pay(there, part) == 1.0
        assert near is not None
        assert 0.75 <= near < 1
        assert pay(2.0 - there, part) == 0.5
        left, _, right, _ = PARTS[part]
        assert pay(there, (left, 0.0, right, 1.0)) == 0.0, "a tall view hits without being aimed"
    anywhere = _with_zoom(videos, example.question.video, 0.5, [0, 0, 1, 1])
    assert get_reward(f"{REWARDS}:nears")(example, anywhere) is None


def _with_zoom(videos: Path, video: str, seconds: float, box: list[float] | None, said: str = "red") -> Trajectory:
    from agent.loop.ask import ask
    from agent.policies.scripted import ScriptedPolicy
    from agent.trajectory import Answer, Calls, Question, ToolCall, Turn
    from tools.toolbox import open_toolbox

    zoom = Turn("", Calls((ToolCall("t1c1", "zoom", {"seconds": seconds, "box": box}),)))
    turns = [*([zoom] if box is not None else []), Turn("", Answer(said))]
    with open_toolbox(str(videos / Path(video).name), encoder="hashing") as toolbox:
        return ask(Question(video, "What colour?"), toolbox, ScriptedPolicy(turns), verify=False)


def test_where_and_when_is_known_of_every_question(videos: Path) -> None:
    lines = [json.loads(line) for line in (videos / "known.jsonl").read_text().splitlines()]
    assert len(lines) == 6
    assert all(line["evidence"][0]["box"] == line["on_screen"][0]["box"] for line in lines)


def test_zooms_are_imitated_where_they_hit_and_with_a_price_only_where_they_are_needed(videos: Path) -> None:
    asked_of = open_clips(videos)
    examples = asked_of.examples()
    for entry in asked_of.asking.entries:
        [shown] = entry.subject.evidence or ()
        assert shown.box is not None
        there, part = shown.start_seconds + 0.5, PARTS[find_part(shown.box)]
        right, wrong = examples[entry.id].answer or "", "no such colour"
        played = {
            "hit": _with_zoom(videos, entry.question.video, there, list(part), right),
            "hit and wrong": _with_zoom(videos, entry.question.video, there, list(part), wrong),
            "missed": _with_zoom(videos, entry.question.video, 2 - there, list(part), right),
            "at once": _with_zoom(videos, entry.question.video, there, None, right),
            "at once and wrong": _with_zoom(videos, entry.question.video, there, None, wrong),
        }
        runs = {name: replace(run, question=entry.question) for name, run in played.items()}

        def choose(*, is_free: bool) -> list[str]:
            chosen = list(choose_rewarded(runs.values(), asked_of, is_free=is_free))  # noqa: B023 (called at once)
            return [name for name, run in runs.items() if run in chosen]  # noqa: B023

        assert choose(is_free=True) == ["hit"]
        assert choose(is_free=False) == (["hit", "at once"] if SMALL in examples[entry.id].needs else ["at once"])
