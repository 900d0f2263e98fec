"""`python -m tests.fuzz.doors`: hostile videos and requests by the thousand, against a real server with its workers.

A video is uploaded, or stands in the request, and is asked about; a request is one that the OpenAPI document allows,
changed. Number N of seed S is always the same: `--seed S --only-video N` and `--only-request N` play it again. Each
gets an answer in the form of the API within its time, without traceback or path of the server; no worker dies, nothing
in the folder beside the allowed one is opened, and the server keeps no file or process. Exit status 1 otherwise.
"""

import argparse
import base64
import ctypes
import json
import os
import queue
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import unquote

import httpx2

from agent.trajectory import Answer, Calls, Evidence, ToolCall, Turn, from_json
from tests.agent.doors.http.server import ROOT, Held, RunningServer, serving, wait_for_calm, write_script
from tests.clips import write_clip
from tests.fuzz.mutants import change
from tests.fuzz.requests import HostileRequest, RequestMaker
from tests.fuzz.seeds import write_seeds

QUESTION_SECONDS = 20.0
MAX_SECONDS = QUESTION_SECONDS + 10
"""Time from the upload to the answer."""
SECRET = "the words of the secret file"
LOOKS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("overview", {"count": 4}),
    ("select_frames", {"start": 0.0, "stop": 2.0, "count": 3}),
    ("list_shots", {}),
    ("search_frames", {"query": "red"}),
    ("zoom", {"seconds": 0.0, "box": [0, 0, 0.5, 0.5]}),
)
TURNS = (
    Turn("", Calls(tuple(ToolCall(f"t1c{n + 1}", name, given) for n, (name, given) in enumerate(LOOKS)))),
    Turn("", Answer("four", confidence=0.8, evidence=(Evidence(0.0, 1.0, ("t1c1",)),))),
)
_LISTS = {
    "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{secret}\n#EXT-X-ENDLIST\n",
    "list.ffconcat": "ffconcat version 1.0\nfile '{secret}'\nduration 1\n",
    "list.mpd": "<MPD><Period><AdaptationSet><Representation><BaseURL>{secret}</BaseURL></Representation></AdaptationSet></Period></MPD>",  # noqa: E501
    "list.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\na=control:{secret}\n",
    "frames.txt": "{secret}\n",
}
"""Files that name another one, which is outside the allowed folder."""


@dataclass
class Opened:
    """Whether any process opened a file of a folder, by what the kernel tells (Linux)."""

    folder: Path
    _libc: ctypes.CDLL = field(default_factory=lambda: ctypes.CDLL(None), repr=False)

    def __post_init__(self) -> None:
        self._watch = self._libc.inotify_init1(os.O_NONBLOCK)
        in_open = 0x20
        assert self._libc.inotify_add_watch(self._watch, os.fsencode(self.folder), in_open) >= 0
        next(self.folder.glob("*.mp4")).read_bytes()
        assert self.is_so(), "the watch sees nothing"

    def is_so(self) -> bool:
        """Whether one was opened since the last time."""
        try:
            return bool(os.read(self._watch, 2**16))
        except BlockingIOError:
            return False


@dataclass(frozen=True)
class Finding:
    """What became of one video or request."""

    kind: str
    number: int
    what: str
    result: str
    seconds: float
    is_failure: bool = False


