"""The page of the server in a real browser, driven as its users do: `make test-browser`."""

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from agent.trajectory import Answer, Calls, Evidence, ToolCall, Turn
from tests.agent.doors.http.server import RunningServer, serving, write_script
from tests.browser import Tab, driven, needs_browser
from tests.clips import write_clip
from tools.observation import FrameRef

pytestmark = needs_browser

TOKEN = "0123456789abcdef-token"
HOSTILE = "<img src=x onerror='window.hacked=1'>"
SEEN = Evidence(0.0, 0.5, ("t1c1",), (FrameRef(0.0, 48, 64),), box=(0.1, 0.1, 0.5, 0.5))
TURNS = (
    Turn(HOSTILE, Calls((ToolCall("t1c1", "select_frames", {"start": 0.0, "stop": 1.0, "count": 2}),))),
    Turn("enough", Answer("four", confidence=0.8, evidence=(SEEN,))),
)
REPORT = "document.querySelector('#report #evidence') && document.getElementById('ask').disabled === false"
STATE = "document.getElementById('state').textContent"
KEEP_STATES = """(() => {
  const state = document.getElementById("state");
  window.states = [];
  new MutationObserver(() => window.states.push(state.textContent)).observe(state, {childList: true});
})()"""
"""Keeps every state that the page tells of from now on, in `states`."""
WRONG = "document.getElementById('wrong').textContent"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    write_clip(folder / "clip.mp4", frames=40)
    write_clip(folder / "other.mp4", frames=50)
    (folder / "notes.txt").write_text("not a video")
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, videos: Path) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("server")
    with serving(folder, videos, policy=write_script(folder / "turns.json", TURNS), policies="lite") as running:
        yield running


@pytest.fixture(scope="module")
def comparing(tmp_path_factory: pytest.TempPathFactory, videos: Path) -> Iterator[RunningServer]:
    """A server whose model looks at the second of two videos, and which has folders of videos and of pictures too."""
    folder = tmp_path_factory.mktemp("comparing")
    for name in ("album/trip", "album/pics"):
        (folder / name).mkdir(parents=True)
    for name in ("clip.mp4", "other.mp4"):
        (folder / "album" / "trip" / name).write_bytes((videos / name).read_bytes())
    (folder / "album" / "pics" / "1.png").write_bytes(b"")
    look = ToolCall("t1c1", "select_frames", {"start": 0.0, "stop": 1.0, "count": 2, "video": 2})
    seen = Evidence(0.0, 0.5, ("t1c1",), (FrameRef(0.0, 48, 64, video=2),), video=2, box=(0.1, 0.1, 0.5, 0.5))
    turns = (Turn("", Calls((look,))), Turn("enough", Answer("the second", confidence=0.8, evidence=(seen,))))
    allowed = f"{videos}{os.pathsep}{folder / 'album'}"
    with serving(folder, allowed, policy=write_script(folder / "turns.json", turns, ("w.mp4",))) as running:
        yield running


