"""`python -m tests.fuzz`: damaged and hostile files by the thousand, each read in a process with limits.

Number N of seed S is always the same change to the same kind of file: `--seed S --only N` plays it again. What fails
is kept in the folder given by `--keep`, with what was said. Exit status 1 if anything failed.
"""

import argparse
import json
import os
import queue
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.mutants import change
from tests.fuzz.seeds import Seed, write_seeds

MAX_SECONDS = 20.0
MAX_MEGABYTES = 1024
ADDRESS_SPACE_BYTES = 16 * 2**30
"""Keeps the machine alive if a reader asks for everything; what it holds is measured against MAX_MEGABYTES."""
SHARES = {"video": 0.8, "subtitles": 0.04, "run": 0.05, "cache": 0.08, "reply": 0.03}
MUTANTS_A_WORKER = 200


@dataclass(frozen=True)
class Finding:
    """What became of one mutant."""

    number: int
    what: str
    result: str
    seconds: float
    megabytes: int
    said: str = ""
    trace: str = ""

    @property
    def is_failure(self) -> bool:
        return not self.result.startswith(("read", "refused"))


class Worker:
    """One process that reads mutants; another takes its place when it is killed."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  as long as the process
        self._done = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES)),
        )
        self._lines: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self._listen, args=(self._process, self._lines), daemon=True).start()
        self._lines.get(timeout=120)

    @staticmethod
    def _listen(process: "subprocess.Popen[bytes]", lines: "queue.Queue[bytes]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)
        lines.put(b"")

    def read(self, told: dict[str, Any]) -> dict[str, Any]:
        """What the process says, or that it hung or died; past the time, the process is killed."""
        if self._done >= MUTANTS_A_WORKER:
            self.close()
            self._start()
        self._done += 1
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(told).encode() + b"\n")
        self._process.stdin.flush()
        try:
            line = self._lines.get(timeout=MAX_SECONDS)
        except queue.Empty:
            line = None
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        if line is None:
            self._process.send_signal(signal.SIGUSR1)  # says where it is
            time.sleep(0.5)
        self._process.kill()
        status = self._process.wait()
        self._log.seek(0)
        trace = self._log.read()[-3000:].decode(errors="replace")
        self._start()
        return {"result": f"died with status {status}" if line == b"" else "hung", "trace": trace, "megabytes": 0}

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


def make_mutant(seeds: Sequence[Seed], seed: int, number: int, folder: Path) -> tuple[str, dict[str, Any]]:
    """What was done to what, and what the worker is told; the file lies in `folder`."""
    random = Random(f"{seed}/{number}")
    kind = random.choices(list(SHARES), list(SHARES.values()))[0]
    chosen = random.choice([one for one in seeds if one.kind == kind])
    if kind == "cache":
        cache = folder / "cache"
        shutil.copytree(chosen.path, cache)
        changed, done = change((cache / chosen.inside).read_bytes(), f"{chosen.inside}", random)
        (cache / chosen.inside).write_bytes(changed)
        video = chosen.path.parent / "h264.mp4"
        return f"{done} of {chosen.inside}", {"kind": kind, "path": str(video), "cache": str(cache)}
    changed, done = change(chosen.path.read_bytes(), chosen.path.name, random)
    path = folder / chosen.path.name
    path.write_bytes(changed)
    if kind == "run":
        shutil.copy(chosen.path.parent / "h264.mp4", folder / "of_run.mp4")
    return f"{done} of {chosen.path.name}", {"kind": kind, "path": str(path), "cache": None}


def try_mutant(worker: Worker, seeds: Sequence[Seed], seed: int, number: int, keep: Path) -> Finding:
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        folder = Path(name)
        what, told = make_mutant(seeds, seed, number, folder)
        kept = keep / f"{seed}-{number}"
        copied = shutil.copytree(folder, kept, dirs_exist_ok=True)
        started = time.monotonic()
        said = worker.read(told)
        seconds = time.monotonic() - started
        result, megabytes = said["result"], said["megabytes"]
        if megabytes > MAX_MEGABYTES and result.startswith(("read", "refused")):
            result = f"took {megabytes} MB"
        found = Finding(number, what, result, seconds, megabytes, said.get("said", ""), said.get("trace", ""))
        if found.is_failure:
            about = f"{what}\n{found.result}, {seconds:.1f} s, {megabytes} MB\n{found.said}\n\n{found.trace}"
            (copied / "finding.txt").write_text(about, encoding="utf-8")
        else:
            shutil.rmtree(copied)
        return found


def run(seed: int, numbers: Sequence[int], processes: int, keep: Path) -> list[Finding]:
    """Tries those mutants in that many processes at a time."""
    keep.mkdir(parents=True, exist_ok=True)
    left: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in numbers:
        left.put(number)
    findings: list[Finding] = []
    with tempfile.TemporaryDirectory(prefix="fuzz-seeds-") as folder:
        seeds = write_seeds(Path(folder))
        print(f"{len(seeds)} seeds", flush=True)

        def work() -> None:
            worker = Worker()
            while True:
                try:
                    number = left.get_nowait()
                except queue.Empty:
                    break
                found = try_mutant(worker, seeds, seed, number, keep)
                findings.append(found)
                if found.is_failure:
                    print(f"{seed}-{number}: {found.result}: {found.what}: {found.said[:100]}", flush=True)
            worker.close()

        threads = [threading.Thread(target=work) for _ in range(processes)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return findings


def print_summary(findings: Sequence[Finding], seconds: float, keep: Path) -> None:
    failed = [found for found in findings if found.is_failure]
    print(f"\n{len(findings)} mutants in {seconds:.0f} s: {len(failed)} failed")
    for result, count in Counter(found.result.partition(":")[0] for found in findings).most_common():
        print(f"  {count:5} {result}")
    if findings:
        slowest, largest = max(findings, key=lambda f: f.seconds), max(findings, key=lambda f: f.megabytes)
        print(f"slowest {slowest.seconds:.1f} s ({slowest.number}), largest {largest.megabytes} MB ({largest.number})")
    if failed:
        print(f"kept in {keep}: {', '.join(str(found.number) for found in sorted(failed, key=lambda f: f.number))}")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, metavar="N")
    parser.add_argument("--first", type=int, default=0, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="S")
    parser.add_argument("--only", type=int, action="append", metavar="N", help="this number alone; may be repeated")
    parser.add_argument("--processes", type=int, default=2, metavar="N")
    parser.add_argument("--keep", type=Path, default=Path("runs/fuzz"), metavar="FOLDER")
    options = parser.parse_args(arguments)
    started = time.monotonic()
    numbers = options.only or list(range(options.first, options.first + options.count))
    findings = run(options.seed, numbers, options.processes, options.keep)
    print_summary(findings, time.monotonic() - started, options.keep)
    return 1 if any(found.is_failure for found in findings) else 0


if __name__ == "__main__":
    sys.exit(main())
