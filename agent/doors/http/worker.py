"""A process that opens, indexes and asks about videos for the server: `python -m agent.doors.http.worker`.

A file of a stranger may make a decoder crash, hang or ask for all memory. Here that costs this process, which has
limits, and not the server. Requests come as lines of JSON on stdin and events go out as lines of JSON on stdout; the
process ends when stdin does.
"""

import base64
import json
import logging
import os
import resource
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from agent.doors.allowed_folders import is_open_to
from agent.doors.error_text import hide_paths
from agent.doors.http.file_store import is_sent_frames
from agent.doors.http.logs import log, set_up_logs
from agent.loop.tracing import flush
from agent.paths import escape_path, unescape_path
from tools.deadline import is_time_up, set_deadline
from tools.plain_data import loads_json

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from agent.report.images import PictureOf
    from agent.run_result import RunResult
    from agent.sessions.run import Run
    from agent.sleuth import Sleuth
    from agent.trajectory import Trajectory

_FRAMES_VIDEO = "frames.mkv"
"""Name of the video that is made of a folder of frames."""
_VERIFY_SECONDS = 40.0
"""Time of a receipt at most: what is not checked by then, the receipt says."""
_HEADERS = 10_000
"""Headers of videos in folders that are remembered."""
CRASHED = "this is a bug of the server, whose log has the details"
_DIED = "the process that answered it died"


@dataclass(frozen=True)
class WorkerSetup:
    """What a worker is started with, as JSON in its only argument."""

    policy: str
    captioner: str
    encoder: str
    running: int
    memory_bytes: int
    max_duration_seconds: float
    max_pixels: int
    folders: tuple[str, ...] = ()
    """Folders, without links, whose videos may be found by asking about a folder."""
    private: str = ""
    """Folder that holds what others sent: none of it is part of a folder that is asked about."""

    def as_argument(self) -> str:
        """The setup as an argument of the process."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class WorkRequest:
    """A question for a worker, as one line of JSON."""

    id: str
    videos: tuple[tuple[str, str], ...]
    """Path of each video, without links, and what the client calls it, which stands in its place in all that goes
    out."""
    question: str
    options: dict[str, Any]
    policy: str
    """Spec of the policy; empty for that of the setup."""
    save: str
    """File for the trajectory."""
    reached: str
    """File for the trajectory as far as it goes, for the case that the worker dies."""
    after: str | None = None
    """Saved trajectory of the question that this one follows."""

    @property
    def names(self) -> dict[str, str]:
        """What stands in place of each path, as both stand in JSON; one that begins as another comes before it."""
        longest_first = sorted(self.videos, key=lambda video: len(video[0]), reverse=True)
        return {json.dumps(path)[1:-1]: json.dumps(name)[1:-1] for path, name in longest_first}

    @property
    def files(self) -> list[Path]:
        """The files of the videos, or their folder; frames that a client sent by themselves have been made one."""
        paths = [Path(path) for path, _ in self.videos]
        return [path / _FRAMES_VIDEO if is_sent_frames(path) else path for path in paths]


@dataclass(frozen=True)
class DrawRequest:
    """A request for what a question's videos show, as one line of JSON."""

    draw: str
    """Id of the request."""
    work: dict[str, Any]
    """The question, as its `WorkRequest`."""
    content_hashes: tuple[str, ...]
    """What the videos held when they were asked about."""
    what: Literal["report", "frame", "receipt"]
    frame: dict[str, Any] | None = None
    """Reference of the frame that is wanted."""


class _TooLargeError(ValueError):
    """A video beyond the limits of the server."""