class Target:
    """A server under attack, and what its answers may not be."""

    def __init__(self, server: RunningServer, seeds: Sequence[Path], outside: Path) -> None:
        self.server = server
        self.seeds = seeds
        self.http = server.client()
        folders = (server.state, ROOT, outside, outside.parent / "videos")
        self._private = (*map(str, folders), "site-packages", "root:x:0", SECRET, "Traceback")
        upload = self.http.post("/v1/files", files={"file": ("mine.mp4", seeds[0].read_bytes())}).json()["id"]
        job = self._wait(self.http.post("/v1/jobs", json={"video": "clip.mp4", "question": "How many?"}).json()["id"])
        names = (str(outside / "secret.mp4"), f"../{outside.name}/secret.mp4", f"file://{outside}/secret.mp4")
        texts = (str(outside / "secret.srt"), "link.mp4", f"What is in {outside}/secret.mp4?")
        self._names = names + texts
        folders = (".", "./", str(outside), f"../{outside.name}", str(server.state / "files"))
        given = (*names, *texts, *folders, upload, job["id"], "clip.mp4")
        self._maker = RequestMaker(self.http.get("/openapi.json").json(), given)

    def try_video(self, seed: int, number: int) -> tuple[str, str]:
        """What was done to a video, and what came of it: a status, or what is wrong."""
        random = Random(f"{seed}/video/{number}")
        if random.random() < 0.1:
            name = random.choice(sorted(_LISTS))
            data = _LISTS[name].format(secret=random.choice(self._names)).encode()
        else:
            chosen = random.choice(self.seeds)
            name, data = chosen.name, chosen.read_bytes()
        data, done = change(data, name, random) if random.random() < 0.95 else (data, "nothing")
        what = f"{done} of {name}"
        asked = {"question": "How many?", "max_seconds": QUESTION_SECONDS}
        if random.random() < 0.3:
            uri = f"data:video/{name.rpartition('.')[2]};base64,{base64.b64encode(data).decode()}"
            return f"{what} in a chat", self._try_chat(uri)
        upload = self.http.post("/v1/files", files={"file": (name, data)})
        if (wrong := self.find_wrong(upload)) or upload.status_code != 200:
            return what, wrong or f"refused {upload.status_code}"
        asked["video"] = upload.json()["id"]
        started = self.http.post("/v1/jobs", json=asked)
        if (wrong := self.find_wrong(started)) or started.status_code != 202:
            return what, wrong or f"refused {started.status_code}"
        said = self._judge(started.json()["id"])
        self.http.delete(f"/v1/files/{asked['video']}")
        return what, said

    def _try_chat(self, uri: str) -> str:
        content = [{"type": "text", "text": "How many?"}, {"type": "video_url", "video_url": {"url": uri}}]
        chat = {"model": "video-sleuth", "messages": [{"role": "user", "content": content}]}
        answered = self.http.post(
            "/v1/chat/completions", json=chat | {"video_sleuth": {"max_seconds": QUESTION_SECONDS}}
        )
        if wrong := self.find_wrong(answered):
            return wrong
        if answered.status_code != 200:
            return f"refused {answered.status_code}"
        return str(answered.json()["video_sleuth"]["status"])

    def _judge(self, job: str) -> str:
        ended = self._wait(job)
        status = str(ended["status"])
        outcome = (self.server.state / "jobs" / job / "outcome.json").read_text()
        if '"event": "restarted"' in outcome:
            return f"WRONG: a worker died, then {status}"
        if status in ("failed", "crashed", "lost", "waiting", "running"):
            return f"WRONG: {status}: {ended['error']}"
        if ended["result"] is not None:
            saved = self.http.get(f"/v1/jobs/{job}/trajectory")
            if wrong := self.find_wrong(saved):
                return wrong
            from_json(saved.content)
        return status if ended["result"] is not None or ended["error"] else f"WRONG: {status} without a reason"

    def _wait(self, job: str) -> dict[str, Any]:
        answered = self.http.get(f"/v1/jobs/{job}", params={"wait_seconds": 60})
        ended: dict[str, Any] = answered.json()
        wrong = self.find_wrong(answered)
        return ended | {"status": "failed", "error": wrong} if wrong else ended

    def try_request(self, seed: int, number: int) -> tuple[str, str]:
        """What a request was, and what came of it."""
        random = Random(f"{seed}/request/{number}")
        made = self._maker.make(random)
        sent = unquote(made.path) + made.body.decode(errors="replace")
        if random.random() < 0.15 or "content-length" in made.headers:
            return self._send_raw(made, random)
        try:
            request = self.http.build_request(made.method, made.path, content=made.body, headers=dict(made.headers))
            answered = self.http.send(request)
        except (httpx2.InvalidURL, httpx2.LocalProtocolError, UnicodeEncodeError):  # no client sends it
            return self._send_raw(made, random)
        return made.what, self.find_wrong(answered, sent) or f"{answered.status_code}"

    def _send_raw(self, made: HostileRequest, random: Random) -> tuple[str, str]:
        """Sends bytes that need not be HTTP, and reads what comes until the connection ends or is left open."""
        address = httpx2.URL(self.server.url)
        sent, done = change(made.as_bytes(f"{address.host}:{address.port}"), "request", random)
        read = b""
        with socket.create_connection((address.host, address.port or 80), timeout=1) as connection:
            try:
                connection.sendall(sent)
                while chunk := connection.recv(2**16):
                    read += chunk
            except TimeoutError:  # it waits for more of the body
                pass
            except ConnectionError:
                pass
        text = read.decode(errors="replace")
        status = text.partition("\r\n")[0].split(" ")[1:2]
        wrong = self._find_private(text, sent.decode(errors="replace")) or (
            "WRONG: status 500" if status == ["500"] else ""
        )
        return f"{made.what}, bytes: {done}", wrong or f"raw {''.join(status) or 'none'}"

    def find_wrong(self, answered: httpx2.Response, sent: str = "") -> str:
        """What is wrong with an answer; empty for nothing."""
        text = answered.text
        if answered.status_code >= 500:
            return f"WRONG: status {answered.status_code}: {text[:300]}"
        if private := self._find_private(text, sent):
            return private
        if answered.status_code >= 400 and answered.request.method != "HEAD":
            try:
                message = answered.json()["error"]["message"]
            except (ValueError, LookupError, TypeError):
                message = None
            if not message:
                return f"WRONG: no error in the form of the API: {text[:300]}"
        return ""

    def _find_private(self, text: str, sent: str) -> str:
        found = [private for private in self._private if private in text and private not in sent]
        return f"WRONG: it tells {found[0]}: {text[:1000]}" if found else ""