@pytest.fixture
def stuck(tmp_path: Path, videos: Path) -> Iterator[RunningServer]:
    """A server that takes one question at a time, and whose model never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        policy = f"http:model@http://127.0.0.1:{silent.getsockname()[1]}/v1"
        few = {"running": 1, "waiting": 1, "stop_seconds": 1, "keep_alive_seconds": 0.1}
        with serving(tmp_path, videos, policy=policy, **few) as running:
            yield running


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[Tab]:
    with driven(tmp_path / "profile") as opened:
        yield opened


def focus(tab: Tab, name: str) -> None:
    tab.run(f"document.getElementById('{name}').focus()")


def name_video(tab: Tab, path: str) -> None:
    focus(tab, "path")
    tab.type(path)


def put(tab: Tab, question: str) -> None:
    focus(tab, "question")
    tab.type(question)
    tab.press("Enter")


@pytest.mark.parametrize(("width", "is_dark"), [(390, False), (768, False), (1440, False), (390, True), (1440, True)])
def test_a_dropped_video_is_asked_about_and_its_evidence_played(
    tab: Tab, server: RunningServer, videos: Path, width: int, is_dark: bool
) -> None:
    tab.open(server.url, width, is_dark)
    assert tab.find_violations() == []
    tab.give_file("#file", videos / "clip.mp4")
    put(tab, "How many?")
    tab.wait(REPORT)
    assert tab.run(STATE) == "Answer: four"
    assert tab.run("document.getElementById('live').hidden")
    assert "How many?" in tab.run("document.getElementById('answer').textContent")
    tab.wait("document.getElementById('player').readyState > 0")
    tab.run("document.querySelector('.exhibit .jump').click()")
    assert tab.run("document.querySelectorAll('#boxes .box').length") == 1
    assert tab.run("document.querySelectorAll('.row.strip .field')[0].style.aspectRatio !== ''")
    assert tab.run("[...document.querySelectorAll('#report .glass')].every((g) => g.clientHeight > 20)")
    assert tab.run(OVERFLOW) == 0
    assert tab.run("'hacked' in window") is False
    assert tab.find_violations() == []
    assert tab.logged == []


def test_everything_is_done_with_the_keyboard(tab: Tab, server: RunningServer) -> None:
    tab.open(server.url, 1440)

    def go_to(name: str) -> None:
        for _ in range(40):
            if tab.run("document.activeElement.id") == name:
                return
            tab.press("Tab")
        raise AssertionError(name)

    go_to("path")
    tab.type("clip.mp4")
    go_to("question")
    tab.type("How many?")
    go_to("ask")
    tab.press("Enter")
    tab.wait(REPORT)
    for _ in range(40):
        if tab.run("document.activeElement.matches('.exhibit .jump')"):
            break
        tab.press("Tab")
    tab.press("Enter")
    assert tab.run(STATE).startswith("The player is at 00:0")
    for _ in range(40):
        if tab.run("document.activeElement.matches('.frame .glass')"):
            break
        tab.press("Tab")
    tab.press("Enter")
    assert tab.run("document.getElementById('viewer').open")
    tab.press("Escape")
    assert tab.run("document.activeElement.matches('.frame .glass')")


def test_a_follow_up_goes_on_from_the_answer_and_the_list_leads_back(tab: Tab, server: RunningServer) -> None:
    tab.open(server.url, 1440)
    name_video(tab, "clip.mp4")
    put(tab, "How many?")
    tab.wait(REPORT)
    assert tab.run("document.getElementById('following').hidden") is False
    put(tab, "And now?")
    tab.wait(f"{REPORT} && document.querySelectorAll('#asked li').length === 2")
    tab.wait("document.getElementById('answer')?.textContent.includes('And now?')")
    job = tab.run("new URLSearchParams(location.search).get('job')")
    with server.client() as http:
        assert len(http.get(f"/v1/jobs/{job}/trajectory").json()["earlier"]) == 1
    assert tab.run("document.querySelectorAll('#asked .follows').length") == 1
    tab.run("document.querySelectorAll('#asked button')[1].click()")
    tab.wait("document.getElementById('answer')?.textContent.includes('How many?')")
    tab.send("Page.reload")
    tab.wait("document.getElementById('answer')?.textContent.includes('How many?')")
    name_video(tab, "other.mp4")
    assert tab.run("document.getElementById('following').hidden")


@pytest.mark.parametrize(("width", "is_dark"), [(390, False), (768, True), (1440, False)])
def test_several_videos_are_asked_about_and_their_evidence_played(
    tab: Tab, comparing: RunningServer, width: int, is_dark: bool
) -> None:
    tab.open(comparing.url, width, is_dark)
    tab.wait("document.querySelectorAll('#allowed option').length === 4")
    name_video(tab, "clip.mp4")
    focus(tab, "further")
    tab.press("Enter")
    assert tab.run(STATE) == "Chosen so far: clip.mp4. Choose the next one."
    tab.run(
        "{const s = document.getElementById('stored'); s.value = 'other.mp4'; "
        "s.dispatchEvent(new Event('input', {bubbles: true}))}"
    )
    assert tab.find_violations() == []
    put(tab, "Which?")
    tab.wait(REPORT)
    assert tab.run(STATE) == "Answer: the second"
    assert tab.run("document.querySelectorAll('#chosen li').length") == 2
    assert tab.run("document.querySelector('#which [aria-pressed=true]').textContent") == "Video 1, clip.mp4"
    tab.run("document.querySelector('.exhibit .jump').click()")
    assert tab.run("document.querySelector('#which [aria-pressed=true]').textContent") == "Video 2, other.mp4"
    assert tab.run("new URL(document.getElementById('player').src).search") == "?number=2"
    assert tab.run("document.querySelectorAll('#boxes .box').length") == 1
    tab.wait("document.getElementById('player').readyState > 0")
    assert tab.run("document.getElementById('following').hidden") is False
    tab.run("document.querySelector('#chosen button').click()")
    assert tab.run("document.getElementById('following').hidden")
    assert tab.run(OVERFLOW) == 0
    assert tab.find_violations() == []
    assert tab.logged == []


@pytest.mark.parametrize(("width", "is_dark"), [(390, True), (768, False), (1440, False)])
def test_a_folder_is_chosen_and_the_evidence_in_its_videos_played(
    tab: Tab, comparing: RunningServer, width: int, is_dark: bool
) -> None:
    tab.open(comparing.url, width, is_dark)
    tab.wait("document.querySelectorAll('#folders option').length === 2")
    assert tab.run("[...document.querySelectorAll('#folders option')].map((one) => one.textContent)") == [
        "pics/",
        "trip/",
    ]
    tab.run(
        "{const s = document.getElementById('stored'); s.value = 'trip'; "
        "s.dispatchEvent(new Event('input', {bubbles: true}))}"
    )
    put(tab, "Which?")
    tab.wait(REPORT)
    assert tab.run(STATE) == "Answer: the second"
    names = tab.run("[...document.querySelectorAll('#which button')].map((one) => one.textContent)")
    assert sorted(name[9:] for name in names) == ["trip/clip.mp4", "trip/other.mp4"]
    tab.run("document.querySelector('.exhibit .jump').click()")
    assert tab.run("document.querySelector('#which [aria-pressed=true]').textContent") == names[1]
    assert tab.run("new URL(document.getElementById('player').src).search") == "?number=2"
    tab.wait("document.getElementById('player').readyState > 0")
    assert tab.run("document.getElementById('following').hidden") is False
    assert tab.run(OVERFLOW) == 0
    assert tab.find_violations() == []
    assert tab.logged == []


@pytest.mark.parametrize(("width", "is_dark"), [(390, True), (768, False), (1440, False)])
def test_two_policies_answer_side_by_side_and_their_evidence_is_looked_for_again(
    tab: Tab, server: RunningServer, width: int, is_dark: bool
) -> None:
    tab.open(server.url, width, is_dark)
    tab.wait("document.getElementById('policies').hidden === false")
    focus(tab, "beside")
    tab.run("document.getElementById('beside').value = 'video-sleuth:lite'")
    name_video(tab, "clip.mp4")
    put(tab, "How long is the video?")
    tab.wait(f"{REPORT} && document.querySelectorAll('.side .soft').length === 2")
    told = tab.run("[...document.querySelectorAll('.side')].map((side) => side.textContent)")
    assert "four" in told[0]
    assert told[1].startswith("lite")
    assert "1.3 s" in told[1]
    focus(tab, "verify")
    tab.press("Enter")
    tab.wait("document.querySelector('.receipt')")
    assert "found: frame at 0.000 s" in tab.run("document.querySelector('.receipt').textContent")
    assert tab.run(OVERFLOW) == 0
    assert tab.find_violations() == []
    tab.run("document.querySelector('.side > button').click()")
    tab.wait(f"{REPORT} && document.querySelector('#report #answer').textContent.includes('1.3 s')")
    tab.send("Page.reload")
    tab.wait(f"{REPORT} && document.querySelector('#report #answer').textContent.includes('1.3 s')")
    assert tab.logged == []


def test_a_question_is_watched_and_stopped(tab: Tab, stuck: RunningServer) -> None:
    tab.open(stuck.url, 390)
    name_video(tab, "clip.mp4")
    put(tab, "How many?")
    tab.wait(f"{STATE} !== '' && document.getElementById('stage').hidden === false")
    assert tab.run("document.getElementById('ask').disabled")
    assert tab.find_violations() == []
    focus(tab, "stop")
    tab.press("Enter")
    tab.wait(f"{STATE}.startsWith('Stopped')")
    assert tab.run("document.getElementById('stop').disabled")
    assert tab.run(WRONG) == ""


def test_a_full_queue_is_waited_for_until_the_user_stops(tab: Tab, stuck: RunningServer) -> None:
    with stuck.client() as http:
        for _ in range(2):
            assert http.post("/v1/jobs", json={"video": "clip.mp4", "question": "?"}).status_code == 202
    tab.open(stuck.url, 768)
    name_video(tab, "clip.mp4")
    put(tab, "How many?")
    tab.wait(f"{STATE}.includes('too many questions') && {STATE}.includes('It is asked again in 5 seconds')")
    focus(tab, "stop")
    tab.press("Enter")
    tab.wait(f"{STATE} === 'Stopped before it was asked.'")


def test_what_is_refused_is_said(tab: Tab, server: RunningServer) -> None:
    tab.open(server.url, 768)
    put(tab, "How many?")
    assert tab.run(WRONG) == "Choose a video first."
    assert tab.run("document.activeElement.id") == "file"
    name_video(tab, "/etc/hostname")
    put(tab, "")
    tab.wait(f"{WRONG}.includes('no file in a folder that this server may read')")
    tab.run("document.getElementById('path').value = ''")
    name_video(tab, "notes.txt")
    put(tab, "")
    tab.wait(f"{WRONG}.includes('notes.txt')")
    assert tab.run("document.getElementById('live').hidden")


def test_a_lost_connection_is_said_and_taken_up(tab: Tab, stuck: RunningServer) -> None:
    with relaying(stuck.url) as relay:
        tab.open(relay.url, 768)
        name_video(tab, "clip.mp4")
        put(tab, "How many?")
        tab.wait("document.querySelector('#turns-so-far .frame')")
        tab.run(KEEP_STATES)  # what is said next may be of the index, which goes on
        relay.cut()
        tab.wait(f"{STATE}.startsWith('The connection is lost')")
        relay.is_cut = False
        tab.wait("window.states.includes('The connection is back.')")
        focus(tab, "stop")
        tab.press("Enter")
        tab.wait(f"{STATE}.startsWith('Stopped')")
    assert tab.run("document.querySelectorAll('#asked li').length") == 1


def test_the_token_is_asked_for_and_opens_the_page(tab: Tab, tmp_path: Path, videos: Path) -> None:
    with serving(tmp_path, videos, token=TOKEN) as guarded:
        tab.open(guarded.url, 390)
        assert tab.find_violations() == []
        focus(tab, "token")
        tab.type("wrong")
        tab.press("Enter")
        tab.wait("document.querySelector('[role=alert]')?.textContent.startsWith('That is not')")
        focus(tab, "token")
        tab.type(TOKEN)
        tab.press("Enter")
        tab.wait("document.getElementById('ask') && document.readyState === 'complete'")
        name_video(tab, "clip.mp4")
        put(tab, "How many?")
        tab.wait(REPORT)
        tab.wait("document.getElementById('player').readyState > 0")
        assert json.dumps(TOKEN) not in tab.run("JSON.stringify({...localStorage}) + document.cookie")


class Relay:
    """Passes connections on, until they are cut."""

    def __init__(self, target: str) -> None:
        self._port = int(target.rpartition(":")[2])
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.is_cut = False

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                if self.is_cut:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._port))
                self._open += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        self.is_cut = True
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.cut()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        for end in (self._listening, *self._open):
            end.close()


@contextmanager
def relaying(target: str) -> Iterator[Relay]:
    relay = Relay(target)
    threading.Thread(target=relay.serve, daemon=True).start()
    try:
        yield relay
    finally:
        relay.close()
