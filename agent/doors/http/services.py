"""What the routes of one server share, and the question that they all end in."""

import asyncio
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from agent.doors.http.errors import RequestRefusedError
from agent.doors.http.file_store import FileStore
from agent.doors.http.job import AskedJob, ServerJob
from agent.doors.http.job_dispatcher import JobDispatcher
from agent.doors.http.metrics import ServerMetrics
from agent.doors.http.schemas import AskedOptions
from agent.doors.http.settings import ServeSettings
from agent.doors.http.video_parts import GivenVideo, VideoSources

_STATUS_OF = {"refused": 400, "failed": 500, "lost": 503, "crashed": 500, "policy_failed": 502}
"""Status of HTTP for a job that ended without a result that says anything."""


MODEL = "video-sleuth"
"""Name of the model that is served: the server's policy. A further one stands behind it, as `video-sleuth:lite`."""


@dataclass(frozen=True)
class Services:
    """The parts of one server."""

    settings: ServeSettings
    files: FileStore
    sources: VideoSources
    jobs: JobDispatcher
    metrics: ServerMetrics


def get_services(request: Request) -> Services:
    """The parts of the server that a request reached."""
    services: Services = request.app.state.services
    return services


def read_model(settings: ServeSettings, name: str) -> str:
    """The spec of the policy behind the name of a model; empty for the server's own.

    Raises:
        RequestRefusedError: there is no such model.
    """
    model, _, policy = name.partition(":")
    if not model.startswith(MODEL) or (policy and policy not in settings.policies):
        names = ", ".join((MODEL, *(f"{MODEL}:{spec}" for spec in settings.policies)))
        raise RequestRefusedError(404, f"there is no model {name!r:.60}: it is called {names}", "model_not_found")
    return policy


async def ask(
    request: Request,
    videos: tuple[GivenVideo, ...],
    question: str,
    options: AskedOptions | None,
    after: str | None = None,
    is_kept: bool = False,
    model: str = MODEL,
) -> ServerJob:
    """Submits a question.

    Args:
        request: the request that asks it.
        videos: its videos.
        question: its text.
        options: its options.
        after: id of the job that it follows.
        is_kept: whether it outlives the connection and the server.
        model: who answers.

    Raises:
        RequestRefusedError: it is not taken.
    """
    services = get_services(request)
    given: dict[str, Any] = (
        options.model_dump(exclude_none=True, include=set(AskedOptions.model_fields)) if options else {}
    )
    policy = read_model(services.settings, model)
    if not question.strip():
        raise RequestRefusedError(400, "the question is empty", "no_question")
    if after is not None and not services.jobs.has_trajectory(after):
        raise RequestRefusedError(404, f"there is no job {after!r:.60} with a trajectory to go on from", "no_such_job")
    if (subtitles := given.get("subtitles")) is not None:
        if len(videos) > 1:
            raise RequestRefusedError(400, "subtitles can be given for one video only", "several_videos")
        opened = await asyncio.to_thread(services.sources.open_name, subtitles)
        given["subtitles"] = str(opened.path)
    client = request.client.host if request.client is not None else ""
    return services.jobs.submit(AskedJob(videos, question, given, after, policy), client, is_kept)


def find_failure(job: ServerJob) -> RequestRefusedError | None:
    """The error that a job ended in; None for one with a result."""
    if job.status not in _STATUS_OF:
        return (
            None
            if job.result is not None
            else RequestRefusedError(409, job.error or f"the job is {job.status}", job.status)
        )
    return RequestRefusedError(_STATUS_OF[job.status], job.error or f"the job is {job.status}", job.status)
