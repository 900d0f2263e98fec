"""Engines are slow to start: one server of each kind and one engine for the whole session, each started when needed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drawn import write_drawn
from tests.tiny_models import build
from tests.vllm.server import VllmServer

TOOL_TEMPLATE = Path(__file__).parent / "tool_template.jinja"
"""What Qwen's own template does with tools, which the tiny model's leaves out."""


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("qwen3_vl", tmp_path_factory.mktemp("tiny") / "qwen3_vl")


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_drawn(tmp_path_factory.mktemp("clip") / "drawn.mp4")


@pytest.fixture(scope="session")
def plain_server(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServer]:
    """Without tool calling: `"auto" tool choice requires --enable-auto-tool-choice`."""
    with VllmServer(tiny_model, tmp_path_factory.mktemp("plain") / "server.log") as server:
        yield server


@pytest.fixture(scope="session")
def tool_server(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServer]:
    log = tmp_path_factory.mktemp("tools") / "server.log"
    hermes = ("--enable-auto-tool-choice", "--tool-call-parser", "hermes", "--chat-template", str(TOOL_TEMPLATE))
    with VllmServer(tiny_model, log, *hermes) as server:
        yield server
