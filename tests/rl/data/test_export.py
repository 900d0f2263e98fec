"""Stored runs as data of ms-swift and LLaMA-Factory, held against what their documentation says of it.

ms-swift: docs/source_en/Instruction/Agent-support.md; LLaMA-Factory: data/README.md, and its FunctionFormatter, which
takes a thought before the calls.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from agent.loop.ask import read_video_facts
from agent.loop.transition import step
from agent.rendering.reply_parser import parse_reply
from agent.trajectory import Question, Reply, Trajectory, Usage, to_json
from rl.data.export import describe_dataset, export_runs
from tests.clips import write_clip
from tools.toolbox import open_toolbox

LOOK = '<tool_call>\n{"name": "select_frames", "arguments": {"start": 0, "stop": 2, "count": 2}}\n</tool_call>'
OVERVIEW = '<tool_call>\n{"name": "overview", "arguments": {"count": 3}}\n</tool_call>'
REPLIES = (
    f"<think>\ntwo looks\n</think>\n{LOOK}\n{OVERVIEW}",
    "no form at all",
    '<think>\nI see <image> there\n</think>\n<answer>{"answer": "four", "evidence": []}</answer>',
)
CALLS = [
    {"name": "select_frames", "arguments": {"start": 0, "stop": 2, "count": 2}},
    {"name": "overview", "arguments": {"count": 3}},
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that looks twice in one turn, breaks the form, and answers."""
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIDEOSLEUTH_CACHE", str(folder / "cache"))
        clip = write_clip(folder / "clip.mp4", frames=90)
        with open_toolbox(clip, encoder="hashing") as toolbox:
            toolbox.index.wait()
            played = Trajectory(Question(str(clip), "How many <image> are there?"), read_video_facts(toolbox), "m")
            for text in REPLIES:
                played = step(played, parse_reply(Reply(text), Usage(), played), toolbox)
    (folder / "trajectories.jsonl").write_text(to_json(played) + "\n", encoding="utf-8")
    return folder


def exported(run: Path, out: Path, monkeypatch: pytest.MonkeyPatch, form: Any, **options: Any) -> Any:
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(run / "cache"))
    assert export_runs([run], out, form, tools=("overview", "select_frames"), **options) == 1
    return json.loads(out.read_text(encoding="utf-8"))


def test_ms_swift_has_calls_and_results_as_roles_of_json_and_a_word_for_each_picture(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = exported(run, tmp_path / "a.jsonl", monkeypatch, "ms-swift")  # a file of one line
    assert set(row) == {"messages", "images", "tools"}
    roles = "system user assistant tool_call tool_call tool_response tool_response assistant user assistant".split()
    assert [message["role"] for message in row["messages"]] == roles
    by_role = {role: [m["content"] for m in row["messages"] if m["role"] == role] for role in roles}
    assert [json.loads(call) for call in by_role["tool_call"]] == CALLS
    assert all(json.loads(result)["result"].startswith("[") for result in by_role["tool_response"])
    assert by_role["assistant"][0] == "<think>\ntwo looks\n</think>"
    assert '"answer": "four"' in by_role["assistant"][-1]
    text = "".join(message["content"] for message in row["messages"])
    assert text.count("<image>") == len(row["images"]) == 5, (
        "what is said and asked has the word too, and is no picture"
    )
    assert [tool["function"]["name"] for tool in json.loads(row["tools"])] == ["overview", "select_frames"]
    for path in row["images"]:
        with Image.open(path) as picture:
            assert picture.format == "JPEG"


def test_results_can_be_those_that_the_policy_was_shown(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = exported(run, tmp_path / "a.jsonl", monkeypatch, "ms-swift", is_raw=True)
    first = next(m["content"] for m in row["messages"] if m["role"] == "tool_response")
    assert re.match(r"\[\w+\] select_frames\n", first)


def test_llama_factory_has_turns_by_turns_with_all_calls_of_a_turn_in_one_list(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [row] = exported(run, tmp_path / "b.json", monkeypatch, "llama-factory")
    assert set(row) == {"conversations", "system", "tools", "images"}
    kinds = [said["from"] for said in row["conversations"]]
    assert kinds == ["human", "function_call", "observation", "gpt", "human", "gpt"]
    assert {*kinds[::2]} == {"human", "observation"}, "odd places, as documented"
    thought, _, called = row["conversations"][1]["value"].rpartition("</think>")
    assert (thought, json.loads(called)) == ("<think>\ntwo looks\n", CALLS)
    text = row["system"] + "".join(said["value"] for said in row["conversations"])
    assert text.count("<image>") == len(row["images"]) == 5
    assert [tool["name"] for tool in json.loads(row["tools"])] == ["overview", "select_frames"]
    entry = json.loads(describe_dataset(tmp_path / "b.json"))["b"]
    assert entry["formatting"] == "sharegpt"
    assert set(entry["columns"].values()) == set(row)


def test_a_picture_is_kept_once(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(run / "cache"))
    assert export_runs([run, run], tmp_path / "c.jsonl", "ms-swift") == 2
    first, second = map(json.loads, (tmp_path / "c.jsonl").read_text(encoding="utf-8").splitlines())
    assert first["images"] == second["images"]
    assert len(list((tmp_path / "c-images").iterdir())) == len(set(first["images"]))


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no runs at .*nowhere"):
        export_runs([tmp_path / "nowhere"], tmp_path / "d.jsonl", "ms-swift")
    (tmp_path / "e.jsonl").write_text("{}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"e\.jsonl, line 1: "):
        export_runs([tmp_path / "e.jsonl"], tmp_path / "d.jsonl", "ms-swift")
    assert not (tmp_path / "d.jsonl").exists()
