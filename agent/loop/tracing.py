"""Spans of OpenTelemetry for questions, turns, tool calls and calls of a model.

There are none unless the environment names a collector (`OTEL_EXPORTER_OTLP_ENDPOINT`, for OTLP over HTTP) or the
program around us has set OpenTelemetry up. Names are those of the semantic conventions for generative AI 1.41, and
`video_sleuth.*` beside them. What is asked, thought, found and answered is in them only where
`OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true` allows it; pictures and names of files never are.
"""

import json
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from agent.trajectory import Stop

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

    from agent.policy import Policy
    from agent.trajectory import ToolCall, Trajectory, Turn
    from tools.observation import Observation

_log = logging.getLogger(__name__)

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_NAME = "video-sleuth"
_FLUSH_SECONDS = 2.0
"""How long spans may take to leave when a process is about to end."""
_PROVIDERS = {"openai": "api.openai.com", "gcp.gemini": "generativelanguage.googleapis.com"}
"""Hosts of vendors by the conventions' names for these; other policies are named by their kind."""


class TracedWork:
    """The span of some work; without one, what is set goes nowhere."""

    def __init__(self, span: "Span | None" = None) -> None:
        self._span = span

    def set(self, **attributes: Any) -> None:
        """Adds attributes that are known; `__` in a name stands for a dot."""
        if self._span is not None:
            known = {name.replace("__", "."): value for name, value in attributes.items() if value is not None}
            self._span.set_attributes(known)

    def set_content(self, **attributes: Any) -> None:
        """Adds attributes with what is asked, thought, found or answered, if they are allowed, as JSON."""
        if self._span is not None and os.environ.get(_CONTENT, "").strip().lower() == "true":
            self.set(**{name: json.dumps(value, default=str) for name, value in attributes.items()})

    def fail(self, kind: str) -> None:
        """Marks the work as failed; what an exception says may quote what was asked, so only its kind is told."""
        if self._span is not None:
            from opentelemetry.trace import StatusCode

            self._span.set_status(StatusCode.ERROR)
            self.set(error__type=kind)

    def end_question(self, ended: "Trajectory") -> None:
        """Tells how a question ended."""
        usage = ended.spent
        self.set(
            video_sleuth__stop=None if ended.stop is None else ended.stop.value,
            video_sleuth__turns=ended.turns,
            video_sleuth__frames=len(ended.frames_seen),
            gen_ai__usage__input_tokens=usage.prompt_tokens,
            gen_ai__usage__output_tokens=usage.completion_tokens,
        )
        if ended.stop in (Stop.CRASHED, Stop.POLICY_FAILED):
            self.fail(ended.stop.value)
        if ended.answer is not None:
            self.set_content(gen_ai__output__messages=[_make_message("assistant", ended.answer.text)])

    def end_model_call(self, turn: "Turn") -> None:
        """Tells what a model gave."""
        usage = turn.usage
        self.set(
            gen_ai__usage__input_tokens=usage.prompt_tokens,
            gen_ai__usage__output_tokens=usage.completion_tokens,
            gen_ai__usage__cache_read__input_tokens=usage.cached_tokens,
        )
        self.set_content(
            gen_ai__output__messages=[
                _make_message("assistant", turn.thought if turn.reply is None else turn.reply.text)
            ]
        )

    def end_tool_call(self, observation: "Observation") -> None:
        """Tells what a tool gave."""
        self.set(video_sleuth__frames=len(observation.frames))
        if observation.is_error:
            self.fail("ToolError")
        self.set_content(gen_ai__tool__call__result=observation.text)


@contextmanager
def trace_question(start: "Trajectory") -> Iterator[TracedWork]:
    """The span of a question, from its first turn to its end."""
    model = _name_model(start.policy)
    with _trace(
        f"invoke_agent {_NAME}",
        gen_ai__operation__name="invoke_agent",
        gen_ai__agent__name=_NAME,
        gen_ai__provider__name=_name_provider(start.policy),
        gen_ai__request__model=model,
        video_sleuth__task=start.question.task,
        video_sleuth__duration_seconds=start.facts.duration_seconds,
    ) as work:
        work.set_content(gen_ai__input__messages=[_make_message("user", start.question.text)])
        yield work


