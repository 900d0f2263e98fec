"""Pictures as data URIs, which need no network."""

import base64


def make_jpeg_uri(jpeg: bytes) -> str:
    """The data URI of a JPEG."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
