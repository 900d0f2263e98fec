"""The checkup as data: what would answer a question on this machine, and which policies can."""

import json

import pytest

from agent.cli import main


def test_the_checkup_says_which_policy_is_used_by_default_and_which_there_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDEOSLEUTH_POLICY", "http:m@http://localhost:8000/v1")
    main(["doctor", "--json"])
    told = json.loads(capsys.readouterr().out)
    parts = {part["part"]: part for part in told["parts"]}
    assert parts["policy used by default"]["state"] == ("http:m@http://localhost:8000/v1: VIDEOSLEUTH_POLICY names it")
    assert parts["policy lite"]["is_fine"]
    assert parts["policy http"]["is_fine"]
