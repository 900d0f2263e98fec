"""That it measures both; which is faster depends on what else the machine does, and is no test."""

from pathlib import Path

import pytest

from rl import openmp_benchmark
from tests.tiny_llama import tiny_llama


def test_both_are_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(tiny_llama(tmp_path))
    assert openmp_benchmark._command_line(["--rows", "2", "--repeats", "1", "--model", folder]) == 0
    said = capsys.readouterr().out.split()
    assert said[:2] == ["2", "rows:"]
    assert float(said[2]) >= 0
    assert float(said[-2]) > 0
