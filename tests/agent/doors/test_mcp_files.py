"""What hosts, the registry and assistants with skills read about the MCP door is true."""

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest

from agent.cli.main import build_parser, main

ROOT = Path(__file__).parents[3]
SKILL = (ROOT / "skills" / "video-sleuth" / "SKILL.md").read_text(encoding="utf-8")


def configured() -> list[dict[str, Any]]:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    files = [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```$", readme, re.S | re.M)]
    return [server for file in files for servers in file.values() for server in servers.values()]


def test_what_hosts_are_told_is_a_command() -> None:
    assert len(configured()) == 2
    for server in configured():
        assert server["command"] == "agent"
        assert build_parser().parse_args(server["args"]).allow == ["/home/me/Videos"]


def test_the_registry_takes_the_entry_and_starts_our_command() -> None:
    entry = json.loads((ROOT / "server.json").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert len(entry["description"]) <= 100  # the registry answers 422 to a longer one
    assert {entry["version"], *(package["version"] for package in entry["packages"])} == {project["version"]}
    (package,) = entry["packages"]
    assert package["identifier"] == project["name"]
    assert project["name"] in project["scripts"]  # uvx runs the command of that name
    positional, named = package["packageArguments"]
    assert build_parser().parse_args([positional["value"], named["name"], "F"]).allow == ["F"]


def test_the_skill_is_named_as_its_folder_and_its_commands_can_be_given() -> None:
    head = dict(re.findall(r"^(\w+): (.*)$", SKILL.split("---")[1], re.M))
    assert head["name"] == "video-sleuth"
    assert len(head["description"]) <= 1024
    commands = re.findall(r"^agent .*$", SKILL, re.M)
    assert len(commands) >= 6
    for command in commands:
        build_parser().parse_args(shlex.split(command)[1:])


@pytest.mark.parametrize("address", ["0", "70000", "host", "a b:80", "host:", ":80", "::1:80"])
def test_an_address_that_is_none_is_said(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mcp", "--http", address]) == 2
    assert "need [HOST:]PORT" in capsys.readouterr().err


def test_an_allowed_folder_that_is_none_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mcp", "--allow", str(tmp_path / "no")]) == 2
    assert "is no folder" in capsys.readouterr().err
