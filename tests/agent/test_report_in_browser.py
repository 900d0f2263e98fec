"""The report in a real browser, narrow and wide: `make test-browser`."""

import io
from pathlib import Path

import pytest
from PIL import Image

from agent.report.html import write_report
from agent.trajectory import (
    Answer,
    Calls,
    Evidence,
    Link,
    Question,
    Result,
    Step,
    Stop,
    ToolCall,
    Trajectory,
    Turn,
    VideoFacts,
)
from tests.browser import look, needs_browser
from tools.observation import Finding, FrameRef, Observation

pytestmark = needs_browser

LONG = "averylongwordwithoutanybreak" * 12
FRAMES = tuple(FrameRef(2.5 + 5 * i, 180, 320) for i in range(12))

USED = """
  const first = page.querySelector(".frame .glass"), viewer = page.getElementById("viewer");
  said.role = first.getAttribute("role");
  said.pictures = [...page.querySelectorAll("svg.canvas")].filter((c) => c.getBoundingClientRect().height > 20).length;
  said.players = page.querySelectorAll(".reel video[src$='#t=1.50,3.50']").length;
  first.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", bubbles: true}));
  said.opened = viewer.open;
  const caption = viewer.querySelector(".caption").textContent;
  for (const _ of "12") viewer.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight"}));
  said.moved = viewer.querySelector(".caption").textContent !== caption;
  viewer.querySelector("[data-close]").click();
  said.closed = !viewer.open;
"""


def picture(ref: FrameRef) -> bytes:
    coded = io.BytesIO()
    Image.new("RGB", (ref.width, ref.height), (int(ref.seconds * 4) % 256, 120, 90)).save(coded, "JPEG")
    return coded.getvalue()


def played() -> Trajectory:
    hostile = f"<script>window.hacked = 1</script> {LONG}"
    found = Finding("text", 2.5, 3.0, hostile, 0.9, (0.2, 0.2, 0.6, 0.4))
    look = Step(
        Turn(hostile, Calls((ToolCall("t1c1", "overview", {"count": 12, "why": hostile}),))),
        (Result("t1c1", Observation(hostile, FRAMES, (found,))),),
    )
    rests_on = (Evidence(2.0, 3.0, ("t1c1",), FRAMES[:1], hostile, "screen text"),)
    chain = (Link(hostile, hostile, rests_on), Link(hostile, hostile))
    answer = Answer(hostile, 0, 0.7, rests_on, chain=chain)
    question = Question("/videos/v.mp4", hostile, (hostile, "b"))
    steps = (look, Step(Turn("", answer)))
    return Trajectory(question, VideoFacts("h", 60.0, 640, 360), "scripted", steps=steps, stop=Stop.ANSWERED)


@pytest.mark.parametrize("width", [360, 768, 1400])
def test_the_page_fits_its_width_and_its_script_runs_under_its_own_policy(tmp_path: Path, width: int) -> None:
    write_report(played(), tmp_path / "report.html", picture)
    looked = look(tmp_path / "report.html", width, USED)
    assert looked.said == {
        "overflow": 0,
        "role": "button",
        "pictures": 15,  # the lead picture, a step's, the exhibit, twelve of the overview
        "players": 1,
        "opened": True,
        "moved": True,
        "closed": True,
        "hacked": False,
    }
    assert looked.logged == ""
