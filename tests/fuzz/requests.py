"""Requests that an OpenAPI document allows, and what becomes of them when parts are changed, left out or put in."""

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import quote

from tests.fuzz.mutants import change

Json = Any

VALUES: tuple[Json, ...] = (
    *(None, True, 0, -1, 1.5, 2**70, 1e308, "", " ", "\0", "\x1b[2J", "🎥", "a" * 5000, "NaN", "\u202e"),
    *([], {}, [[[]]], {"url": {"url": {}}}, "data:", "data:video/mp4;base64,", "data:video/mp4;base64,AAAA"),
    *("..", "/etc/passwd", "file:///etc/passwd", "clip.mp4", "%2e%2e/", "C:\\x.mp4", "~/x", "file://\0", "http://["),
    *("/proc/self/mem", "http://127.0.0.1/x"),
)  # fmt: skip
PARTS = ("text", "video_url", "input_video", "video", "video_frames", "file", "input_file", "image_url", "odd")
KEYS = (
    "video_url",
    "video",
    "file",
    "url",
    "data",
    "frames",
    "fps",
    "duration",
    "file_id",
    "file_data",
    "filename",
    "x",
)
GOOD = {
    "video": "clip.mp4",
    "question": "How many?",
    "role": "user",
    "content": "How many in clip.mp4?",
    "model": "video-sleuth",
}
"""What a field has mostly, so that what stands beside it is reached."""
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")
HEADERS = {
    "content-type": ("text/plain", "multipart/form-data", "multipart/form-data; boundary=", "application/json; x", ""),
    "last-event-id": ("-1", "9" * 20, "x", "\u00b2"),
    "content-length": ("-1", "0", "99999999999999999999", "1e3"),
    "accept": ("text/event-stream", "\xff"),
    "host": ("", "evil.example", "127.0.0.1", "[::1"),
    "origin": ("null", "http://evil.example"),
    "range": ("bytes=-1", "bytes=0-99999999999999999999"),
}  # fmt: skip


@dataclass(frozen=True)
class HostileRequest:
    """A request, and what was done to one that the document allows."""

    what: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def as_bytes(self, host: str) -> bytes:
        """The request as it goes over a connection that is closed after it."""
        length = {"content-length": str(len(self.body))}
        headers = {"host": host, "connection": "close", **length, **self.headers}
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + self.body


