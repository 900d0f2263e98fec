"""Spans of a question: what is in them, what never is, and that there are none unasked."""

import gzip
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("opentelemetry.sdk", reason="needs videosleuth[otel]")
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from agent import Sleuth
from agent.policies.scripted import ScriptedPolicy
from agent.policy import PolicyError, PolicyOptions, ToolAccess
from agent.trajectory import Answer, Calls, Evidence, Reply, Setup, ToolCall, Trajectory, Turn, Usage
from tests.clips import write_clip

ROOT = Path(__file__).parents[2]
SECRET = "does the heron land"
LOOK = {"start": 0.0, "stop": 1.0, "count": 2}
CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


class Model:
    """A scripted policy that passes for a model on a server."""

    spec = "http:org/heron-vl@https://user:hidden@example.org/v1"

    def __init__(self, *turns: Turn) -> None:
        self._turns = turns

    @property
    def setup(self) -> Setup:
        return PolicyOptions().setup("native")

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        return self._turns[trajectory.turns]


class Unreachable(Model):
    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        raise PolicyError(f"no server answers about {SECRET}")


def turns() -> tuple[Turn, ...]:
    used = Usage(0.1, 70, 5)
    return (
        Turn(
            f"a look: {SECRET}",
            Calls((ToolCall("a1", "select_frames", LOOK), ToolCall("a2", "no_such_tool", {"q": SECRET}))),
            usage=used,
            reply=Reply(f"reply: {SECRET}"),
        ),
        Turn("enough", Answer(f"yes, {SECRET}", evidence=(Evidence(0.0, 1.0, ("a1",)),)), usage=used),
    )


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """Spans of a program that has set OpenTelemetry up."""
    memory = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    monkeypatch.delenv(CAPTURE, raising=False)
    yield memory
    provider.shutdown()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "heron.mp4", frames=40)


def names_by_parent(spans: InMemorySpanExporter) -> dict[str, list[str]]:
    found = spans.get_finished_spans()
    names = {span.context.span_id: span.name for span in found if span.context}
    tree: dict[str, list[str]] = {}
    for span in sorted(found, key=lambda span: span.start_time or 0):
        tree.setdefault(names[span.parent.span_id] if span.parent else "", []).append(span.name)
    return tree


def find(spans: InMemorySpanExporter, name: str) -> ReadableSpan:
    return next(span for span in spans.get_finished_spans() if span.name == name)


def all_text(spans: InMemorySpanExporter) -> str:
    return "".join(span.to_json() for span in spans.get_finished_spans())


def test_a_question_has_its_turns_and_these_their_model_and_tools(
    spans: InMemorySpanExporter, clip: Path, tmp_path: Path
) -> None:
    with Sleuth(Model(*turns()), encoder="hashing", cache=tmp_path) as sleuth:
        sleuth.ask(clip, SECRET, verify=False)
    tree = names_by_parent(spans)
    assert tree[""] == ["invoke_agent video-sleuth"]
    assert [name for name in tree["invoke_agent video-sleuth"] if name != "turn 0"] == ["turn 1", "turn 2"]
    assert sorted(tree["turn 1"]) == [
        "chat org/heron-vl",
        "execute_tool no_such_tool",
        "execute_tool select_frames",
    ]
    assert tree["turn 2"] == ["chat org/heron-vl"]
    asked, called = find(spans, "invoke_agent video-sleuth").attributes, find(spans, "chat org/heron-vl").attributes
    assert asked is not None
    assert called is not None
    assert (asked["gen_ai.operation.name"], asked["video_sleuth.stop"], asked["video_sleuth.turns"]) == (
        "invoke_agent",
        "answered",
        2,
    )
    assert asked["gen_ai.usage.input_tokens"] == 140
    assert (called["gen_ai.provider.name"], called["gen_ai.usage.output_tokens"]) == ("http", 5)
    assert find(spans, "execute_tool no_such_tool").status.status_code is StatusCode.ERROR


