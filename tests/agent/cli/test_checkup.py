"""The checkup as data: what would answer a question on this machine, and which policies can."""

import json
import socket
from collections.abc import Iterator

import pytest

from agent.cli import checkup
from agent.cli.main import main
from agent.policies.openai_api.endpoint import SERVERS, Server, parse_endpoint


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


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def test_servers_that_listen_on_this_machine_are_named_with_how_to_ask_them(
    listening: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name, server in SERVERS.items() if server.start]:
        monkeypatch.delitem(SERVERS, name)
    monkeypatch.setitem(SERVERS, "mine", Server(f"http://127.0.0.1:{listening}/v1", start="mine serve"))
    monkeypatch.setitem(SERVERS, "gone", Server("http://127.0.0.1:1/v1", start="gone serve"))
    found = {finding.part: finding for finding in checkup.check_installation()}["servers on this machine"]
    assert found.state == f"something listens at 127.0.0.1:{listening}, the port of mine"
    assert found.advice == "--policy http:MODEL@mine"


def test_keys_are_named_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for server in SERVERS.values():
        monkeypatch.delenv(server.key_variable, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    found = {finding.part: finding for finding in checkup.check_installation()}["keys in the environment"]
    assert found.state == "OPENAI_API_KEY"
    assert "sk-secret" not in str(found)


@pytest.mark.parametrize(
    ("where", "start"),
    [
        ("m@ollama", "ollama serve"),
        ("m@http://127.0.0.1:11434/v1", "ollama serve"),
        ("m@http://elsewhere:11434/v1", ""),
        ("m@http://localhost:9999/v1", ""),
        ("m@openai", ""),
    ],
)
def test_a_server_of_this_machine_is_known_by_its_port(where: str, start: str) -> None:
    assert parse_endpoint(where).start == start
