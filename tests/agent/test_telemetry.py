"""The main job in a network of its own: no name is looked up, and nothing is left behind but our own cache."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.drawn_clips import draw_clip, page
from tools.telemetry import OPT_OUTS

ROOT = Path(__file__).parent.parent.parent
UNSHARE = ("unshare", "--user", "--map-root-user", "--net", "--mount")


def can_unshare() -> bool:
    return bool(shutil.which("unshare")) and subprocess.run([*UNSHARE, "true"], capture_output=True).returncode == 0


isolated = pytest.mark.skipif(not can_unshare(), reason="needs Linux, and a user who may make network namespaces")


def run_isolated(home: Path, *command: str, **environment: str) -> dict[str, Any]:
    """What `tests/isolated.py` says of the command, run with `home` as an empty home."""
    kept = {name: value for name, value in os.environ.items() if name not in OPT_OUTS and not name.startswith("XDG_")}
    kept.pop("VIDEOSLEUTH_CACHE", None)
    inside = [*UNSHARE, sys.executable, str(ROOT / "tests" / "isolated.py"), *command]
    done = subprocess.run(
        inside, capture_output=True, text=True, check=True, cwd=ROOT, env=kept | {"HOME": str(home)} | environment
    )
    return json.loads(done.stdout.splitlines()[-1])


@isolated
def test_the_name_server_of_this_test_hears_a_look_up(tmp_path: Path) -> None:
    look_up = "import socket\ntry: socket.gethostbyname('asked.example')\nexcept OSError: pass"
    assert "asked.example" in run_isolated(tmp_path, sys.executable, "-c", look_up)["asked"]


@isolated
@pytest.mark.weights
def test_the_main_job_looks_up_no_host_and_leaves_nothing_but_the_cache(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("faster_whisper")
    home = tmp_path / "home"
    home.mkdir()
    sign = page("GATE 12")
    hum = np.sin(np.arange(32_000) / 20).astype(np.float32) / 4
    clip = draw_clip(tmp_path / "clip.mp4", lambda _: sign, seconds=2.0, fps=5, sound=hum)
    command = (
        sys.executable,
        "-m",
        "agent.cli",
        "ask",
        str(clip),
        "What is written on the sign, and what is said?",
    )

    told = run_isolated(home, *command, "--report", str(tmp_path / "report.html"))

    assert told["asked"] == []
    assert "GATE 12" in told["output"]
    left = [path.relative_to(home) for path in home.rglob("*") if path.is_file()]
    assert left
    assert [path for path in left if not path.is_relative_to(Path(".cache", "videosleuth"))] == []


def test_every_switch_is_set_where_the_user_has_not_set_it() -> None:
    show = "import os, tools.ocr, tools.telemetry; print({n: os.environ[n] for n in tools.telemetry.OPT_OUTS})"
    kept = {name: value for name, value in os.environ.items() if name not in OPT_OUTS}
    chosen = kept | {"ORT_DISABLE_TELEMETRY": "0"}

    def switches(environment: dict[str, str]) -> str:
        done = subprocess.run(
            [sys.executable, "-c", show], capture_output=True, text=True, check=True, cwd=ROOT, env=environment
        )
        return done.stdout.strip()

    assert switches(kept) == repr(OPT_OUTS)
    assert switches(chosen) == repr(OPT_OUTS | {"ORT_DISABLE_TELEMETRY": "0"})
