"""Who is let in: tokens, names of the server, pages of other sites, sizes; and what no answer says."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.doors.http.settings import ServeSettings, read_settings
from tests.agent.doors.http.server import RunningServer, serving
from tests.clips import write_clip

TOKEN = "0123456789abcdef-token"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("server")
    (folder / "videos").mkdir()
    write_clip(folder / "videos" / "clip.mp4", frames=40)
    write_clip(folder / "videos" / "long.mp4", frames=40, fps=1)
    write_clip(folder / "videos" / "large.mp4", frames=4, size=(640, 480))
    unknown = (folder / "videos" / "clip.mp4").read_bytes().replace(b"avc1", b"zzzz")
    (folder / "videos" / "unknown.mp4").write_bytes(unknown)
    (folder / "secret.mp4").write_bytes((folder / "videos" / "clip.mp4").read_bytes())
    (folder / "videos" / "link.mp4").symlink_to(folder / "secret.mp4")
    more = {"token": TOKEN, "max_upload_bytes": 100_000, "max_inline_bytes": 50_000, "hosts": "video.example"}
    with serving(folder, folder / "videos", max_duration_seconds=20, max_pixels=200_000, **more) as running:
        yield running


def allowed(**more: str) -> dict[str, str]:
    return {"authorization": f"Bearer {TOKEN}"} | more


def test_nothing_but_the_probes_is_told_without_the_token(server: RunningServer) -> None:
    with server.client() as http:
        for wrong in (
            {},
            {"authorization": f"Bearer {TOKEN}x"},
            {"authorization": TOKEN},
            {"authorization": "Bearer x"},
        ):
            for path in ("/v1/models", "/v1/files", "/metrics", "/openapi.json", "/v1/jobs/x", "/nowhere", "/"):
                refused = http.get(path, headers=wrong)
                assert refused.status_code == 401, path
                assert refused.headers["www-authenticate"] == "Bearer"
        assert http.get("/healthz").status_code == 200
        assert http.get("/v1/models", headers=allowed()).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 421),
        ({"host": "127.0.0.1.evil.example"}, 421),
        ({"host": "localhost:1"}, 200),
        ({"host": "[::1]:8000"}, 200),
        ({"host": "Video.Example"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
    ],
)
def test_another_name_and_pages_of_other_sites_are_refused(
    server: RunningServer, headers: dict[str, str], status: int
) -> None:
    with server.client() as http:
        answered = http.get("/v1/models", headers=allowed(**headers))
        preflight = http.options("/v1/models", headers=allowed(**{"access-control-request-method": "GET", **headers}))
    assert answered.status_code == status
    assert not [name for name in (*answered.headers, *preflight.headers) if name.startswith("access-control")]


def test_every_answer_bears_the_policy_of_its_content(server: RunningServer) -> None:
    with server.client() as http:
        answers = [
            http.get("/v1/models", headers=allowed()),
            http.get("/nowhere", headers=allowed()),
            http.get("/v1/models"),
            http.post("/v1/jobs", content=b"{", headers=allowed()),
        ]
    assert [answer.status_code for answer in answers] == [200, 404, 401, 400]
    for answer in answers:
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_body_that_is_too_large_is_refused_said_or_not(server: RunningServer) -> None:
    with server.client() as http:
        for path, size in (("/v1/jobs", 60_000), ("/v1/files", 300_000)):
            said = http.post(path, content=b"x" * size, headers=allowed())
            unsaid = http.post(
                path, content=iter([b"x" * size]), headers=allowed(**{"content-type": "application/json"})
            )
            assert (said.status_code, unsaid.status_code) in ((413, 413), (413, 400)), path
        form = {"file": ("a.mp4", io.BytesIO(b"x" * 120_000))}
        assert http.post("/v1/files", files=form, headers=allowed()).status_code == 413
    assert not [path for path in (server.state / "files").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "name", ["link.mp4", "../secret.mp4", "/etc/hostname", "/dev/zero", "..", "", "/", "long.mp4\n"]
)
def test_nothing_outside_the_allowed_folders_is_read(server: RunningServer, name: str) -> None:
    with server.client() as http:
        refused = http.post("/v1/jobs", json={"video": name, "question": "What?"}, headers=allowed())
    assert refused.status_code == 403
    assert "secret" not in refused.text.replace(name.strip("."), "")


@pytest.mark.parametrize(
    ("name", "said"), [("long.mp4", "40 s long"), ("large.mp4", "640x480"), ("unknown.mp4", "unknown.mp4")]
)
def test_a_video_that_is_too_large_or_of_no_known_codec_is_refused(server: RunningServer, name: str, said: str) -> None:
    with server.client() as http:
        job = http.post("/v1/jobs", json={"video": name, "question": "What?"}, headers=allowed()).json()["id"]
        ended = http.get(f"/v1/jobs/{job}", params={"wait_seconds": 60}, headers=allowed()).json()
    assert ended["status"] == "refused"
    assert said in ended["error"]


def test_neither_log_nor_worker_has_the_token(server: RunningServer) -> None:
    with server.client() as http:
        http.get("/v1/models", params={"token": TOKEN}, headers=allowed())
    assert TOKEN not in str(server.log)
    environment = Path(f"/proc/{server.worker_pid()}/environ").read_text()
    assert TOKEN not in environment


def test_others_are_let_in_with_a_token_alone(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="token_file"):
        _ = ServeSettings(host="0.0.0.0").secret
    with pytest.raises(ValueError, match="too short"):
        ServeSettings(token="abc")
    (tmp_path / "token").write_text(TOKEN + "\n")
    assert ServeSettings(host="0.0.0.0", token_file=str(tmp_path / "token")).secret == TOKEN


def test_settings_come_from_the_command_line_the_environment_and_a_file_in_this_order(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[serve]\nport = 1\nwaiting = 2\nallow = ["a"]\ntoken = "not-to-be-shown-0123"\n')
    environment = {"VIDEOSLEUTH_SERVE_PORT": "3", "VIDEOSLEUTH_SERVE_ALLOW": "b:c"}
    settings, values = read_settings({"port": 5, "host": None}, file, environment)
    assert (settings.port, settings.waiting, settings.allow, settings.host) == (5, 2, ("b", "c"), "127.0.0.1")
    sources = {value.name: value.source for value in values}
    assert (sources["port"], sources["allow"], sources["waiting"]) == (
        "command line",
        "VIDEOSLEUTH_SERVE_ALLOW",
        str(file),
    )
    assert sources["host"] == "default"
    assert "not-to-be-shown" not in " ".join(value.shown for value in values)


@pytest.mark.parametrize(
    "text",
    [
        "[serve]\nprot = 1",
        "[serve]\nport = 'x'",
        "[other]\n",
        "port = 1",
        "[serve]\nport = 70000",
        "[serve",
        "[serve]\nworkers = 0",
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.toml").write_text(text)
    with pytest.raises(ValueError, match=r"config\.toml|need|serve"):
        read_settings({}, tmp_path / "config.toml", {})
