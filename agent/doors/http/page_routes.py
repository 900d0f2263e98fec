"""The page at `/`: ask in a browser, watch, and see the evidence."""

from typing import Annotated

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from agent.doors.access import is_same, make_pass
from agent.doors.http.errors import RequestRefusedError
from agent.doors.http.page.files import HOME, PASS, SIGN_IN, show_file, show_page, show_sign_in
from agent.doors.http.services import get_services

router = APIRouter(tags=["page"], include_in_schema=False)


@router.get(HOME, response_model=None)
async def get_page() -> Response:
    """The page itself, whose other files lie below `/page`."""
    return show_page()


@router.get("/page/{name}", response_model=None)
async def get_page_file(name: str) -> Response:
    """A file that the page is made of.

    Raises:
        RequestRefusedError: there is none of that name.
    """
    file = show_file(name)
    if file is None:
        raise RequestRefusedError(404, "the page has no such file", "no_such_file")
    return file


@router.post(SIGN_IN, response_model=None)
async def sign_in(request: Request, token: Annotated[str, Form(max_length=1000)] = "") -> Response:
    """Takes the token of a form, and gives the browser a pass in its place.

    Args:
        request: the request.
        token: what the user says that the token is.
    """
    secret = get_services(request).settings.secret
    if not is_same(token.strip(), secret):
        return show_sign_in("That is not the token of this server.")
    answer = RedirectResponse(HOME, 303)
    answer.set_cookie(
        PASS, make_pass(secret), httponly=True, samesite="strict", secure=request.url.scheme == "https", path=HOME
    )
    return answer
