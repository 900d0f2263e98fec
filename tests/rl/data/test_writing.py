"""Candidates that a model writes: what is asked for, what is a question, and what comes of it."""

import json
from pathlib import Path

import pytest

from agent.policies.registry import open_policy
from agent.trajectory import Answer, Calls, Evidence, ToolCall
from evals.runner.run_file import read_stored
from rl.data.curation.building import BuildConfig, build
from rl.data.curation.conditions import Player
from rl.data.curation.writing import SKILLS, KnowledgePoint, plan_writing, read_bank, write_candidates
from rl.data.questions import open_questions
from tests.drawn import write_drawn
from tests.evals.sets_drawn import write_script

QUESTION = {"question": "Which colour is second?", "options": ["red", "green", "blue"], "answer": "green"}


def write_bank(path: Path, *points: dict[str, str]) -> Path:
    path.write_text("".join(json.dumps(point) + "\n" for point in points), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    write_drawn(folder / "drawn.mp4")
    return folder


def test_every_skill_is_asked_for_and_those_that_need_knowledge_draw_a_point(tmp_path: Path, videos: Path) -> None:
    bank = write_bank(
        tmp_path / "bank.jsonl",
        {"term": "hue", "definition": "the name of a colour", "video": "drawn.mp4"},
        {"term": "other", "definition": "of another video", "video": "other.mp4"},
    )
    entries = plan_writing(videos, read_bank(bank), rounds=2)
    assert [entry.groups for entry in entries] == [(("skill", skill),) for skill in SKILLS for _ in range(2)]
    texts = [entry.question.text for entry in entries]
    assert all(SKILLS[skill] in text for skill, text in zip([s for s in SKILLS for _ in range(2)], texts, strict=True))
    assert ["hue: the name of a colour" in text for text in texts] == [False] * 2 + [True] * 4
    assert not any("of another video" in text for text in texts)
    assert len(plan_writing(videos, (), rounds=1)) == 1
    assert len(plan_writing(videos, [KnowledgePoint("a", "b")], rounds=1)) == 3


def test_what_is_written_is_filtered_and_trained_on_as_any_set(tmp_path: Path, videos: Path) -> None:
    config = BuildConfig(
        tmp_path / "run",
        videos=videos,
        writer=write_script(tmp_path / "writer.json", Answer(json.dumps(QUESTION | {"evidence_seconds": [2, 4]}))),
        bank=write_bank(tmp_path / "bank.jsonl", {"term": "hue", "definition": "the name of a colour"}),
        probes=(write_script(tmp_path / "wrong.json", Answer("none of them")),),
        solver=write_script(tmp_path / "solver.json", Answer("none of them")),
        encoder="hashing",
    )
    built = build(config)
    assert built.made == 6
    assert set(built.dropped["form"].values()) == {"the same question as drawn.mp4/video-reasoning/1"}
    (why,) = built.dropped["self-consistency"].values()
    assert why.startswith("answered again: ")
    assert why.endswith("written: 'green'")
    assert not built.kept


def test_a_solver_that_is_right_for_no_reason_is_dropped_and_one_with_evidence_kept(
    tmp_path: Path, videos: Path
) -> None:
    look = Calls((ToolCall("t1c1", "select_frames", {"start": 2.0, "stop": 4.0, "count": 2}),))
    writer = write_script(tmp_path / "writer.json", Answer(json.dumps(QUESTION | {"evidence_seconds": [2, 4]})))
    probe = write_script(tmp_path / "wrong.json", Answer("none of them"))

    def keep(name: str, *moves: Answer | Calls) -> tuple[dict[str, str], Path]:
        solver = write_script(tmp_path / f"{name}.json", *moves)
        common = {"videos": videos, "writer": writer, "probes": (probe,), "rounds": 1, "encoder": "hashing"}
        out = tmp_path / name
        return build(BuildConfig(out, solver=solver, **common)).dropped["rationale"], out  # type: ignore[arg-type]

    options = plan_options(videos, writer, tmp_path)
    right = options.index("green")
    bare, _ = keep("bare", Answer("green", right))
    assert list(bare.values()) == ["it cites nothing: 'green'"]
    elsewhere, _ = keep("elsewhere", look, Answer("green", right, None, (Evidence(0.0, 1.0, ("t1c1",)),)))
    assert list(elsewhere.values()) == ["its evidence is elsewhere than what the question is about"]
    none, out = keep("founded", look, Answer("green", right, None, (Evidence(2.0, 4.0, ("t1c1",)),)))
    assert not none
    (example,) = open_questions(f"built,folder={out}", 1).examples.values()
    assert (example.question.text, example.answer) == (QUESTION["question"], "green")
    assert example.needs == ("video-reasoning",)
    assert [run.question.text for run in read_stored(out)] == [QUESTION["question"]]


def plan_options(videos: Path, writer: str, folder: Path) -> tuple[str, ...]:
    """The options in the order in which the question of the first skill has them."""
    entries = plan_writing(videos, (), 1)
    written = write_candidates(entries, lambda: open_policy(writer), Player(folder / "options", entries, "hashing"))
    (example,) = written.candidates.examples().values()
    return example.question.options


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("I can't.", "Expecting value"),
        (json.dumps(QUESTION | {"answer": "pink"}), "the answer 'pink' is none of the options"),
        (json.dumps(QUESTION | {"options": ["green"]}), "one option is not a choice"),
        (json.dumps(QUESTION | {"evidence_seconds": [2, 4000]}), "need 0 <= start <= stop"),
        (json.dumps({"question": "What?"}), "answer: Field required"),
    ],
)
def test_a_reply_that_is_no_question_says_why(tmp_path: Path, videos: Path, reply: str, why: str) -> None:
    config = BuildConfig(
        tmp_path / "run", videos=videos, writer=write_script(tmp_path / "writer.json", Answer(reply)), encoder="hashing"
    )
    with pytest.raises(ValueError, match=f"nothing that was written is a question: .*{why}"):
        build(config)