class Worker:
    """Answers questions with one `Sleuth`."""

    def __init__(self, setup: WorkerSetup, send: Callable[[bytes], None]) -> None:
        """Opens nothing yet.

        Args:
            setup: policy, encoder and limits.
            send: writes one line.
        """
        from agent.sleuth import Sleuth

        self._setup = setup
        self._send = send
        self._sleuth = Sleuth(
            setup.policy or None,
            captioner=setup.captioner or None,
            encoder=setup.encoder or None,
            use_configured_tools=True,
            max_concurrent=setup.running,
        ).with_refusals(self._refuse)
        self._sleuths = {"": self._sleuth}
        self._find_too_large = lru_cache(_HEADERS)(self._describe_too_large)
        self._executor = ThreadPoolExecutor(setup.running, thread_name_prefix="question")
        # pictures don't wait for questions, nor for the reading and hearing of a receipt
        self._drawer = ThreadPoolExecutor(1, thread_name_prefix="drawer")
        self._verifier = ThreadPoolExecutor(1, thread_name_prefix="verifier")
        self._lock = threading.Lock()
        self._cancels: dict[str, threading.Event] = {}
        self._runs: dict[str, Run] = {}

    def handle(self, line: bytes) -> None:
        """Starts or cancels a question."""
        message = loads_json(line)
        if "cancel" in message:
            self._cancel(message["cancel"])
            return
        if "draw" in message:
            wanted = DrawRequest(**message)
            (self._verifier if wanted.what == "receipt" else self._drawer).submit(self._draw, wanted)
            return
        request = WorkRequest(**message)
        self._cancels[request.id] = threading.Event()
        self._executor.submit(self._answer, request)

    def _cancel(self, request_id: str) -> None:
        if (cancelled := self._cancels.get(request_id)) is not None:
            cancelled.set()
            if (run := self._runs.get(request_id)) is not None:
                run.cancel()

    def _answer(self, request: WorkRequest) -> None:
        ended: dict[str, Any] = {"kind": "failed", "message": CRASHED}  # an end is told whatever happens here
        try:
            self._ask(request)
            ended = {"kind": "ended"}
        except (ValueError, TypeError) as error:
            ended = {"kind": "refused", "message": _format_reason(error, request)}
        except BaseException:
            log.exception("question failed")
        finally:
            self._cancels.pop(request.id, None)
            self._runs.pop(request.id, None)
            self._tell(request, ended)
            flush()  # the server ends this process without notice

    def _ask(self, request: WorkRequest) -> None:
        from agent.events import RunFinished, RunStarted
        from agent.loop.checks import make_unopened_trajectory
        from agent.report.console import format_answer
        from agent.sessions.options import read_options
        from agent.trajectory import Stop

        for video in request.files:
            if video.name == _FRAMES_VIDEO:
                _make_video(video)
            self._check_header(video, request.options.get("fps"))
        run = self._start_run(request)
        self._runs[request.id] = run
        options: Any = request.options
        asked = read_options(request.files, request.question, options)
        reached = make_unopened_trajectory(asked.question, self._setup.policy, asked.limits, 0.0, Stop.CRASHED)
        _save(request.reached, replace(reached, error=_DIED))
        if self._cancels[request.id].is_set():
            run.cancel()
        try:
            for event in run:
                if isinstance(event, RunStarted):
                    for facts in (event.facts, *event.other_facts):
                        self._check_size(facts.duration_seconds, facts.width, facts.height)
                told: dict[str, Any] = {"run_id": request.id}
                if isinstance(event, RunFinished):
                    shown = _hide_details(event.result)
                    event = replace(event, result=shown)
                    told |= {"content": format_answer(shown.trajectory), "usage": _count_tokens(shown)}
                    _save(request.save, shown.trajectory)
                elif run.reached is not None and run.reached is not reached:
                    reached = run.reached
                    _save(request.reached, reached.ended(Stop.CRASHED, _DIED))
                data = event.as_data() | told
                self._tell(request, {"kind": "event", "event": data})
        finally:
            run.cancel()

    def _start_run(self, request: WorkRequest) -> "Run":
        videos, sleuth = request.files, self._get_sleuth(request.policy)
        if request.after is None:
            return sleuth.start(videos, request.question, **request.options)
        from agent.trajectory import load

        before = load(request.after).question
        asked_before = before.videos if before.folder is None else (before.folder.path,)
        if asked_before != tuple(escape_path(str(video)) for video in videos):
            raise ValueError("the question before was about another video")
        of_video, of_question = _split_options(request)
        return sleuth.resume(request.after, videos, **of_video).start(request.question, **of_question)

    def _get_sleuth(self, policy: str) -> "Sleuth":
        with self._lock:
            if policy not in self._sleuths:
                self._sleuths[policy] = self._sleuth.with_policy(policy)
            return self._sleuths[policy]

    def _draw(self, wanted: DrawRequest) -> None:
        request = WorkRequest(**wanted.work)
        drawn: dict[str, Any] = {"kind": "drawn", "id": wanted.draw, "body": None}
        try:
            draw = {"report": self._draw_report, "frame": self._draw_frame, "receipt": self._verify}[wanted.what]
            body = draw(request, wanted)
            drawn["body"] = None if body is None else base64.b64encode(body).decode()
        except (OSError, ValueError):  # the file has gone, or is another one now
            log.info("video can't be opened again", exc_info=True)
        except BaseException:
            log.exception("picture can't be drawn")
        finally:
            self._send(json.dumps(drawn).encode() + b"\n")

    def _draw_frame(self, request: WorkRequest, wanted: DrawRequest) -> bytes | None:
        from tools.observation import FrameRef

        assert wanted.frame is not None
        frame = FrameRef(**wanted.frame | {"box": tuple(wanted.frame["box"])})
        with self._open_pictures(request, wanted) as picture:
            return picture(frame)

    def _draw_report(self, request: WorkRequest, wanted: DrawRequest) -> bytes:
        from agent.report.html import render
        from agent.trajectory import from_json

        trajectory = from_json(_rename(Path(request.save).read_text(encoding="utf-8"), request))
        with self._open_pictures(request, wanted) as picture:
            return render(trajectory, picture).encode("utf-8", "replace")

    def _verify(self, request: WorkRequest, wanted: DrawRequest) -> bytes:
        from agent.trajectory import load

        of_video, _ = _split_options(request)
        with set_deadline(_VERIFY_SECONDS):
            receipt = self._sleuth.verify(load(request.save), _list_looked_into(request), **of_video)
        return _rename(json.dumps(receipt.as_data()), request).encode()

    def _open_pictures(self, request: WorkRequest, wanted: DrawRequest) -> "AbstractContextManager[PictureOf]":
        from agent.sessions.options import make_key

        of_video, _ = _split_options(request)
        keys = tuple(make_key(video, of_video) for video in _list_looked_into(request))
        return self._sleuth.open_pictures(keys, tuple(wanted.content_hashes))

    def _refuse(self, video: Path) -> str | None:
        """Why a video of a folder is not looked into: what this server takes no other way is no part of it."""
        is_private = bool(self._setup.private) and video.resolve().is_relative_to(self._setup.private)
        if is_private or not is_open_to(video, map(Path, self._setup.folders)):
            return ""
        if is_time_up():
            return "there was no time for it"
        try:
            return self._find_too_large(video, video.stat().st_mtime_ns)
        except (OSError, ValueError):  # whoever opens it says what is wrong
            return None

    def _describe_too_large(self, video: Path, modified_ns: int) -> str | None:
        try:
            self._check_header(video)
        except _TooLargeError as error:
            return str(error)
        return None

    def _check_header(self, video: Path, fps: float | None = None) -> None:
        """Refuses by what the file says of itself, before anything of it is decoded; each picture is a file too."""
        from agent.sessions.options import is_searched
        from tools.demux.container import open_container
        from tools.demux.file_kind import find_pictures, is_still_picture
        from tools.video.frame_folder import USUAL_RATE
        from tools.video.still import read_still_size

        if video.is_dir():
            if not is_searched(video, fps):
                self._check_size(sum(1 for _ in find_pictures(video)) / (fps or USUAL_RATE), 0, 0)
            return
        if video.is_file() and is_still_picture(video):
            self._check_size(0, *(read_still_size(video) or (0, 0)))
            return
        with open_container(video) as container:
            seconds = (container.duration or 0) / 1e6
            for stream in container.streams.video:
                if (codec := stream.codec_context) is not None:  # None: a codec that FFmpeg does not know
                    self._check_size(seconds, codec.width, codec.height)

    def _check_size(self, seconds: float, width: int, height: int) -> None:
        if seconds > self._setup.max_duration_seconds:
            most = f"{self._setup.max_duration_seconds:g} s"
            raise _TooLargeError(f"the video is {seconds:.0f} s long; this server takes up to {most}")
        if width * height > self._setup.max_pixels:
            most = f"{self._setup.max_pixels / 1e6:.1f} megapixels"
            raise _TooLargeError(f"the video has pictures of {width}x{height} pixels; this server takes up to {most}")

    def _tell(self, request: WorkRequest, message: dict[str, Any]) -> None:
        self._send(_rename(json.dumps({"id": request.id} | message), request).encode() + b"\n")


