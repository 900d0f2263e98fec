"""A page in a real browser, in a frame of a given width. Runs where VIDEOSLEUTH_BROWSER names a Chromium."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

BROWSER = shutil.which(os.environ.get("VIDEOSLEUTH_BROWSER", ""))
needs_browser = pytest.mark.skipif(BROWSER is None, reason="VIDEOSLEUTH_BROWSER names no browser")

_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--enable-logging=stderr"),
    *("--allow-file-access-from-files", "--virtual-time-budget=3000"),
)
_HARNESS = """<!doctype html><iframe id=page style="width:%dpx;height:900px;border:0" src="%s"></iframe><script>
addEventListener("load", () => {
  const view = document.getElementById("page").contentWindow, page = view.document, root = page.documentElement;
  const said = {overflow: root.scrollWidth - root.clientWidth, hacked: "hacked" in view};
  %s
  document.body.append(Object.assign(document.createElement("pre"), {textContent: JSON.stringify(said)}));
});</script>"""


@dataclass(frozen=True)
class Looked:
    """What came of looking at a page."""

    said: dict[str, Any]
    """`overflow` in pixels, `hacked`: whether its words ran as a script; and what was looked for besides."""
    logged: str
    """By the browser: refused requests, errors."""


def look(page: Path, width: int, script: str = "") -> Looked:
    """Opens a page in a frame `width` pixels wide.

    Args:
        page: a file; the harness is written beside it.
        width: of the frame.
        script: sets properties of `said` from `page`, its document, and `view`, its window.
    """
    harness = page.with_name("harness.html")
    harness.write_text(_HARNESS % (width, page.name, script), encoding="utf-8")
    command = [str(BROWSER), *_FLAGS, f"--user-data-dir={page.parent / 'profile'}", "--dump-dom", harness.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    measured = re.search(r"<pre>(\{.*?\})</pre>", done.stdout)
    assert measured is not None, done.stdout[-500:]
    logged = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return Looked(json.loads(measured[1]), "\n".join(logged))
