"""The measurement of the server runs with a few questions; what it measures there says nothing about speed."""

import pytest

from evals.perf import serving


def test_a_quick_run_prints_a_table_in_which_every_question_is_answered(capsys: pytest.CaptureFixture[str]) -> None:
    rows = serving.main(["--quick", "--encoder", "hashing"])
    values = {row.what: row.value for row in rows}
    assert values["answers"] == 40
    assert values["429s, each asked again"]
    assert rows[0].value == 0
    assert len(capsys.readouterr().out.splitlines()) == 2 + len(rows)