def _list_looked_into(request: WorkRequest) -> list[Path]:
    """The files that a question looks into: those that it names, or those that were found for it in a folder."""
    from agent.trajectory import load

    if any(video.is_dir() for video in request.files):
        for saved in (request.save, request.reached):
            if Path(saved).is_file():
                return [Path(unescape_path(video)) for video in load(saved).question.videos]
    return request.files


def _split_options(request: WorkRequest) -> tuple[Any, Any]:
    """The options by which the video is opened, and those of the question."""
    from agent.sessions.options import VideoOptions

    of_video = {name: value for name, value in request.options.items() if name in VideoOptions.__annotations__}
    return of_video, {name: value for name, value in request.options.items() if name not in of_video}


def _rename(data: str, request: WorkRequest) -> str:
    """JSON with the video named as the client does."""
    for path, name in request.names.items():
        data = data.replace(path, name)
    return data


def _save(file: str, trajectory: "Trajectory") -> None:
    """Writes a trajectory. A disk that is full costs the file and not the answer."""
    from agent.trajectory import to_json

    path = Path(file)
    beside = path.with_suffix(".new")
    try:
        beside.write_text(to_json(trajectory), encoding="utf-8")
        beside.replace(path)
    except OSError:
        log.exception("trajectory can't be written")


