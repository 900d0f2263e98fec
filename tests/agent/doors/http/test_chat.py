"""Chat completions over a real server, asked by OpenAI's own client in every form in which a video is sent."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.agent.doors.http.server import RunningServer, serving
from tests.clips import write_clip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("server")
    videos = folder / "videos"
    videos.mkdir()
    write_clip(videos / "clip.mp4", frames=40)
    write_clip(videos / "other.mp4", frames=50)
    with serving(folder, videos, policies="lite") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="unused", max_retries=0) as client:
        yield client


def clip_of(server: RunningServer) -> Path:
    return server.state.parent / "videos" / "clip.mp4"


def ask(client: openai.OpenAI, *parts: dict[str, Any], **more: Any) -> Any:
    content: Any = [{"type": "text", "text": "How many?"}, *parts]
    return client.chat.completions.create(model="video-sleuth", messages=[{"role": "user", "content": content}], **more)


def test_the_answer_stands_with_its_times_in_the_content_and_the_record_beside_it(
    client: openai.OpenAI, server: RunningServer
) -> None:
    answered = ask(client, {"type": "video_url", "video_url": {"url": str(clip_of(server))}})
    message = answered.choices[0].message
    assert message.content.startswith("four\n")
    assert "00:00.00-00:01.00" in message.content or "0:00" in message.content
    assert "select_frames" in message.reasoning_content
    assert answered.choices[0].finish_reason == "stop"
    record = answered.model_extra["video_sleuth"]
    assert (record["answer"], record["status"], record["confidence"]) == ("four", "answered", 0.8)
    assert answered.usage.total_tokens == 0
    assert str(clip_of(server)) == record["video"]["path"]


def test_a_stream_has_thoughts_calls_answer_record_and_usage_in_this_order(
    client: openai.OpenAI, server: RunningServer
) -> None:
    part = {"type": "video_url", "video_url": {"url": "clip.mp4"}}
    chunks = list(ask(client, part, stream=True, stream_options={"include_usage": True}))
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    kinds = ["reasoning" if getattr(d, "reasoning_content", None) else "content" if d.content else "" for d in deltas]
    assert [kind for kind in kinds if kind] == sorted(filter(None, kinds), reverse=True)
    assert "a look" in "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
    assert "".join(delta.content or "" for delta in deltas).startswith("four\n")
    assert chunks[-2].model_extra["video_sleuth"]["answer"] == "four"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert (chunks[-1].choices, chunks[-1].usage.total_tokens) == ([], 0)
    assert not any(chunk.usage for chunk in ask(client, part, stream=True))


def forms(clip: Path, file_id: str) -> dict[str, dict[str, Any]]:
    data = base64.b64encode(clip.read_bytes()).decode()
    uri = f"data:video/mp4;base64,{data}"
    return {
        "data URI": {"type": "video_url", "video_url": {"url": uri}},
        "URI as text": {"type": "video_url", "video_url": uri},
        "file URL": {"type": "video_url", "video_url": {"url": f"file://{clip}"}},
        "name in a folder": {"type": "video_url", "video_url": {"url": "clip.mp4"}},
        "upload": {"type": "file", "file": {"file_id": file_id}},
        "file with its data": {"type": "file", "file": {"file_data": uri, "filename": "my clip.mp4"}},
        "file with bare base64": {"type": "file", "file": {"file_data": data, "filename": "my clip.mp4"}},
        "older name": {"type": "input_video", "video_url": uri},
        "older name with a part": {"type": "input_video", "input_video": {"data": data}},
        "Qwen": {"type": "video", "video": str(clip)},
        "Qwen with a URL": {"type": "video", "video": {"url": uri}},
        "LangChain": {"type": "video", "base64": data, "mime_type": "video/mp4"},
        "OpenAI's agents": {"type": "input_file", "file_id": file_id},
    }


@pytest.mark.parametrize("form", list(forms(Path(__file__), "")))
def test_every_form_of_a_video_is_taken(client: openai.OpenAI, server: RunningServer, form: str) -> None:
    clip = clip_of(server)
    with clip.open("rb") as content:
        uploaded = client.files.create(file=("clip.mp4", content), purpose="user_data")
    answered = ask(client, forms(clip, uploaded.id)[form])
    assert answered.model_extra["video_sleuth"]["answer"] == "four"
    assert str(server.state) not in answered.to_json()


@pytest.mark.parametrize(
    "text", ["How many in clip.mp4?", 'How many in "clip.mp4"?', "{clip} How many?", "file://{clip} how many"]
)
def test_a_video_may_be_named_in_the_text(client: openai.OpenAI, server: RunningServer, text: str) -> None:
    said = text.format(clip=clip_of(server))
    answered = client.chat.completions.create(model="video-sleuth", messages=[{"role": "user", "content": said}])
    record = (answered.model_extra or {})["video_sleuth"]
    assert record["answer"] == "four"
    assert "clip.mp4" not in record["question"]["text"]


def test_a_follow_up_knows_what_was_seen_before_it(client: openai.OpenAI, server: RunningServer) -> None:
    messages: list[Any] = [{"role": "user", "content": "How many in clip.mp4?"}]
    for question in ("And how many more?", "And then?"):
        answered = client.chat.completions.create(model="video-sleuth", messages=messages)
        messages.append({"role": "assistant", "content": answered.choices[0].message.content})
        messages.append({"role": "user", "content": question})
    job = (client.chat.completions.create(model="video-sleuth", messages=messages).model_extra or {})["video_sleuth"][
        "job"
    ]
    with server.client() as http:
        saved = http.get(f"/v1/jobs/{job}/trajectory").json()
    asked = [run["question"]["text"] for run in (*saved["earlier"], saved)]
    assert asked == ["How many in the video?", "And how many more?", "And then?"]


def test_a_follow_up_needs_no_second_video(client: openai.OpenAI) -> None:
    answered = client.chat.completions.create(
        model="video-sleuth",
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "How many in clip.mp4?"},
            {"role": "assistant", "content": "four"},
            {"role": "user", "content": "And how many more?"},
        ],
    )
    assert (answered.model_extra or {})["video_sleuth"]["question"]["text"] == "And how many more?"


def test_limits_and_options_come_in_the_extra_body(client: openai.OpenAI) -> None:
    part = {"type": "video_url", "video_url": {"url": "clip.mp4"}}
    extra = {"video_sleuth": {"max_frames": 7, "max_seconds": 50, "options": ["four", "five"]}}
    record = ask(client, part, extra_body=extra).model_extra["video_sleuth"]
    assert record["limits"]["max_frames"] == 7
    assert record["limits"]["max_seconds"] == 50
    assert record["question"]["options"] == ["four", "five"]


@pytest.mark.parametrize(
    ("part", "status", "said"),
    [
        ({"type": "video_url", "video_url": {"url": "https://example.org/a.mp4"}}, 403, "POST /v1/files"),
        ({"type": "video_url", "video_url": {"url": "ftp://example.org/a.mp4"}}, 400, "ftp"),
        ({"type": "video_url", "video_url": {"url": "/etc/passwd"}}, 403, "may read"),
        ({"type": "video_url", "video_url": {"url": "../script.json"}}, 403, "may read"),
        ({"type": "video_url", "video_url": {"url": "file:///etc/passwd"}}, 403, "may read"),
        ({"type": "video_url", "video_url": {"url": "nowhere.mp4"}}, 403, "may read"),
        ({"type": "video_url", "video_url": {"url": "a\0b"}}, 403, "may read"),
        ({"type": "video_url", "video_url": {}}, 400, "holds none"),
        ({"type": "video_url"}, 400, "holds none"),
        ({"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}}, 400, "not a video"),
        ({"type": "video_url", "video_url": {"url": "data:video/mp4;base64,***"}}, 400, "base64"),
        ({"type": "file", "file": {"file_id": "file-1"}}, 404, "POST /v1/files"),
        ({"type": "file", "file": {"file_id": "file-../../script.json"}}, 404, "POST /v1/files"),
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}, 400, "image_url"),
        ({"type": 3}, 400, "can't be taken"),
        ({"type": "text", "text": "and?"}, 400, "no video"),
        ({"type": "video", "video": []}, 400, "frames"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("stream", [False, True])
def test_what_cannot_be_taken_is_refused_in_a_sentence(
    client: openai.OpenAI, server: RunningServer, part: dict[str, Any], status: int, said: str, stream: bool
) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        ask(client, part, stream=stream)
    assert refused.value.status_code == status
    assert said in refused.value.message
    assert str(server.state) not in refused.value.response.text
    assert "Traceback" not in refused.value.response.text


def test_single_frames_are_asked_about_as_a_video(client: openai.OpenAI, server: RunningServer) -> None:
    import simplejpeg  # type: ignore[import-untyped]

    from tests.clips import picture

    jpegs = [simplejpeg.encode_jpeg(picture(number)) for number in range(4)]
    frames = [f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" for jpeg in jpegs]
    for part, seconds in (
        ({"type": "video", "video": frames}, 2),
        ({"type": "video", "video": frames, "fps": 4}, 1),
        ({"type": "video_frames", "video_frames": {"frames": frames, "duration": 8}}, 8),
    ):
        record = ask(client, part).model_extra["video_sleuth"]
        assert record["answer"] == "four"
        assert record["video"]["duration_seconds"] == seconds


def test_several_videos_come_as_parts_or_as_names(client: openai.OpenAI) -> None:
    parts = [{"type": "video_url", "video_url": {"url": name}} for name in ("clip.mp4", "other.mp4")]
    words = "How many in other.mp4, and in clip.mp4?"
    said = client.chat.completions.create(model="video-sleuth", messages=[{"role": "user", "content": words}])
    of_parts, of_names = (answered.model_extra["video_sleuth"] for answered in (ask(client, *parts), said))
    assert [video["path"] for video in of_parts["videos"]] == ["clip.mp4", "other.mp4"]
    assert [video["path"] for video in of_names["videos"]] == ["other.mp4", "clip.mp4"]
    assert of_names["question"]["text"] == "How many in video 1, and in video 2?"


def test_a_further_policy_of_the_server_is_a_model_of_its_own(client: openai.OpenAI) -> None:
    asked: Any = {"messages": [{"role": "user", "content": "How long is clip.mp4?"}]}
    answered = [client.chat.completions.create(model=name, **asked) for name in ("video-sleuth", "video-sleuth:lite")]
    assert [(one.model_extra or {})["video_sleuth"]["policy"] for one in answered] == ["scripted", "lite"]
    with pytest.raises(openai.NotFoundError, match="video-sleuth, video-sleuth:lite"):
        client.chat.completions.create(model="video-sleuth:http", **asked)


def test_the_list_of_models_has_those_that_can_be_asked(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["video-sleuth", "video-sleuth:lite"]
    assert client.models.retrieve("video-sleuth:lite").id == "video-sleuth:lite"
    with pytest.raises(openai.NotFoundError, match="video-sleuth"):
        client.chat.completions.create(model="gpt-5", messages=[{"role": "user", "content": "clip.mp4?"}])


def test_files_are_listed_and_removed(client: openai.OpenAI) -> None:
    uploaded = client.files.create(file=("../../other name.mp4", b"abc"), purpose="user_data")
    assert (uploaded.filename, uploaded.bytes) == ("other_name.mp4", 3)
    assert uploaded.id in [file.id for file in client.files.list()]
    assert client.files.retrieve(uploaded.id).bytes == 3
    assert client.files.delete(uploaded.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(uploaded.id)


def test_the_responses_api_is_refused_in_a_sentence(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="chat/completions"):
        client.responses.create(model="video-sleuth", input="How many?")


def test_the_openapi_document_has_examples(server: RunningServer) -> None:
    with server.client() as plain:
        document = plain.get("/openapi.json").json()
    assert {"/v1/chat/completions", "/v1/jobs", "/v1/files", "/healthz"} <= document["paths"].keys()
    assert document["components"]["schemas"]["ChatRequest"]["examples"]
    assert json.dumps(document).count('"examples"') >= 2
