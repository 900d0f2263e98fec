"""`/v1/files` as OpenAI's clients know it, uploads that a question can name by their id; and `/v1/videos`."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, UploadFile
from starlette.requests import Request

from agent.doors.http.services import get_services

router = APIRouter(tags=["files"])


@router.post("/v1/files")
async def upload_file(
    request: Request, file: Annotated[UploadFile, File()], purpose: Annotated[str, Form(max_length=100)] = "user_data"
) -> dict[str, Any]:
    """Stores a video, or subtitles.

    Args:
        request: the request.
        file: the file of the form.
        purpose: what OpenAI's clients say that it is for.
    """
    services = get_services(request)
    stored = await asyncio.to_thread(services.files.add, file.filename or "video", file.file)
    services.metrics.stored_bytes.set(services.files.stored_bytes)
    return stored.as_data() | {"purpose": purpose}


@router.get("/v1/videos")
async def list_videos(request: Request) -> dict[str, Any]:
    """The videos in the folders that the server may read, and folders of them, by their names in a question."""
    sources = get_services(request).sources
    names = await asyncio.to_thread(sources.list_names)
    folders = await asyncio.to_thread(sources.folders.list_folders)
    return {
        "object": "list",
        "data": [{"object": "video_sleuth.video", "name": name} for name in names],
        "folders": [{"object": "video_sleuth.folder", "name": name} for name in folders],
    }


@router.get("/v1/files")
async def list_files(request: Request) -> dict[str, Any]:
    """All uploads, the newest first."""
    return {"object": "list", "data": [file.as_data() for file in get_services(request).files.all()], "has_more": False}


@router.get("/v1/files/{file_id}")
async def get_file(request: Request, file_id: str) -> dict[str, Any]:
    """The record of one upload."""
    return get_services(request).files.get(file_id).as_data()


@router.delete("/v1/files/{file_id}")
async def delete_file(request: Request, file_id: str) -> dict[str, Any]:
    """Removes an upload; what was indexed of it stays in the cache."""
    get_services(request).files.remove(file_id)
    return {"id": file_id, "object": "file", "deleted": True}