Try = Callable[[int, int], tuple[str, str]]
"""What was done to a number of a seed, and what came of it."""


def run(kind: str, tries: Try, numbers: Sequence[int], seed: int, outside: Opened) -> list[Finding]:
    """Tries those numbers, two at a time."""
    left: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in numbers:
        left.put(number)
    findings: list[Finding] = []

    def work() -> None:
        while True:
            try:
                number = left.get_nowait()
            except queue.Empty:
                return
            begun = time.monotonic()
            try:
                what, result = tries(seed, number)
            except Exception as error:
                what, result = "", f"WRONG: {type(error).__name__}: {error}"
            seconds = time.monotonic() - begun
            if seconds > MAX_SECONDS:
                result = f"WRONG: took {seconds:.1f} s: {result}"
            if outside.is_so():
                result = f"WRONG: a file outside was opened: {result}"
            found = Finding(kind, number, what, result, seconds, result.startswith("WRONG"))
            findings.append(found)
            if found.is_failure:
                print(f"{kind} {seed}-{number}: {found.what}: {found.result}", flush=True)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return findings


@contextmanager
def attacked(folder: Path, seeds: Sequence[Path]) -> Iterator[tuple[Target, Opened]]:
    """A server with one good video in its folder and a link in it to a file outside."""
    for name in ("videos", "outside"):
        (folder / name).mkdir()
    write_clip(folder / "videos" / "clip.mp4", frames=10)
    shutil.copy(folder / "videos" / "clip.mp4", folder / "outside" / "secret.mp4")
    (folder / "outside" / "secret.srt").write_text(f"1\n00:00:00,000 --> 00:00:09,000\n{SECRET}\n")
    (folder / "videos" / "link.mp4").symlink_to(folder / "outside" / "secret.mp4")
    policy = write_script(folder / "turns.json", TURNS)
    with serving(folder, folder / "videos", workers=2, waiting=10_000, kept_jobs=100, policy=policy) as server:
        yield Target(server, seeds, folder / "outside"), Opened(folder / "outside")


def attack(
    folder: Path, seeds: Sequence[Path], videos: Sequence[int], requests: Sequence[int], seed: int
) -> list[Finding]:
    """Tries all, then looks at the server: what it logged, what it holds, whether the last jobs ended well."""
    with attacked(folder, seeds) as (target, outside):
        before = Held.of(target.server)
        findings = run("video", target.try_video, videos, seed, outside)
        findings += run("request", target.try_request, requests, seed, outside)
        target.http.close()
        after = wait_for_calm(target.server, before)
        said = [line for line in target.server.log if line.get("level") in ("error", "critical") or "level" not in line]
        ended = [line["status"] for line in target.server.log if line["message"] == "worker ended"]
        bad = Counter(line["status"] for line in target.server.log if line["message"] == "job ended")
        wrong = {
            "logged": said[:5],
            "workers that ended": ended,
            "jobs that failed": {status: bad[status] for status in ("failed", "crashed", "lost") if bad[status]},
            "held more": () if after.is_within(before) else (before, after),
        }
        print(f"jobs: {dict(bad)}; held before {before}, after {after}", flush=True)
        findings += [Finding("server", 0, what, f"WRONG: {found}", 0.0, True) for what, found in wrong.items() if found]
    return findings


def print_summary(findings: Sequence[Finding], seconds: float) -> None:
    print(f"\n{len(findings)} in {seconds:.0f} s: {sum(found.is_failure for found in findings)} failed")
    for (kind, result), count in Counter((f.kind, f.result.partition(":")[0]) for f in findings).most_common():
        print(f"  {count:5} {kind} {result}")
    for found in findings:
        if found.kind == "server":
            print(f"{found.what}: {json.dumps(found.result)[:2000]}")
    slowest = max(findings, key=lambda found: found.seconds)
    print(f"slowest {slowest.seconds:.1f} s ({slowest.kind} {slowest.number})")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tests.fuzz.doors", description=__doc__)
    parser.add_argument("--videos", type=int, default=200, metavar="N")
    parser.add_argument("--requests", type=int, default=200, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="S")
    parser.add_argument("--only-video", type=int, action="append", metavar="N", help="this number; may be repeated")
    parser.add_argument("--only-request", type=int, action="append", metavar="N", help="this number; may be repeated")
    options = parser.parse_args(arguments)
    is_replay = options.only_video is not None or options.only_request is not None
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fuzz-doors-") as name:
        seeds = [seed.path for seed in write_seeds(Path(name) / "seeds") if seed.kind == "video"]
        print(f"{len(seeds)} seeds", flush=True)
        findings = attack(
            Path(name),
            seeds,
            options.only_video or ([] if is_replay else range(options.videos)),
            options.only_request or ([] if is_replay else range(options.requests)),
            options.seed,
        )
    print_summary(findings, time.monotonic() - started)
    return 1 if any(found.is_failure for found in findings) else 0


if __name__ == "__main__":
    sys.exit(main())
