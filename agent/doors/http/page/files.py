"""The page's files, and the sign-in that stands before them where the server has a token.

Nothing of the page is fetched from elsewhere, and its policy allows no script or style but these files.
"""

import base64
import hashlib
from functools import cache
from importlib.resources import files

from starlette.responses import HTMLResponse, Response

HOME = "/"
SIGN_IN = "/sign-in"
PASS = "video_sleuth_pass"
"""Cookie of a browser whose user has said the token."""

_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
_PACKAGES = {
    "report.css": "agent.report",
    "report.js": "agent.report",
    "page.css": "agent.doors.http.page",
    "page.js": "agent.doors.http.page",
    "server.js": "agent.doors.http.page",
    "live.js": "agent.doors.http.page",
}
"""The files that the page is made of, by the package that they are in: style and parts are the report's."""
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


def show_page() -> Response:
    """The page itself."""
    return HTMLResponse(_read("page.html"), headers={"content-security-policy": _POLICY})


def show_file(name: str) -> Response | None:
    """A file of the page; None for a name that is none."""
    if name not in _PACKAGES:
        return None
    return Response(_read(name), media_type=_TYPES[name[name.rindex(".") :]])


def show_sign_in(wrong: str = "") -> Response:
    """The form that asks for the token, whole in itself: the page's other files need it already.

    Args:
        wrong: why the form is shown once more.
    """
    style = _read("report.css") + _read("page.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    )
    # without a referrer the browser would not say that the form is the server's own
    headers = {"content-security-policy": policy, "referrer-policy": "same-origin", "www-authenticate": "Bearer"}
    return HTMLResponse(_read("sign_in.html").replace("STYLE", style).replace("WRONG", wrong), 401, headers)


@cache
def _read(name: str) -> str:
    return files(_PACKAGES.get(name, "agent.doors.http.page")).joinpath(name).read_text(encoding="utf-8")
