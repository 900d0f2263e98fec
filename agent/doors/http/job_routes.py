"""Jobs: a question that is started, followed by server-sent events, fetched later, and cancelled.

The events are named as AG-UI names them. A client that lost its connection goes on with `Last-Event-ID`.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Query
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response, StreamingResponse

from agent.doors.http.ag_ui import AgUiEvents
from agent.doors.http.errors import RequestRefusedError
from agent.doors.http.job import ServerJob
from agent.doors.http.schemas import JobRequest
from agent.doors.http.services import MODEL, ask, get_services
from tools.observation import MOST_VIDEOS

_LONGEST_WAIT_SECONDS = 60.0
"""How long a request may wait for a job; proxies often cut off a silent one after that."""

router = APIRouter(tags=["jobs"], prefix="/v1/jobs")


@router.post("", status_code=202, response_model=None)
async def start_job(request: Request, asked: Annotated[JobRequest, Body()]) -> Response:
    """Starts a question and answers at once with its id."""
    names = [asked.video] if isinstance(asked.video, str) else asked.video
    opened = [await asyncio.to_thread(get_services(request).sources.open_name, name) for name in names]
    job = await ask(request, tuple(opened), asked.question, asked, asked.after, True, asked.model or MODEL)
    return JSONResponse(job.as_data(), 202, {"location": f"/v1/jobs/{job.id}"})


@router.get("/{job_id}")
async def get_job(
    request: Request, job_id: str, wait_seconds: Annotated[float, Query(ge=0, le=_LONGEST_WAIT_SECONDS)] = 0.0
) -> dict[str, Any]:
    """State of a job, with its result once it is there; waits for that if asked to.

    Args:
        request: the request.
        job_id: id of the job.
        wait_seconds: how long to wait for its end.
    """
    job = get_services(request).jobs.get(job_id)
    await job.wait(wait_seconds)
    return job.as_data()


@router.get("/{job_id}/trajectory", response_model=None)
async def get_trajectory(request: Request, job_id: str) -> Response:
    """The saved trajectory of a job, for `agent replay`."""
    return Response(get_services(request).jobs.trajectory(job_id), media_type="application/json")


@router.get("/{job_id}/events", response_model=None)
async def follow_job(
    request: Request, job_id: str, last_event_id: Annotated[str | None, Header(max_length=20)] = None
) -> Response:
    """The events of a job as they happen, from the first one or from the one after `Last-Event-ID`.

    Args:
        request: the request.
        job_id: id of the job.
        last_event_id: number of the last event that the client has.
    """
    services = get_services(request)
    job = services.jobs.get(job_id)
    seen = (
        int(last_event_id) if last_event_id is not None and last_event_id.isascii() and last_event_id.isdigit() else 0
    )
    stream = _stream(job, seen, services.settings.keep_alive_seconds)
    return StreamingResponse(stream, media_type="text/event-stream", headers={"x-accel-buffering": "no"})


@router.get("/{job_id}/report", response_model=None)
async def show_report(request: Request, job_id: str) -> Response:
    """The report of a job that has ended: one page with the answer, its evidence and every turn.

    Raises:
        RequestRefusedError: it has none, or not yet.
    """
    jobs = get_services(request).jobs
    job = jobs.get(job_id)
    if not job.is_done or not jobs.has_trajectory(job_id):
        raise RequestRefusedError(404, f"{job_id} has no report (it is {job.status})", "no_report")
    # the page names its style and script itself; what it can't forbid from within stands here
    return HTMLResponse(await jobs.draw(job, "report"), headers={"content-security-policy": "frame-ancestors 'none'"})


@router.post("/{job_id}/verify", response_model=None)
async def verify_job(request: Request, job_id: str) -> Response:
    """Looks for what the answer of a job cites in its video again, without a model: each frame and each quotation.

    Raises:
        RequestRefusedError: there is no answer, or the video has gone.
    """
    jobs = get_services(request).jobs
    job = jobs.get(job_id)
    if job.status not in ("answered", "not_shown", "cannot_tell"):
        raise RequestRefusedError(409, f"{job_id} has no answer to verify (it is {job.status})", "no_answer")
    return Response(await jobs.draw(job, "receipt"), media_type="application/json")


@router.get("/{job_id}/frame", response_model=None)
async def show_frame(
    request: Request,
    job_id: str,
    call_id: Annotated[str, Query(max_length=200)],
    index: Annotated[int, Query(ge=0, le=10_000)] = 0,
) -> Response:
    """A picture that a tool call of a job gave, as the policy saw it.

    Args:
        request: the request.
        job_id: id of the job.
        call_id: id of the call.
        index: place of the picture among those of the call.

    Raises:
        RequestRefusedError: there is no such picture, or it can't be had any more.
    """
    jobs = get_services(request).jobs
    job = jobs.get(job_id)
    ended = (event for event in job.events if event.get("call_id") == call_id and "seconds" in event)
    frames: list[dict[str, Any]] = next((event["observation"]["frames"] for event in ended), [])
    if index >= len(frames):
        raise RequestRefusedError(404, f"{job_id} has no such picture", "no_picture")
    kept = {"cache-control": "private, max-age=3600, immutable"}
    return Response(await jobs.draw(job, "frame", frames[index]), media_type="image/jpeg", headers=kept)


@router.get("/{job_id}/video", response_model=None)
async def play_video(
    request: Request, job_id: str, number: Annotated[int, Query(ge=1, le=MOST_VIDEOS)] = 1
) -> Response:
    """The video of a job, once it was opened as one; parts of it by `Range`.

    Args:
        request: the request.
        job_id: id of the job.
        number: number of the video where the job has several, from 1.

    Raises:
        RequestRefusedError: it was not, or the file has gone.
    """
    jobs = get_services(request).jobs
    job = jobs.get(job_id)
    is_opened = any(event["event"] == "run_started" for event in job.events)
    path = jobs.find_file(job, number)
    if not is_opened or path is None:
        raise RequestRefusedError(404, f"{job_id} has no video that can be played", "no_video")
    return FileResponse(path)


@router.post("/{job_id}/cancel")
async def cancel_job(request: Request, job_id: str) -> dict[str, Any]:
    """Cancels a job that has not ended; it keeps what was reached."""
    services = get_services(request)
    job = services.jobs.get(job_id)
    if not job.is_done:
        services.jobs.cancel(job)
    return job.as_data()


async def _stream(job: ServerJob, seen: int, silence_seconds: float) -> AsyncIterator[str]:
    events, number = AgUiEvents(job.id, job.id), 0

    def told(event: dict[str, Any]) -> str:
        nonlocal number
        number += 1
        return f"id: {number}\nevent: {event['type']}\ndata: {json.dumps(event)}\n\n" if number > seen else ""

    async for happened in job.follow(silence_seconds=silence_seconds):
        if happened is None:
            yield ": keep-alive\n\n"
        else:
            yield "".join(map(told, events.read(happened)))
    yield "".join(map(told, events.end(job.status, job.error, job.result)))