def _make_video(video: Path) -> None:
    """Makes a video without loss of the frames in its folder, if it is not there yet."""
    import av

    from agent.doors.http.file_store import RATE
    from tools.video.frame_folder import FrameFolder

    folder = video.parent
    if video.exists():
        return
    frames = FrameFolder(folder, float((folder / RATE).read_text()))
    with tempfile.TemporaryDirectory(dir=folder) as new:
        made = Path(new) / video.name
        with av.open(str(made), "w") as container:
            stream = container.add_stream("ffv1", Fraction(frames.info.average_fps).limit_denominator(1001))
            stream.width, stream.height, stream.pix_fmt = frames.info.width, frames.info.height, "bgr0"
            for frame in frames.read(frames.timestamps.tolist()):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame.pixels, "rgb24")))
            container.mux(stream.encode())
        made.rename(video)


def _hide_details(result: "RunResult") -> "RunResult":
    """The result with an error that a client may read; the log has that of a crash."""
    error = hide_paths(result.error)
    if result.status == "crashed":
        log.error("run crashed: %s", result.error)
        error = CRASHED
    return replace(result, trajectory=replace(result.trajectory, error=error))


def _count_tokens(result: "RunResult") -> dict[str, int] | None:
    """The tokens of a run as OpenAI counts them; None where a model was asked that does not count them."""
    spent = result.trajectory.spent
    if spent.tokens is None and result.trajectory.setup is not None:
        return None
    prompt, completion = spent.prompt_tokens or 0, spent.completion_tokens or 0
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _format_reason(error: Exception, request: WorkRequest) -> str:
    from agent.terminal import escape_line

    return hide_paths(escape_line(error), {path: Path(name).name or name for path, name in request.videos})


def main(setup: WorkerSetup, requests: BinaryIO, answers: BinaryIO) -> None:
    """Answers requests until there are no more, then ends the process.

    Args:
        setup: policy, encoder and limits.
        requests: lines of JSON.
        answers: where lines of JSON go.
    """
    lock = threading.Lock()

    def send(line: bytes) -> None:
        with lock:
            answers.write(line)
            answers.flush()

    worker = Worker(setup, send)
    send(b'{"kind": "ready"}\n')
    for line in requests:
        worker.handle(line)
    os._exit(0)  # the server has gone: nobody wants what threads are still at


def _limit(setup: WorkerSetup) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (setup.memory_bytes, setup.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _take_stdout() -> BinaryIO:
    """Stdout for answers alone: whatever a library prints goes to stderr."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


if __name__ == "__main__":
    given = WorkerSetup(**loads_json(sys.argv[1]))
    _limit(given)
    set_up_logs()
    logging.captureWarnings(True)
    try:
        main(given, sys.stdin.buffer, _take_stdout())
    except BrokenPipeError:
        os._exit(0)