@contextmanager
def trace_turn(number: int) -> Iterator[TracedWork]:
    """The span of a turn: what is thought and the tools that are called."""
    with _trace(f"turn {number}", video_sleuth__turn=number) as work:
        yield work


@contextmanager
def trace_model_call(policy: "Policy") -> Iterator[TracedWork]:
    """The span of a call of a policy's model; none for a policy without one."""
    if (setup := policy.setup) is None:
        yield TracedWork()
        return
    model = _name_model(policy.spec)
    with _trace(
        f"chat {model}",
        is_remote=policy.spec.startswith("http:"),
        gen_ai__operation__name="chat",
        gen_ai__provider__name=_name_provider(policy.spec),
        gen_ai__request__model=model,
        gen_ai__request__temperature=setup.temperature,
        gen_ai__request__top_p=setup.top_p,
        gen_ai__request__max_tokens=setup.max_reply_tokens,
    ) as work:
        yield work


@contextmanager
def trace_tool_call(call: "ToolCall") -> Iterator[TracedWork]:
    """The span of a tool call."""
    with _trace(
        f"execute_tool {call.name}",
        gen_ai__operation__name="execute_tool",
        gen_ai__tool__name=call.name,
        gen_ai__tool__type="function",
        gen_ai__tool__call__id=call.id,
    ) as work:
        work.set_content(gen_ai__tool__call__arguments=call.arguments)
        yield work


def get_context() -> "Context | None":
    """The span at hand, for work that goes on in another thread; None where there are no spans."""
    if _find_tracer() is None:
        return None
    from opentelemetry.context import get_current

    return get_current()


@contextmanager
def follow_context(context: "Context | None") -> Iterator[None]:
    """Makes what runs inside part of the span that another thread was at."""
    if context is None:
        yield
        return
    from opentelemetry.context import attach, detach

    token = attach(context)
    try:
        yield
    finally:
        detach(token)


def flush() -> None:
    """Sends the spans that have ended, where a process may end without further notice."""
    if _is_collector_named() and (provider := _open_provider()) is not None:
        provider.force_flush(round(_FLUSH_SECONDS * 1000))


@contextmanager
def _trace(name: str, is_remote: bool = False, **attributes: Any) -> Iterator[TracedWork]:
    tracer = _find_tracer()
    if tracer is None:
        yield TracedWork()
        return
    from opentelemetry.trace import SpanKind

    kind = SpanKind.CLIENT if is_remote else SpanKind.INTERNAL
    with tracer.start_as_current_span(name, kind=kind, record_exception=False, set_status_on_exception=False) as span:
        work = TracedWork(span)
        work.set(**attributes)
        try:
            yield work
        except BaseException as error:
            work.fail(type(error).__name__)
            raise


def _find_tracer() -> "Tracer | None":
    """The tracer of the program around us, or of the collector that the environment names; None for no spans."""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    if "opentelemetry.trace" in sys.modules:
        from opentelemetry import trace

        around = trace.get_tracer_provider()
        if not isinstance(around, trace.ProxyTracerProvider | trace.NoOpTracerProvider):
            return around.get_tracer(_NAME)
    if not _is_collector_named() or (provider := _open_provider()) is None:
        return None
    return provider.get_tracer(_NAME)


def _is_collector_named() -> bool:
    return any(os.environ.get(name) for name in _ENDPOINTS)


@cache
def _open_provider() -> "TracerProvider | None":
    """What sends spans to the collector; None, said once, where the extra is not installed."""
    try:
        exporter = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter").OTLPSpanExporter()
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        _log.warning("%s is set, but no spans are sent: the extra otel is not installed", " or ".join(_ENDPOINTS))
        return None
    provider = TracerProvider(resource=Resource({"service.name": _NAME}).merge(OTELResourceDetector().detect()))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def _name_provider(spec: str) -> str:
    kind, _, where = spec.partition(":")
    return next((name for name, host in _PROVIDERS.items() if f"//{host}/" in where), kind)


def _name_model(spec: str) -> str | None:
    """The model of a policy without the folder or the server that it lies on; None for a policy without one."""
    kind, _, where = spec.partition(":")
    if kind not in ("http", "transformers", "vllm"):
        return None
    model = re.split("@https?://", where)[0]
    return model if re.fullmatch(r"\w[\w.-]*(/[\w.-]+)?", model) else re.split(r"[/\\]", model)[-1]


def _make_message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}
