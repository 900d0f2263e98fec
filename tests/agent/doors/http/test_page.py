"""The files of the page: their types and policy, that they ask for nothing elsewhere, and who gets them."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.agent.doors.http.server import RunningServer, serving
from tests.clips import write_clip

TOKEN = "0123456789abcdef-token"
FILES = {
    "/": "text/html",
    "/page/report.css": "text/css",
    "/page/page.css": "text/css",
    "/page/report.js": "text/javascript",
    "/page/page.js": "text/javascript",
    "/page/live.js": "text/javascript",
    "/page/server.js": "text/javascript",
}
FOREIGN = re.compile(r"https?://(?!www\.w3\.org/2000/svg)[^\s\"'`<]+|url\(|@import")


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    write_clip(folder / "clip.mp4", frames=40)
    (folder / "notes.txt").write_text("not a video")
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, videos: Path) -> Iterator[RunningServer]:
    with serving(tmp_path_factory.mktemp("server"), videos) as running:
        yield running


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, videos: Path) -> Iterator[RunningServer]:
    with serving(tmp_path_factory.mktemp("guarded"), videos, token=TOKEN) as running:
        yield running


def ask(http: httpx2.Client, video: str | list[str]) -> str:
    job = str(http.post("/v1/jobs", json={"video": video, "question": "How many?"}).json()["id"])
    http.get(f"/v1/jobs/{job}", params={"wait_seconds": 60})
    return job


def test_the_page_is_whole_and_names_no_other_place(server: RunningServer) -> None:
    with server.client() as http:
        for path, kind in FILES.items():
            answered = http.get(path)
            assert answered.status_code == 200, path
            assert answered.headers["content-type"].startswith(kind)
            assert not FOREIGN.findall(answered.text), path
            named = re.findall(r"(?:src|href)=\"(/page/[^\"]+)\"|from \"\./([^\"]+)\"", answered.text)
            assert all((absolute or f"/page/{beside}") in FILES for absolute, beside in named), path
        policy = http.get("/").headers["content-security-policy"]
        assert http.get("/page/page.html").status_code == 404
        assert http.get("/page/..%2Fworker.py").status_code == 404
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert not re.search(r"<style|<script(?! type=\"module\" src=)|\son\w+=|\sstyle=", http_page(server))


def http_page(server: RunningServer) -> str:
    with server.client() as http:
        return http.get("/").text


def test_with_a_token_the_page_is_a_form_until_it_was_said(guarded: RunningServer) -> None:
    with guarded.client() as http:
        asked = http.get("/")
        assert asked.status_code == 401
        assert asked.headers["content-type"].startswith("text/html")
        assert 'action="/sign-in"' in asked.text
        assert "unsafe" not in asked.headers["content-security-policy"]
        assert {http.get(path).status_code for path in FILES} == {401}
        wrong = http.post("/sign-in", data={"token": f"{TOKEN}x"})
        assert wrong.status_code == 401
        assert "That is not the token" in wrong.text
        assert "set-cookie" not in wrong.headers
        assert http.get("/", headers={"cookie": f"video_sleuth_pass={TOKEN}"}).status_code == 401
        right = http.post("/sign-in", data={"token": TOKEN})
        assert (right.status_code, right.headers["location"]) == (303, "/")
        cookie = right.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert TOKEN not in cookie
        assert {http.get(path).status_code for path in (*FILES, "/v1/files")} == {200}
        elsewhere = http.get("/v1/files", headers={"origin": "http://evil.example"})
        assert elsewhere.status_code == 403


def test_a_page_of_another_site_can_not_sign_in(guarded: RunningServer) -> None:
    with guarded.client() as http:
        refused = http.post("/sign-in", data={"token": TOKEN}, headers={"origin": "http://evil.example"})
    assert refused.status_code == 403


def test_a_job_gives_its_pictures_its_report_and_parts_of_its_video(server: RunningServer, videos: Path) -> None:
    with server.client() as http:
        job = ask(http, "clip.mp4")
        frame = http.get(f"/v1/jobs/{job}/frame", params={"call_id": "t1c1", "index": 1})
        assert frame.headers["content-type"] == "image/jpeg"
        assert frame.content.startswith(b"\xff\xd8\xff")
        report = http.get(f"/v1/jobs/{job}/report")
        assert report.headers["content-type"].startswith("text/html")
        assert "data:image/jpeg;base64," in report.text
        assert str(videos) not in report.text
        part = http.get(f"/v1/jobs/{job}/video", headers={"range": "bytes=0-9"})
        assert (part.status_code, part.content) == (206, (videos / "clip.mp4").read_bytes()[:10])
        for path in ("frame?call_id=t1c1&index=2", "frame?call_id=t9c9"):
            assert http.get(f"/v1/jobs/{job}/{path}").status_code == 404


def test_what_an_answer_cites_is_looked_for_again(server: RunningServer) -> None:
    with server.client() as http:
        job = ask(http, "clip.mp4")
        receipt = http.post(f"/v1/jobs/{job}/verify").json()
        assert receipt == {"is_found": None, "sentence": "0 of 0 frames and quotations are found again", "checks": []}
        refused = http.post(f"/v1/jobs/{ask(http, 'notes.txt')}/verify")
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "no_answer")


def test_a_job_about_several_videos_gives_those_of_each(server: RunningServer, videos: Path) -> None:
    write_clip(videos / "other.mp4", frames=50)
    with server.client() as http:
        assert [one["name"] for one in http.get("/v1/videos").json()["data"]] == ["clip.mp4", "other.mp4"]
        job = ask(http, ["clip.mp4", "other.mp4"])
        assert http.get(f"/v1/jobs/{job}").json()["video"] == ["clip.mp4", "other.mp4"]
        for number, name in ((1, "clip.mp4"), (2, "other.mp4")):
            played = http.get(f"/v1/jobs/{job}/video", params={"number": number})
            assert played.content == (videos / name).read_bytes()
        assert http.get(f"/v1/jobs/{job}/video", params={"number": 3}).status_code == 404
        report = http.get(f"/v1/jobs/{job}/report").text
        assert "other.mp4" in report
        assert str(videos) not in report
        saved = http.get(f"/v1/jobs/{job}/trajectory").json()
        assert (saved["question"]["video"], saved["question"]["other_videos"]) == ("clip.mp4", ["other.mp4"])


def test_what_is_no_video_is_not_played(server: RunningServer) -> None:
    with server.client() as http:
        job = ask(http, "notes.txt")
        for path in ("video", "report", "frame?call_id=t1c1"):
            refused = http.get(f"/v1/jobs/{job}/{path}")
            assert refused.status_code == 404
            assert "not a video" not in refused.text


def test_an_earlier_job_still_has_its_report_after_a_new_start(tmp_path: Path, videos: Path) -> None:
    own = tmp_path / "clip.mp4"
    own.write_bytes((videos / "clip.mp4").read_bytes())
    with serving(tmp_path, tmp_path) as first, first.client() as http:
        job = ask(http, "clip.mp4")
        first.stop()
    with serving(tmp_path, tmp_path) as second, second.client() as http:
        ask(http, "clip.mp4")
        assert "data:image/jpeg" in http.get(f"/v1/jobs/{job}/report").text
        write_clip(own, frames=20)  # another video in its place
        report = http.get(f"/v1/jobs/{job}/report").text
        assert "picture not kept" in report
        assert "data:image/jpeg" not in report
