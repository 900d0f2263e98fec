"""`/v1/chat/completions` and `/v1/models` as OpenAI's clients know them.

Thoughts and calls are `reasoning_content`, the answer with its times is `content`, and the record stands under
`video_sleuth`, in a stream on its last chunk.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Body
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from agent.doors.http.conversation import read_chat
from agent.doors.http.errors import RequestRefusedError
from agent.doors.http.job import ServerJob
from agent.doors.http.schemas import ChatRequest
from agent.doors.http.services import MODEL, Services, ask, find_failure, get_services, read_model
from agent.events import format_preparation

_FIRST_SECONDS = 5.0
"""How long a stream waits for the first event, so that a video that can't be read is an error and not a stream."""
_LIMITS = frozenset({"turn limit", "frame limit", "token limit", "time limit", "cost limit"})
_LONGEST_RESULT = 600
"""Characters of a tool's result that are shown; the record has all of it."""

router = APIRouter(tags=["chat"])


@router.get("/v1/models")
async def list_models(request: Request) -> dict[str, Any]:
    """Models that may be asked: the server's policy, and the further ones that it has."""
    policies = ("", *get_services(request).settings.policies)
    return {"object": "list", "data": [_describe_model(policy) for policy in policies]}


@router.get("/v1/models/{model:path}")
async def get_model(request: Request, model: str) -> dict[str, Any]:
    """The model of that name, if it is one that is served.

    Raises:
        RequestRefusedError: it is not.
    """
    return _describe_model(read_model(get_services(request).settings, model))


@router.post("/v1/chat/completions", response_model=None)
async def complete_chat(request: Request, chat: Annotated[ChatRequest, Body()]) -> Response:
    """Answers the last question of a chat about the video, or the videos, of the message that sent one last.

    Raises:
        RequestRefusedError: there is no such model, no question, or no video that can be had.
    """
    if chat.n not in (None, 1):
        raise RequestRefusedError(400, "one answer is given at a time: leave n out", "n")
    services = get_services(request)
    read_model(services.settings, chat.model)
    asked = await asyncio.to_thread(read_chat, chat.messages, services.sources)
    after = services.jobs.find_answered(asked.videos, *asked.before) if asked.before is not None else None
    job = await ask(request, asked.videos, asked.text, chat.video_sleuth, after, model=chat.model)
    chat_id, created = f"chatcmpl-{job.id.removeprefix('job-')}", int(time.time())
    head = {"id": chat_id, "created": created, "model": chat.model}
    if not chat.stream:
        return await _answer_whole(request, services, job, head)
    with_usage = chat.stream_options is not None and bool(chat.stream_options.include_usage)
    await _wait_for_first(request, services, job)
    stream = _stream(services, job, head, with_usage)
    return StreamingResponse(stream, media_type="text/event-stream", headers={"x-accel-buffering": "no"})


@router.api_route("/v1/responses", methods=["GET", "POST"], include_in_schema=False)
@router.api_route("/v1/responses/{rest:path}", methods=["GET", "POST", "DELETE"], include_in_schema=False)
async def refuse_responses() -> None:
    """Refuses the Responses API, which has no video in it.

    Raises:
        RequestRefusedError: always.
    """
    raise RequestRefusedError(
        404,
        "the Responses API is not served: use /v1/chat/completions (in LangChain use_responses_api=False, in OpenAI's "
        "agents OpenAIChatCompletionsModel)",
        "no_responses_api",
    )


def _describe_model(policy: str) -> dict[str, Any]:
    name = f"{MODEL}:{policy}" if policy else MODEL
    return {"id": name, "object": "model", "created": 0, "owned_by": MODEL, "policy": policy or "default"}


async def _wait_for_first(request: Request, services: Services, job: ServerJob) -> None:
    async with _watch(request, services, job):
        async for _ in job.follow(silence_seconds=_FIRST_SECONDS):
            break
    if job.is_done and (failure := find_failure(job)) is not None:
        raise failure


async def _answer_whole(request: Request, services: Services, job: ServerJob, head: dict[str, Any]) -> Response:
    async with _watch(request, services, job):
        await job.wait()
    if (failure := find_failure(job)) is not None:
        raise failure
    reasoning = "".join(map(format_reasoning, job.events))
    message = {"role": "assistant", "content": job.content, "reasoning_content": reasoning}
    choice = {"index": 0, "message": message, "finish_reason": _get_finish_reason(job), "logprobs": None}
    body = head | {"object": "chat.completion", "choices": [choice], "video_sleuth": _record(job)}
    return JSONResponse(body | ({"usage": usage} if (usage := _get_usage(job)) is not None else {}))


async def _stream(services: Services, job: ServerJob, head: dict[str, Any], with_usage: bool) -> AsyncIterator[str]:
    def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return _event(head | {"object": "chat.completion.chunk", "choices": [choice]} | more)

    try:
        yield chunk({"role": "assistant", "content": ""})
        async for event in job.follow(silence_seconds=services.settings.keep_alive_seconds):
            if event is None:
                yield ": keep-alive\n\n"
            elif text := format_reasoning(event):
                yield chunk({"reasoning_content": text})
        if (failure := find_failure(job)) is not None:
            yield _event(failure.as_data())
            return
        yield chunk({"content": job.content})
        yield chunk({}, _get_finish_reason(job), video_sleuth=_record(job))
        if with_usage:
            yield _event(head | {"object": "chat.completion.chunk", "choices": [], "usage": _get_usage(job)})
        yield "data: [DONE]\n\n"
    finally:
        if not job.is_done:  # the client has gone
            services.jobs.cancel(job)


@asynccontextmanager
async def _watch(request: Request, services: Services, job: ServerJob) -> AsyncIterator[None]:
    """A context in which the job is cancelled when its client goes."""

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        services.jobs.cancel(job)

    watching = asyncio.create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        services.jobs.cancel(job)
        raise
    finally:
        watching.cancel()


def _event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data)}\n\n"


def _get_finish_reason(job: ServerJob) -> str:
    return "length" if job.result is not None and job.result.get("stop") in _LIMITS else "stop"


def _record(job: ServerJob) -> dict[str, Any]:
    return {"job": job.id} | (job.result or {})


def _get_usage(job: ServerJob) -> dict[str, int] | None:
    """The tokens of the run; None where a model was asked that does not count them."""
    finished = job.events[-1]
    usage: dict[str, int] | None = finished["usage"]
    return usage


def format_reasoning(event: dict[str, Any]) -> str:
    """An event in words, a line or more; empty for one that says nothing new."""
    match event["event"]:
        case "turn_taken":
            return f"{event['thought']}\n" if event["thought"] else ""
        case "video_prepared":
            return f"{format_preparation(event['stage'], event['share'])}\n"
        case "tool_called":
            arguments = ", ".join(f"{name}={json.dumps(value)}" for name, value in event["arguments"].items())
            return f"{event['call_id']} {event['tool']}({arguments})\n"
        case "tool_returned":
            text = event["observation"]["text"]
            return f"{event['call_id']}: {text[:_LONGEST_RESULT]}{'…' if len(text) > _LONGEST_RESULT else ''}\n"
        case "notice_given":
            return f"{event['text']}\n"
        case "answer_verified":
            agrees = {True: "agrees", False: "differs", None: "is silent"}[event["agrees"]]
            return f"A second answer from the evidence alone {agrees}.\n"
        case "restarted":
            return "The process that read the video died; the question is asked once more.\n"
    return ""