class RequestMaker:
    """Makes requests of a document."""

    def __init__(self, document: Json, values: Sequence[Json]) -> None:
        """Reads the operations.

        Args:
            document: the OpenAPI document.
            values: what stands in place of a value, beside the odd ones: names and ids of the server under test.
        """
        self._document = document
        self._operations = [
            (path, m, told) for path, methods in document["paths"].items() for m, told in methods.items()
        ]
        self._values = (*VALUES, *values, *values)

    def make(self, random: Random) -> HostileRequest:
        """A request and the bytes of it, changed in one to three places."""
        weights = [4 if "requestBody" in told else 1 for _, _, told in self._operations]
        ((path, method, told),) = random.choices(self._operations, weights)
        done = [f"{method} {path}"]
        query: list[str] = []
        headers: dict[str, str] = {}
        for parameter in told.get("parameters", ()):
            value = (
                self._make_value(parameter["schema"], random) if random.random() < 0.5 else random.choice(self._values)
            )
            text = value if isinstance(value, str) else json.dumps(value)
            if parameter["in"] == "path":
                path = path.replace(
                    f"{{{parameter['name']}}}", quote(text, safe=random.choice(("", "/%", "/"))) or "%00"
                )
            elif parameter["in"] == "query" and random.random() < 0.7:
                query.append(f"{parameter['name']}={quote(text)}")
            elif parameter["in"] == "header" and random.random() < 0.5:
                headers[parameter["name"]] = text.partition("\n")[0].replace("\0", "")[:100]
        body = self._make_body(told, random, headers, done)
        if random.random() < 0.1:
            name = random.choice(sorted(HEADERS))
            headers[name] = random.choice(HEADERS[name])
            done.append(f"header {name}")
        if random.random() < 0.1:
            method = random.choice(METHODS)
            done.append(f"as {method}")
        path += f"?{'&'.join(query)}" if query else ""
        return HostileRequest(", ".join(done), method.upper(), path, headers, body)

    def _make_body(self, told: Json, random: Random, headers: dict[str, str], done: list[str]) -> bytes:
        content = told.get("requestBody", {}).get("content")
        if content is None:
            return b""
        ((kind, described),) = content.items()
        if kind == "multipart/form-data":
            headers["content-type"] = f"{kind}; boundary=x"
            name = json.dumps(random.choice([value for value in self._values if isinstance(value, str)])[:200])
            disposition = f'Content-Disposition: form-data; name="file"; filename={name}'
            body = f"--x\r\n{disposition}\r\n\r\nno video\r\n--x--\r\n".encode()
        else:
            headers["content-type"] = kind
            value = self._make_value(described["schema"], random)
            for _ in range(random.choice((0, 1, 1, 1, 2, 3))):
                value = self._change_value(value, random, done)
            body = json.dumps(value).encode()
        if random.random() < 0.15:
            body, changed = change(body, "body.json", random)
            done.append(changed)
        return body

    def _make_value(self, schema: Json, random: Random) -> Json:
        """A value that a schema allows."""
        if "$ref" in schema:
            named = self._document
            for key in schema["$ref"].removeprefix("#/").split("/"):
                named = named[key]
            return self._make_value(named, random)
        if "examples" in schema and random.random() < 0.5:
            return deepcopy(random.choice(schema["examples"]))
        for kind in ("anyOf", "oneOf"):
            if kind in schema:
                return self._make_value(random.choice(schema[kind]), random)
        if "enum" in schema:
            return random.choice(schema["enum"])
        match schema.get("type"):
            case "object":
                required = schema.get("required", ())
                described = schema.get("properties", {})
                made = {
                    name: GOOD[name] if name in GOOD and random.random() < 0.8 else self._make_value(one, random)
                    for name, one in described.items()
                    if name in required or random.random() < 0.2
                }
                return made or self._make_part(random)
            case "array":
                return [self._make_value(schema["items"], random) for _ in range(random.choice((1, 1, 2, 3)))]
            case "integer":
                return random.choice((1, 2, 3, 7))
            case "number":
                return random.choice((0.5, 1, 20))
            case "boolean":
                return random.random() < 0.5
            case "null":
                return None
        return random.choice(list(GOOD.values()))

    def _make_part(self, random: Random) -> Json:
        """A part of a message, which the document leaves open."""
        more = {random.choice(KEYS): random.choice(self._values) for _ in range(random.choice((0, 1, 2)))}
        kind = random.choice(PARTS)
        return {"type": kind, kind: random.choice(self._values)} | more

    def _change_value(self, value: Json, random: Random, done: list[str]) -> Json:
        """The value with one place in it changed."""
        places = _list_places(value)
        if not places:
            done.append("another body")
            return random.choice(self._values)
        holder, key = random.choice(places)
        what = random.choice(("replace", "replace", "drop", "add", "wrap", "many"))
        done.append(f"{what} {key}")
        if what == "replace":
            holder[key] = random.choice(self._values)
        elif what == "drop":
            del holder[key]
        elif what == "wrap":
            holder[key] = random.choice(([holder[key]], {"url": holder[key]}, json.dumps(holder[key])))
        elif what == "many":
            holder[key] = [deepcopy(holder[key])] * random.choice((2, 33, 5000))
        elif isinstance(holder, dict):
            holder[random.choice((*KEYS, "stream", "n", "after", "samples"))] = random.choice(self._values)
        else:
            holder.append(random.choice(self._values))
        return value


def _list_places(value: Json) -> list[tuple[Json, Any]]:
    """Every place in a value, as its holder and the key in it."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [place for key in keys for place in ((value, key), *_list_places(value[key]))]
