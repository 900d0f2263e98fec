"""A page in a real browser, in a frame of a given width or driven by hand. Needs a Chromium in VIDEOSLEUTH_BROWSER."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

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


# the browser takes commands on descriptor 3 and answers on 4, whatever ours are called
_LAUNCHER = """
import fcntl, os, sys
high = [fcntl.fcntl(int(ours), fcntl.F_DUPFD, 10) for ours in sys.argv[1:3]]
for theirs, ours in zip((3, 4), high):
    os.dup2(ours, theirs)
os.execv(sys.argv[3], sys.argv[3:])
"""
_KEYS = {"Enter": (13, "\r"), "Tab": (9, ""), " ": (32, " "), "Escape": (27, ""), "ArrowRight": (39, "")}


@dataclass
class Tab:
    """A page that is driven: the DevTools protocol over pipes."""

    commands: IO[bytes]
    answers: IO[bytes]
    session: str = ""
    logged: list[str] = field(default_factory=list)
    """Refused requests, errors and what the page logs."""
    _last: int = 0

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        self.commands.write(
            json.dumps(message | ({"sessionId": self.session} if self.session else {})).encode() + b"\0"
        )
        self.commands.flush()
        while True:
            answer = json.loads(_read_message(self.answers))
            if answer.get("id") == self._last:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result
            self._note(answer)

    def run(self, script: str) -> Any:
        """The value of an expression in the page, or of its promise."""
        given = self.send(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        assert "exceptionDetails" not in given, given["exceptionDetails"]
        return given["result"].get("value")

    def wait(self, condition: str, seconds: float = 120) -> None:
        """Waits until an expression is true."""
        ends_at = time.monotonic() + seconds
        while not self.run(f"Boolean({condition})"):
            assert time.monotonic() < ends_at, (condition, self.run("document.body.innerText"), self.logged)
            time.sleep(0.1)

    def open(self, url: str, width: int, is_dark: bool = False) -> None:
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])
        self.send("Page.navigate", url=url)
        self.wait("location.href !== 'about:blank' && document.readyState === 'complete'")

    def press(self, key: str, shift: bool = False) -> None:
        code, text = _KEYS[key]
        pressed: dict[str, Any] = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        self.send("Input.dispatchKeyEvent", type="keyDown", **pressed, **({"text": text} if text else {}))
        self.send("Input.dispatchKeyEvent", type="keyUp", **pressed)

    def type(self, text: str) -> None:
        self.send("Input.insertText", text=text)

    def give_file(self, selector: str, file: Path) -> None:
        root = self.send("DOM.getDocument")["root"]["nodeId"]
        node = self.send("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.send("DOM.setFileInputFiles", nodeId=node, files=[str(file)])

    def shoot(self, file: Path) -> None:
        """Writes a picture of the whole page."""
        file.write_bytes(b64decode(self.send("Page.captureScreenshot", captureBeyondViewport=True)["data"]))

    def find_violations(self) -> list[str]:
        """What axe-core finds wrong, the serious and worse."""
        spec = find_spec("axe_playwright_python")
        assert spec is not None, "`make test-browser` installs it"
        assert spec.origin is not None
        self.run(Path(spec.origin).with_name("axe.min.js").read_text(encoding="utf-8") + ";0")
        found = self.run("axe.run().then((r) => r.violations)")
        return [
            f"{one['id']}: {node['html']:.200} {node['failureSummary']}"
            for one in found
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]

    def _note(self, message: dict[str, Any]) -> None:
        given = message.get("params", {})
        match message.get("method"):
            case "Log.entryAdded":
                self.logged.append(f"{given['entry']['text']} {given['entry'].get('url', '')}")
            case "Runtime.exceptionThrown":
                self.logged.append(str(given["exceptionDetails"]))
            case "Runtime.consoleAPICalled":
                self.logged.append(str([one.get("value") for one in given["args"]]))


@contextmanager
def driven(profile: Path) -> Iterator[Tab]:
    """A tab of a browser of its own.

    Args:
        profile: folder of what the browser keeps.
    """
    theirs, commands = os.pipe()
    answers, out = os.pipe()
    flags = (*_FLAGS[:4], "--remote-debugging-pipe", f"--user-data-dir={profile}")
    process = subprocess.Popen(
        [sys.executable, "-c", _LAUNCHER, str(theirs), str(out), str(BROWSER), *flags],
        pass_fds=(theirs, out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs)
    os.close(out)
    with open(commands, "wb") as to, open(answers, "rb") as back:  # noqa: PTH123
        try:
            tab = Tab(to, back)
            target = tab.send("Target.createTarget", url="about:blank")["targetId"]
            tab.session = tab.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Log", "DOM", "Network"):
                tab.send(f"{domain}.enable")
            yield tab
        finally:
            process.kill()
            process.wait()


def _read_message(answers: IO[bytes]) -> bytes:
    message = bytearray()
    while (byte := answers.read(1)) != b"\0":
        assert byte, "the browser has ended"
        message += byte
    return bytes(message)
