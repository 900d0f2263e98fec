"""Requests of every shape: each gets an answer in the form of the API, and none a traceback or a path of the server."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.agent.doors.http.server import RunningServer, serving
from tests.clips import write_clip

REQUESTS = int(os.environ.get("VIDEOSLEUTH_HOSTILE_REQUESTS", "60"))
"""Requests of each test; 2,000 take about a minute each."""
SETTINGS = settings(
    max_examples=REQUESTS, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True
)

ODD = st.sampled_from(
    [
        *(
            None,
            True,
            0,
            -1,
            2**70,
            1e308,
            "",
            " ",
            "\0",
            "\x1b[2J",
            "🎥",
            "a" * 5000,
            [],
            {},
            [[[]]],
            {"url": {"url": {}}},
        ),
        *("..", "/etc/passwd", "file:///etc/passwd", "clip.mp4", "%2e%2e/", "C:\\x.mp4", "~/x", "file://\0"),
        *("data:", "data:video/mp4;base64,", "data:video/mp4;base64,AAAA", "http://127.0.0.1/x", "http://["),
        *("file-" + "0" * 32, "job-" + "0" * 32),
    ]
)
VALUES = st.recursive(
    ODD | st.text(max_size=20) | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)
KINDS = ("text", "video_url", "input_video", "video", "video_frames", "file", "input_file", "image_url", "odd")
KEYS = (
    "video_url",
    "video",
    "file",
    "url",
    "data",
    "base64",
    "frames",
    "fps",
    "duration",
    "file_id",
    "file_data",
    "filename",
)
PARTS = st.builds(
    lambda kind, text, more: {"type": kind, "text": text} | more,
    st.sampled_from(KINDS) | ODD,
    VALUES,
    st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=3),
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["user", "assistant", "system", "tool"]) | ODD,
            "content": st.lists(PARTS, max_size=3) | VALUES,
        }
    ),
    max_size=3,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("server")
    (folder / "videos").mkdir()
    write_clip(folder / "videos" / "clip.mp4", frames=10)
    with serving(folder, folder / "videos", waiting=10_000, kept_jobs=50) as running:
        yield running


@pytest.fixture(scope="module")
def http(server: RunningServer) -> Iterator[httpx2.Client]:
    with server.client() as client:
        yield client


def check(answered: httpx2.Response, server: RunningServer) -> None:
    text = answered.text
    assert answered.status_code not in (500, 502), text
    assert "Traceback" not in text
    for private in (str(server.state), "site-packages", "root:x:0", str(Path(__file__).parents[4])):
        assert private not in text
    if answered.status_code >= 400:
        assert answered.json()["error"]["message"]
    assert server.process.poll() is None


@SETTINGS
@given(
    messages=MESSAGES | VALUES,
    more=st.dictionaries(
        st.sampled_from(["model", "stream", "n", "stream_options", "video_sleuth", "x"]), VALUES, max_size=2
    ),
)
def test_every_chat_gets_an_answer(
    server: RunningServer, http: httpx2.Client, messages: Any, more: dict[str, Any]
) -> None:
    check(http.post("/v1/chat/completions", json={"model": "video-sleuth", "messages": messages} | more), server)


@SETTINGS
@given(
    video=VALUES,
    question=VALUES,
    more=st.dictionaries(
        st.sampled_from(
            ["after", "options", "task", "max_seconds", "max_frames", "subtitles", "until_seconds", "mode", "samples"]
        ),
        VALUES,
        max_size=2,
    ),
)
def test_every_job_gets_an_answer(
    server: RunningServer, http: httpx2.Client, video: Any, question: Any, more: dict[str, Any]
) -> None:
    check(http.post("/v1/jobs", json={"video": video, "question": question} | more), server)


ROUTES = (
    "/v1/jobs/{}",
    "/v1/jobs/{}/events",
    "/v1/jobs/{}/trajectory",
    "/v1/files/{}",
    "/v1/models/{}",
    "/{}",
    "/v1/{}",
)
SEGMENT = st.text(st.characters(exclude_characters="?#", exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    ["..", "%2e%2e", "%2f", "%00", "job-" + "0" * 32, "file-" + "0" * 32, "file-" + "g" * 32, "%ff"]
)


@SETTINGS
@given(
    route=st.sampled_from(ROUTES),
    segment=SEGMENT,
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"]),
    body=st.binary(max_size=50)
    | st.sampled_from([b"[" * 100_000, b'{"a":' * 50_000, b'"\\ud800"', b"\xff\xfe", b"NaN", b"null"]),
    kind=st.sampled_from(
        ["application/json", "multipart/form-data; boundary=x", "multipart/form-data", "text/plain", ""]
    ),
)
def test_every_route_gets_an_answer(
    server: RunningServer, http: httpx2.Client, route: str, segment: str, method: str, body: bytes, kind: str
) -> None:
    try:
        request = http.build_request(method, route.format(segment), content=body, headers={"content-type": kind})
    except httpx2.InvalidURL:
        return
    answered = http.send(request)
    if method == "HEAD":
        assert answered.status_code < 500
    else:
        check(answered, server)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/jobs", "/v1/files"])
@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"video": ' * 50_000, b'{"video": "\\ud800", "question": "\\udfff"}', b"\xff", b""]
)
def test_a_body_that_is_no_json_is_refused(server: RunningServer, http: httpx2.Client, path: str, body: bytes) -> None:
    answered = http.post(path, content=body, headers={"content-type": "application/json"})
    check(answered, server)
    assert answered.status_code == 400


def test_half_a_surrogate_in_a_chat_is_refused(server: RunningServer, http: httpx2.Client) -> None:
    for text in ("\\ud800", "clip.mp4 \\udfff"):
        body = json.dumps({"model": "video-sleuth", "messages": [{"role": "user", "content": "?"}]}).replace("?", text)
        answered = http.post("/v1/chat/completions", content=body, headers={"content-type": "application/json"})
        check(answered, server)
        assert answered.status_code == 400
