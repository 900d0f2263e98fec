"""The report in a real browser, narrow and wide. Runs where VIDEOSLEUTH_BROWSER names a Chromium:

VIDEOSLEUTH_BROWSER=chromium python -m pytest tests/agent/test_report_in_browser.py
"""

import io
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from agent.report import write_report
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
from tools.observation import Finding, FrameRef, Observation

BROWSER = shutil.which(os.environ.get("VIDEOSLEUTH_BROWSER", ""))
pytestmark = pytest.mark.skipif(BROWSER is None, reason="VIDEOSLEUTH_BROWSER names no browser")

LONG = "averylongwordwithoutanybreak" * 12
FRAMES = tuple(FrameRef(2.5 + 5 * i, 180, 320) for i in range(12))

HARNESS = """<!doctype html><iframe id=page style="width:%dpx;height:900px;border:0" src="report.html"></iframe><script>
addEventListener("load", () => {
  const page = document.getElementById("page").contentDocument, root = page.documentElement;
  const first = page.querySelector(".frame .glass"), viewer = page.getElementById("viewer");
  const said = {overflow: root.scrollWidth - root.clientWidth, role: first.getAttribute("role")};
  said.pictures = [...page.querySelectorAll("svg.canvas")].filter((c) => c.getBoundingClientRect().height > 20).length;
  first.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", bubbles: true}));
  said.opened = viewer.open;
  const caption = viewer.querySelector(".caption").textContent;
  for (const _ of "12") viewer.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight"}));
  said.moved = viewer.querySelector(".caption").textContent !== caption;
  viewer.querySelector("[data-close]").click();
  said.closed = !viewer.open;
  said.hacked = "hacked" in document.getElementById("page").contentWindow;
  document.body.append(Object.assign(document.createElement("pre"), {textContent: JSON.stringify(said)}));
});</script>"""


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


def seen(folder: Path, width: int) -> tuple[dict[str, Any], str]:
    """What the harness measures, and what the browser logged."""
    write_report(played(), folder / "report.html", picture)
    (folder / "harness.html").write_text(HARNESS % width, encoding="utf-8")
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--enable-logging=stderr",
    ]
    flags += ["--allow-file-access-from-files", f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=3000"]
    target = (folder / "harness.html").as_uri()
    done = subprocess.run(
        [str(BROWSER), *flags, "--dump-dom", target], capture_output=True, text=True, timeout=60, check=True
    )
    measured = re.search(r"<pre>(\{.*?\})</pre>", done.stdout)
    assert measured is not None, done.stdout[-500:]
    logged = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return json.loads(measured[1]), "\n".join(logged)


@pytest.mark.parametrize("width", [360, 768, 1400])
def test_the_page_fits_its_width_and_its_script_runs_under_its_own_policy(tmp_path: Path, width: int) -> None:
    measured, logged = seen(tmp_path, width)
    assert measured == {
        "overflow": 0,
        "role": "button",
        "pictures": 15,  # the lead picture, a step's, the exhibit, twelve of the overview
        "opened": True,
        "moved": True,
        "closed": True,
        "hacked": False,
    }
    assert logged == ""
