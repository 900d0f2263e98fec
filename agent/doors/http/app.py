"""The application: routes behind the guards, and errors in one form."""

import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from agent.doors.allowed_folders import AllowedFolders
from agent.doors.http import completions, file_routes, job_routes, page_routes
from agent.doors.http.errors import RequestRefusedError, format_error, make_disk_full
from agent.doors.http.fetch import FetchRules
from agent.doors.http.file_store import FileStore
from agent.doors.http.guards import Guards
from agent.doors.http.job_dispatcher import JobDispatcher
from agent.doors.http.logs import log
from agent.doors.http.metrics import ServerMetrics
from agent.doors.http.services import Services, get_services
from agent.doors.http.settings import ServeSettings
from agent.doors.http.video_parts import VideoSources

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
_BUG = "this is a bug of the server, whose log has the details"


def make_services(settings: ServeSettings) -> Services:
    """The parts of a server, made before its event loop runs.

    Raises:
        ValueError: an allowed folder is none.
        OSError: the folder of its state can't be made.
    """
    folder = settings.state_folder
    metrics = ServerMetrics()
    files = FileStore(folder / "files", settings.max_stored_bytes, settings.max_upload_bytes)
    urls = FetchRules(
        settings.url_hosts, settings.url_private, settings.url_seconds, largest_bytes=settings.max_upload_bytes
    )
    sources = VideoSources(files, AllowedFolders(settings.allowed_folders), urls)
    return Services(settings, files, sources, JobDispatcher(settings, files, metrics), metrics)


def make_app(services: Services) -> "ASGIApp":
    """The application of a server; its workers start with it."""

    @asynccontextmanager
    async def live(_: FastAPI) -> AsyncIterator[None]:
        services.jobs.start()
        yield
        await services.jobs.stop()

    # the pages that show an OpenAPI document load their scripts from elsewhere, so there are none
    app = FastAPI(
        title="Video Sleuth",
        version=version("videosleuth"),
        summary="Ask a question of a video, get an answer with evidence.",
        lifespan=live,
        docs_url=None,
        redoc_url=None,
    )
    app.state.services = services
    for router in (completions.router, job_routes.router, file_routes.router, page_routes.router):
        app.include_router(router)
    app.add_api_route("/healthz", _tell_health, tags=["operation"])
    app.add_api_route("/readyz", _tell_readiness, tags=["operation"], response_model=None)
    app.add_api_route("/metrics", _show_metrics, tags=["operation"], response_model=None)
    app.add_exception_handler(RequestRefusedError, _answer_refused)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(Exception, _answer_bug)
    return Guards(app, services.settings, services.metrics)


async def _tell_health() -> dict[str, str]:
    """Says that the server is up."""
    return {"status": "ok"}


async def _tell_readiness(request: Request) -> Response:
    """Says whether questions are taken: 503 while workers start and while the server stops."""
    is_ready = get_services(request).jobs.is_ready
    return JSONResponse({"status": "ready" if is_ready else "not ready"}, 200 if is_ready else 503)


async def _show_metrics(request: Request) -> Response:
    """Metrics in Prometheus' text format."""
    return Response(get_services(request).metrics.page(), media_type=_METRICS_TYPE)


async def _answer_refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestRefusedError)
    return error.response()


async def _answer_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, OSError):  # an upload is kept in a file while it comes
        log.error("upload can't be written", exc_info=error)
        return make_disk_full().response()
    return JSONResponse(format_error(error.status_code, str(error.detail)), error.status_code, error.headers)


async def _answer_invalid(_: Request, error: Exception) -> Response:
    """Says where a request is wrong, without what stands there."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or "the body"
    return JSONResponse(format_error(400, f"{where:.200}: {first['msg']:.200}", "invalid"), 400)


async def _answer_bug(_: Request, error: Exception) -> Response:
    if isinstance(error, OSError) and error.errno in _FULL:
        return make_disk_full().response()
    return JSONResponse(format_error(500, _BUG, "bug"), 500)
