"""The pipe for Open WebUI against a real server, with a stand-in for what Open WebUI does with a pipe."""

import asyncio
import inspect
import json
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.trajectory import Answer, Calls, Evidence, ToolCall, Turn
from tests.agent.doors.http.server import ROOT, RunningServer, serving, write_script
from tests.clips import write_clip

pytest.importorskip("httpx")
TOKEN = "0123456789abcdef-token"


class OpenWebUi:
    """Loads a pipe from its source, gives it the arguments that its signature names, and reads what it yields."""

    def __init__(self, url: str, token: str = TOKEN) -> None:
        module = types.ModuleType("function_video_sleuth")
        source = (ROOT / "examples" / "open_webui" / "video_sleuth_pipe.py").read_text(encoding="utf-8")
        assert source.startswith('"""\ntitle: '), "its front matter is looked for in the first line"
        exec(compile(source, "function_video_sleuth", "exec", dont_inherit=True), module.__dict__)
        self.pipe = module.Pipe()
        self.pipe.valves = self.pipe.Valves(**{"url": url, "token": token})
        self.statuses: list[dict[str, Any]] = []

    def ask(self, messages: list[dict[str, Any]], files: list[dict[str, Any]], task: str | None = None) -> str:
        """The answer in words, as it is shown and kept in the chat."""
        return asyncio.run(self._ask(messages, {"__files__": files, "__task__": task, "__user__": {"id": "1"}}))

    async def _ask(self, messages: list[dict[str, Any]], extra: dict[str, Any]) -> str:
        async def emit(event: dict[str, Any]) -> None:
            self.statuses.append(event)

        body = {"model": "video_sleuth", "stream": True, "messages": messages}
        wanted = inspect.signature(self.pipe.pipe).parameters
        given = {name: value for name, value in (extra | {"__event_emitter__": emit}).items() if name in wanted}
        words, thoughts = "", ""
        async for piece in self.pipe.pipe(body=body, **given):
            if isinstance(piece, dict):
                for choice in json.loads(json.dumps(piece))["choices"]:
                    words += choice["delta"].get("content") or ""
                    thoughts += choice["delta"].get("reasoning_content") or ""
            else:
                words += piece
        return f'<details type="reasoning" done="true">\n{thoughts}\n</details>\n{words}' if thoughts else words


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("server")
    (folder / "videos").mkdir()
    with serving(folder, folder / "videos", token=TOKEN) as running:
        yield running


@pytest.fixture
def attached(tmp_path: Path) -> list[dict[str, Any]]:
    clip = write_clip(tmp_path / "1_clip.mp4", frames=40)
    note = {"type": "file", "id": "n", "name": "note.txt", "content_type": "text/plain", "file": {"path": "/nowhere"}}
    return [
        {"type": "file", "id": "f", "name": "clip.mp4", "content_type": "video/mp4", "file": {"path": str(clip)}},
        note,
    ]


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def uploads(server: RunningServer) -> list[str]:
    with server.client(headers={"authorization": f"Bearer {TOKEN}"}) as http:
        return [file["id"] for file in http.get("/v1/files").json()["data"]]


def test_a_question_its_follow_up_and_a_title(server: RunningServer, attached: list[dict[str, Any]]) -> None:
    host = OpenWebUi(server.url)
    messages = [user("How many?")]
    first = host.ask(messages, attached)
    assert "select_frames" in first
    assert first.partition("</details>\n")[2].startswith("four\nconfidence 80 %")
    assert [status["data"]["done"] for status in host.statuses][-1]
    assert any("a look" in status["data"]["description"] for status in host.statuses)
    messages += [{"role": "assistant", "content": first}, user("And then?")]
    assert "four" in host.ask(messages, attached)
    assert len(uploads(server)) == 1
    ended = [json.loads(path.read_text()) for path in (server.state / "jobs").glob("*/trajectory.json")]
    assert sorted(len(saved["earlier"]) for saved in ended) == [0, 1]
    assert host.ask([user("Give a title")], attached, task="title_generation") == ""


def test_a_file_may_be_known_to_the_host_by_its_id_alone(
    server: RunningServer, attached: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = attached[0].pop("file")["path"]

    class Files:
        @staticmethod
        async def get_file_by_id(name: str) -> Any:
            return types.SimpleNamespace(path={"f": path}[name])

    models = types.ModuleType("open_webui.models.files")
    models.Files = Files  # type: ignore[attr-defined]
    for name in ("open_webui", "open_webui.models"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "open_webui.models.files", models)
    assert "four" in OpenWebUi(server.url).ask([user("How many?")], attached)


def test_all_videos_that_are_attached_are_asked_about_in_their_order(
    tmp_path: Path, attached: list[dict[str, Any]]
) -> None:
    other = write_clip(tmp_path / "2_other.mp4", frames=50)
    attached.append({"type": "file", "id": "g", "name": "other.mp4", "file": {"path": str(other)}})
    look = ToolCall("t1c1", "select_frames", {"start": 0.0, "stop": 1.0, "count": 1, "video": 2})
    seen = Evidence(0.0, 1.0, ("t1c1",), video=2)
    turns = (Turn("a look", Calls((look,))), Turn("", Answer("the second", evidence=(seen,))))
    policy = write_script(tmp_path / "turns.json", turns, ("other.mp4",))
    with serving(tmp_path, tmp_path, policy=policy, token=TOKEN) as server:
        host = OpenWebUi(server.url)
        said = host.ask([user("Which is longer?")], attached).partition("</details>\n")[2]
        assert len(uploads(server)) == 2
    assert said.startswith("the second")
    assert "Video 2, other.mp4: Seen" in said


def test_what_goes_wrong_is_a_sentence(server: RunningServer, attached: list[dict[str, Any]]) -> None:
    assert "no video" in OpenWebUi(server.url).ask([user("How many?")], [])
    for files in ([], attached):
        assert "token" in OpenWebUi(server.url, "x" * 20).ask([user("How many?")], files)
    assert "can't be reached" in OpenWebUi("http://127.0.0.1:9").ask([user("How many?")], attached)
    Path(attached[0]["file"]["path"]).write_bytes(b"no video")
    assert "can't be reached" not in OpenWebUi(server.url).ask([user("How many?")], attached)
