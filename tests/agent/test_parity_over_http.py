"""The probe through a real HTTP server on this machine that decodes the pictures of each request and reads them."""

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
import simplejpeg

from agent.cli.main import main
from agent.policies.http import HttpPolicy
from agent.policy import PolicyOptions
from agent.probe.measured import Measured
from agent.probe.probing import probe_model
from agent.probe.verdicts import VerdictRow, is_fine, judge
from tests.agent.fake_server import FakeServer, Handler, Request, Say, call, fail
from tests.agent.seeing_models import read


@dataclass(frozen=True)
class Reads:
    """A server whose model reads the pictures of messages of these roles, and calls the tool when told to."""

    roles: Sequence[str] = ("user", "tool")

    def __call__(self, handler: Handler, request: Request) -> None:
        usage = {"prompt_tokens": len(json.dumps(request.body["messages"])) // 100, "completion_tokens": 9}
        if not request.images:
            arguments = {"seconds": 1.25, "box": [0.25, 0.25, 0.75, 0.75]}
            Say(calls=(call("zoom", arguments),), usage=usage)(handler, request)
            return
        Say(f"<answer>{', '.join(self.pairs(request))}</answer>", usage=usage)(handler, request)

    def pairs(self, request: Request) -> list[str]:
        found, seconds = [], ""
        for message in request.body["messages"]:
            for part in message["content"] if isinstance(message["content"], list) else ():
                if part["type"] == "text":
                    seconds = (re.findall(r"Frame at ([\d.]+) s", part["text"]) or [seconds])[-1]
                elif message["role"] in self.roles:
                    data = base64.b64decode(part["image_url"]["url"].partition(",")[2])
                    found.append(f"{seconds} = {' '.join(read(simplejpeg.decode_jpeg(data, 'RGB')))}")
        return found


@dataclass(frozen=True)
class RefusesPicturesFromTools:
    """As OpenAI words it; otherwise as the other one."""

    reads: Reads = Reads()

    def __call__(self, handler: Handler, request: Request) -> None:
        if any(role == "tool" for role, _ in request.images):
            said = (
                "Image URLs are only allowed for messages with role 'user', but this message with role 'tool' has one"
            )
            fail(400, said, type="invalid_request_error")(handler, request)
        else:
            self.reads(handler, request)


def measured(server: FakeServer, options: PolicyOptions | None = None) -> Measured:
    """What the probe finds out about the model behind it."""
    return probe_model(HttpPolicy(f"m@{server.url}", options or PolicyOptions()), seed=7)


def judged(found: Measured) -> dict[str, VerdictRow]:
    """The table, by part."""
    return {row.part: row for row in judge(found)}


def test_a_server_that_shows_its_model_everything_passes() -> None:
    with FakeServer(Reads()) as server:
        found = measured(server)
    assert [rung.pictures for rung in found.rungs if rung.is_complete] == [1, 4, 8, 16, 32]
    assert is_fine(judge(found))
    table = judged(found)
    assert table["tool call"].found == "made as told, by the server's own API"
    assert table["server"].found == "pictures of tools are sent inside tool messages"


def test_a_server_that_refuses_pictures_from_tools_is_asked_otherwise_and_said_to_be() -> None:
    with FakeServer(RefusesPicturesFromTools()) as server:
        found = measured(server)
    assert is_fine(judge(found))
    assert judged(found)["server"].found == "pictures of tools are sent in a user message behind them"


def test_a_server_that_leaves_out_pictures_from_tools_in_silence_is_found_out_and_the_advice_helps() -> None:
    with FakeServer(Reads(roles=("user",))) as server:
        row = judged(measured(server))["pictures"]
        assert row.found == "seen beside the question, not in what tools bring"
        assert "--tools text" in row.advice
        in_text = measured(server, PolicyOptions(tools="text"))
    # its model would call by the API, which text form does not offer: the pictures are what matters here
    assert judged(in_text)["pictures"].verdict == "ok"
    assert in_text.rungs[-1].is_complete


def test_a_limit_of_the_server_is_told_in_its_own_words() -> None:
    @dataclass(frozen=True)
    class AtMostFour:
        def __call__(self, handler: Handler, request: Request) -> None:
            if len(request.images) > 4:
                fail(400, "At most 4 image(s) may be provided in one prompt.")(handler, request)
            else:
                Reads()(handler, request)

    with FakeServer(AtMostFour()) as server:
        row = judged(measured(server))["pictures"]
    assert row.verdict == "fail"
    assert row.found.startswith("4 in one request are taken, 8 refused")
    assert "At most 4 image(s)" in row.found


def test_the_command_prints_the_table_and_gives_the_status(capsys: pytest.CaptureFixture[str]) -> None:
    with FakeServer(Reads()) as server:
        assert main(["doctor", "--policy", f"http:m@{server.url}", "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["measured"]["dialect"]["form"] == "native"
        assert main(["doctor", "--policy", f"http:m@{server.url}", "--max-pictures", "4"]) == 0
    assert "left out as --max-pictures says" in " ".join(capsys.readouterr().out.split())