def test_what_is_asked_thought_found_and_answered_is_in_no_span_unless_allowed(
    spans: InMemorySpanExporter, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sleuth(Model(*turns()), encoder="hashing", cache=tmp_path) as sleuth:
        sleuth.ask(clip, SECRET, verify=False)
        assert SECRET not in all_text(spans)
        monkeypatch.setenv(CAPTURE, "true")
        sleuth.ask(clip, SECRET, verify=False)
    told = all_text(spans)
    assert told.count(SECRET) >= 4
    assert "heron.mp4" not in told
    assert "hidden" not in told


def test_a_model_that_fails_marks_its_spans_and_says_nothing_else(
    spans: InMemorySpanExporter, clip: Path, tmp_path: Path
) -> None:
    with Sleuth(Unreachable(), encoder="hashing", cache=tmp_path) as sleuth:
        assert sleuth.ask(clip, SECRET).status == "policy_failed"
    for name, kind in (("chat org/heron-vl", "PolicyError"), ("invoke_agent video-sleuth", "policy failed")):
        span = find(spans, name)
        assert span.status.status_code is StatusCode.ERROR
        assert (span.attributes or {})["error.type"] == kind
    assert SECRET not in all_text(spans)


def test_a_run_in_another_thread_is_part_of_the_span_it_was_started_in(
    spans: InMemorySpanExporter, clip: Path, tmp_path: Path
) -> None:
    with (
        Sleuth(ScriptedPolicy(turns()), encoder="hashing", cache=tmp_path) as sleuth,
        trace.get_tracer("host").start_as_current_span("request"),
    ):
        sleuth.start(clip, "what?").result()
    tree = names_by_parent(spans)
    assert tree["request"] == ["invoke_agent video-sleuth"]
    assert "chat" not in all_text(spans)  # there is no model


def test_steps_of_a_langgraph_host_are_part_of_its_span(
    spans: InMemorySpanExporter, clip: Path, tmp_path: Path
) -> None:
    from agent.doors.video_graph import build_video_graph

    with (
        Sleuth(Model(*turns()), encoder="hashing", cache=tmp_path) as sleuth,
        trace.get_tracer("host").start_as_current_span("request"),
    ):
        build_video_graph(sleuth, verify=False).invoke({"video": str(clip), "question": "what?"})
    assert {"chat org/heron-vl", "execute_tool select_frames"} <= set(names_by_parent(spans)["request"])


ASK = """
import sys, threading
from agent import Sleuth
from agent.policies.scripted import ScriptedPolicy
from agent.trajectory import Answer, Turn
with Sleuth(ScriptedPolicy((Turn("", Answer("four")),)), encoder="hashing", cache=sys.argv[2]) as sleuth:
    print(sleuth.ask(sys.argv[1], "how many herons?").text)
print("sends" if any("Otel" in thread.name for thread in threading.enumerate()) else "silent")
"""


def ask_in_a_process(clip: Path, cache: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    command = [sys.executable, "-c", ASK, str(clip), str(cache)]
    return subprocess.run(command, cwd=ROOT, env=kept | environment, capture_output=True, text=True, check=True)


def test_unasked_nothing_is_sent(clip: Path, tmp_path: Path) -> None:
    assert ask_in_a_process(clip, tmp_path).stdout.split() == ["four", "silent"]


@pytest.mark.skipif(
    find_spec("opentelemetry.exporter") is None or find_spec("opentelemetry.exporter.otlp.proto.http") is None,
    reason="needs videosleuth[otel]",
)
def test_a_collector_that_the_environment_names_gets_the_spans(clip: Path, tmp_path: Path) -> None:
    got: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            is_packed = self.headers.get("content-encoding") == "gzip"
            got.append((self.path, gzip.decompress(body) if is_packed else body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        done = ask_in_a_process(clip, tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=address)
        server.shutdown()
    assert done.stdout.split() == ["four", "sends"]
    assert {path for path, _ in got} == {"/v1/traces"}
    sent = b"".join(body for _, body in got)
    assert b"invoke_agent video-sleuth" in sent
    assert b"heron" not in sent


def test_a_named_collector_without_the_extra_is_one_sentence(clip: Path, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden" / "opentelemetry" / "exporter"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("raise ImportError")
    (hidden.parent / "__init__.py").write_text("__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n")
    done = ask_in_a_process(
        clip, tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9", PYTHONPATH=str(hidden.parent.parent)
    )
    assert done.stdout.split()[0] == "four"
    assert done.stderr.count("the extra otel is not installed") == 1
