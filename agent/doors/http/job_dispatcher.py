"""All jobs of the server: who may add one, which goes to which worker and when, and what stays on disk.

A bounded queue with a turn for each client. One video always goes to the same worker, which has it open. When a worker
dies, each job that it had is tried once more in a process of its own; videos that end that one too are taken no more.
"""

import asyncio
import json
import logging
import math
import shutil
import time
import uuid
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from agent.doors.http.errors import RequestRefusedError, make_disk_full
from agent.doors.http.job import AskedJob, ServerJob
from agent.doors.http.logs import log, write_log
from agent.doors.http.video_parts import GivenVideo
from agent.doors.http.worker import DrawRequest, WorkerSetup, WorkRequest
from agent.doors.http.worker_process import WorkerProcess
from agent.paths import escape_path, unescape_path
from tools.own_files import make_own_folder
from tools.plain_data import loads_json

if TYPE_CHECKING:
    from agent.doors.http.file_store import FileStore
    from agent.doors.http.metrics import ServerMetrics
    from agent.doors.http.settings import ServeSettings

_FileState = tuple[str, int, int]
_REMEMBERED = 32
"""Finished jobs whose events stay in memory; older ones are read from disk."""
_GRACE_SECONDS = 30.0
"""Time past its limit after which a question that does not stop is stopped with its worker: a decoder that hangs."""
_BAD_VIDEOS = 1000
"""Videos remembered as deadly."""
_SHARE = 0.75
"""Share of the waiting places that one client may take."""
_RETRY_SECONDS = 5
"""What a client is told to wait at a full queue."""
_MOST_DRAWN = 64
"""Pictures that a worker may be asked for at the same time; a look has up to a few dozen."""
_LONGEST_DRAWING_SECONDS = 60.0
"""Wait for a picture or a report at most, the opening of its video included."""
_DEADLY = (
    "the process that read this video died twice, which the file is the likely reason of: it is damaged, or needs more "
    "memory than this server gives"
)
_UNREADABLE = "what was asked can't be read: another version of the server kept it, or the file is damaged; ask again"
_STOPPED = "the server was stopped before there was an answer; ask again"


class JobDispatcher:
    """The jobs of a server and its workers. Belongs to one event loop."""

    def __init__(self, settings: "ServeSettings", files: "FileStore", metrics: "ServerMetrics") -> None:
        """Makes the folder of jobs; `start` starts the workers.

        Args:
            settings: settings of the server.
            files: uploads, which stay while they are asked about.
            metrics: counts jobs.
        """
        self._settings = settings
        self._files = files
        self._metrics = metrics
        self._folder = make_own_folder(settings.state_folder / "jobs")
        self._jobs: dict[str, ServerJob] = {}
        self._finished: deque[str] = deque()
        self._on_disk = deque(sorted((path.name for path in self._folder.iterdir()), key=self._read_changed))
        self._waiting: OrderedDict[str, deque[ServerJob]] = OrderedDict()  # by client, in turn
        self._workers: dict[int, WorkerProcess] = {}
        self._alone: WorkerProcess | None = None
        self._overdue: dict[str, asyncio.TimerHandle] = {}
        self._held: dict[str, ExitStack] = {}
        self._bad: OrderedDict[frozenset[_FileState], None] = OrderedDict()  # of several, nobody knows which it was
        self._answered: OrderedDict[tuple[tuple[Path, ...], str, str], str] = OrderedDict()
        self._is_stopping = False

    @property
    def is_ready(self) -> bool:
        """Whether questions are taken and a worker is there to answer them."""
        return not self._is_stopping and any(worker.is_ready for worker in self._workers.values())

    def start(self) -> None:
        """Starts the workers, and takes up the jobs that the last stop left undone."""
        for number in range(self._settings.workers):
            self._workers[number] = self._launch()
        for job in self._find_undone():
            self._accept(job)
        self._dispatch()

    def submit(self, asked: AskedJob, client: str, is_kept: bool) -> ServerJob:
        """Takes a question.

        Args:
            asked: what is asked.
            client: who asks; each has a turn.
            is_kept: whether it outlives the server.

        Raises:
            RequestRefusedError: the queue or the disk is full, the server is stopping, or the video is known to be
                deadly.
        """
        if self._is_stopping:
            raise RequestRefusedError(
                503, "the server is stopping: ask again in a moment", "stopping", {"retry-after": "10"}
            )
        if self._is_bad(asked):
            raise RequestRefusedError(422, _DEADLY, "deadly_video")
        self._check_room(client)
        job = ServerJob(f"job-{uuid.uuid4().hex}", asked, client, is_kept)
        try:
            (self._folder / job.id).mkdir(mode=0o700)
            if is_kept:
                self._write(job, "request.json", {"client": client, "created_at": job.created_at} | asked.as_data())
        except OSError as error:
            shutil.rmtree(self._folder / job.id, ignore_errors=True)
            log.exception("job can't be written")
            raise make_disk_full() from error
        self._accept(job)
        self._dispatch()
        return job

    def get(self, job_id: str) -> ServerJob:
        """A job, finished ones from disk.

        Raises:
            RequestRefusedError: there is none of that id.
        """
        if (job := self._jobs.get(job_id)) is not None:
            return job
        try:
            data = loads_json((self._locate_folder(job_id) / "outcome.json").read_bytes())
            return ServerJob(
                job_id,
                self._read_asked(job_id) or _make_asked(data),
                status=data["status"],
                error=data["error"] or "",
                events=data["events"],
                result=data["result"],
                created_at=data["created_at"],
            )
        except (OSError, ValueError, KeyError, TypeError):  # none of that id, or damaged
            raise _make_no_such(job_id) from None

    def find_answered(self, videos: Iterable[GivenVideo], question: str, content: str) -> str | None:
        """Id of the job that gave an answer; None if nobody knows any more.

        Args:
            videos: its videos.
            question: its question.
            content: its answer in words.
        """
        job_id = self._answered.get((_list_paths(videos), question, content.strip()))
        return job_id if job_id is not None and self.has_trajectory(job_id) else None

    def has_trajectory(self, job_id: str) -> bool:
        """Whether the trajectory of a job is there."""
        return self._locate_trajectory(job_id).is_file()

    def trajectory(self, job_id: str) -> bytes:
        """The saved trajectory of a job, with its video named as the client did.

        Raises:
            RequestRefusedError: there is none, or not yet.
        """
        job = self.get(job_id)
        try:
            saved = loads_json(self._locate_trajectory(job_id).read_bytes())
            paths = (saved["question"]["video"], *saved["question"].get("other_videos", ()))
        except (OSError, ValueError, KeyError, TypeError):  # none, or damaged
            raise RequestRefusedError(
                404, f"{job_id} has no trajectory (it is {job.status})", "no_trajectory"
            ) from None
        written = json.dumps(saved)
        if (folder := saved["question"].get("folder")) is not None:
            (video,) = job.asked.videos
            return written.replace(json.dumps(folder["path"])[1:-1], json.dumps(video.name)[1:-1]).encode()
        for path, video in zip(paths, job.asked.videos, strict=True):
            written = written.replace(json.dumps(path), json.dumps(video.name))
        return written.encode()

    def find_file(self, job: ServerJob, number: int) -> Path | None:
        """The file of a job's video, of one that was found in a folder too; None where it is not known.

        Args:
            job: the job.
            number: number of the video, from 1.
        """
        files = [video.path for video in job.asked.videos]
        if len(files) == 1 and files[0].is_dir():
            files = [Path(unescape_path(path)) for path in self._read_paths(job.id)]
        return files[number - 1] if number <= len(files) and files[number - 1].is_file() else None

    def _read_paths(self, job_id: str) -> Sequence[str]:
        """The paths of the videos that a job looks into, as its trajectory has them."""
        for saved in (self._locate_trajectory(job_id), self._locate_reached(job_id)):
            with suppress(OSError, ValueError, KeyError, TypeError):  # none, or damaged
                question = loads_json(saved.read_bytes())["question"]
                return (question["video"], *question.get("other_videos", ()))
        return ()

    async def draw(
        self, job: ServerJob, what: Literal["report", "frame", "receipt"], frame: dict[str, Any] | None = None
    ) -> bytes:
        """What a job's videos show: the JPEG of a frame, the report, or the receipt of its answer as JSON.

        Args:
            job: the job; for a report or a receipt one that has ended.
            what: what is wanted.
            frame: reference of the frame.

        Raises:
            RequestRefusedError: it can't be had, or too many wait for such.
        """
        started = next((event for event in job.events if event["event"] == "run_started"), None)
        missing = RequestRefusedError(404, f"the {what} of this question can't be had any more", "no_picture")
        worker = self._workers.get(self._choose_number(job))
        has_files = all(video.path.name for video in job.asked.videos)
        if started is None or worker is None or not has_files or self._is_bad(job.asked):
            raise missing
        if worker.draws >= _MOST_DRAWN:
            wait = {"retry-after": f"{_RETRY_SECONDS}"}
            raise RequestRefusedError(429, "too many pictures are asked for: ask again in a moment", "busy", wait)
        hashes = tuple(facts["content_hash"] for facts in (started["facts"], *started.get("other_facts", ())))
        request = DrawRequest(uuid.uuid4().hex, vars(self._make_request(job)), hashes, what, frame)
        with self._hold(job):
            drawn = await worker.draw(request, _LONGEST_DRAWING_SECONDS)
        if drawn is None:
            raise missing
        return drawn

    def cancel(self, job: ServerJob) -> None:
        """Ends a job early; it then holds what was reached."""
        if job.status == "waiting":
            with suppress(KeyError, ValueError):
                self._waiting[job.client].remove(job)
            self._end(job, "cancelled", "cancelled before it began")
        elif (worker := self._find_worker(job)) is not None:
            worker.send({"cancel": job.id})

    async def stop(self) -> None:
        """Takes no more questions, lets the running ones end for a while, and ends the workers."""
        self._is_stopping = True
        for job in list(self._list_waiting()):
            if not job.is_kept:
                self.cancel(job)
        self._waiting.clear()
        running = [job for job in self._jobs.values() if job.status == "running"]
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.stop_seconds):
                for job in running:
                    await job.wait()
        for job in list(self._jobs.values()):
            if not job.is_done and not job.is_kept:
                self._end(job, "lost", _STOPPED)
            elif not job.is_done:  # taken up at the next start
                job.end("lost", _STOPPED)
        for worker in self._list_processes():
            await worker.close()

    def _check_room(self, client: str) -> None:
        in_flight = [job.client for job in self._jobs.values() if not job.is_done]
        running, waiting = self._settings.workers * self._settings.running, self._settings.waiting
        # one client can't take all places
        if len(in_flight) >= running + waiting or in_flight.count(client) >= running + math.ceil(waiting * _SHARE):
            self._metrics.refused.inc()
            wait = {"retry-after": f"{_RETRY_SECONDS}"}
            raise RequestRefusedError(429, "too many questions wait already: ask again in a moment", "queue_full", wait)

    def _accept(self, job: ServerJob) -> None:
        self._jobs[job.id] = job
        self._on_disk.append(job.id)
        self._held[job.id] = self._hold(job)
        self._waiting.setdefault(job.client, deque()).append(job)

    def _hold(self, job: ServerJob) -> ExitStack:
        with ExitStack() as held:
            for video in job.asked.videos:
                held.enter_context(self._files.held(video.path))
            return held.pop_all()

    def _dispatch(self) -> None:
        """Gives waiting jobs to workers, a client at a time."""
        if self._is_stopping:
            return
        is_moving = True
        while is_moving:
            is_moving = False
            for client in list(self._waiting):
                job = next((job for job in self._waiting[client] if self._has_room(job)), None)
                if job is not None:
                    self._waiting[client].remove(job)
                    self._waiting.move_to_end(client)
                    self._run(job)
                    is_moving = True
                if not self._waiting[client]:
                    del self._waiting[client]
        self._metrics.waiting.set(sum(1 for _ in self._list_waiting()))
        self._metrics.running.set(sum(len(worker.job_ids) for worker in self._list_processes()))

    def _has_room(self, job: ServerJob) -> bool:
        if job.is_suspect:
            if self._alone is None:
                self._alone = self._launch()
            return self._alone.is_ready and not self._alone.job_ids
        number = self._choose_number(job)
        if number not in self._workers:
            self._workers[number] = self._launch()
        return self._workers[number].is_ready and self._workers[number].has_room

    def _run(self, job: ServerJob) -> None:
        worker = self._alone if job.is_suspect else self._workers[self._choose_number(job)]
        assert worker is not None
        job.status = "running"
        worker.job_ids.add(job.id)
        request = self._make_request(job)
        worker.send(vars(request))
        seconds = request.options["max_seconds"] + _GRACE_SECONDS
        overdue = asyncio.get_running_loop().call_later(seconds, self._stop_hanging, job, worker)
        self._overdue[job.id] = overdue
        job.wake()

    def _make_request(self, job: ServerJob) -> WorkRequest:
        asked, saved = job.asked, str(self._locate_trajectory(job.id))
        seconds = min(asked.options.get("max_seconds") or self._settings.max_seconds, self._settings.max_seconds)
        options = asked.options | {"max_seconds": seconds}
        after = None if asked.after is None else str(self._locate_trajectory(asked.after))
        reached = str(self._locate_reached(job.id))
        videos = tuple((str(video.path), video.name) for video in asked.videos)
        return WorkRequest(job.id, videos, asked.question, options, asked.policy, saved, reached, after)

    def _stop_hanging(self, job: ServerJob, worker: WorkerProcess) -> None:
        write_log("question does not stop", logging.WARNING, job=job.id, pid=worker.pid)
        job.is_suspect = True  # so that it is not tried again
        worker.kill()

    def _hear(self, worker: WorkerProcess, message: dict[str, Any]) -> None:
        if message["kind"] == "ready":
            self._dispatch()
            return
        job = self._jobs.get(message["id"])
        if job is None or job.id not in worker.job_ids:
            return
        if message["kind"] == "event":
            job.tell(message["event"])
            return
        worker.job_ids.discard(job.id)
        if message["kind"] == "ended" and job.result is not None:
            self._end(job, job.result["status"], job.result["error"])
        else:
            self._end(job, message["kind"], message.get("message", ""))
        self._dispatch()
        if worker is self._alone and not worker.job_ids:  # nothing else is to be tried alone
            self._alone = None
            worker.kill()

    def _mourn(self, worker: WorkerProcess) -> None:
        """Starts another worker in the place of a dead one, and tries its jobs once more, each alone."""
        if self._is_stopping or worker not in self._list_processes():
            return
        self._metrics.worker_deaths.inc()
        for job_id in worker.job_ids:
            job = self._jobs[job_id]
            self._forget_timer(job)
            if job.is_suspect:
                self._bad[_read_states(job.asked)] = None
                while len(self._bad) > _BAD_VIDEOS:
                    self._bad.popitem(last=False)
                self._end(job, "failed", _DEADLY)
            else:
                job.restart()
                self._waiting.setdefault(job.client, deque()).append(job)
        if worker is self._alone:
            self._alone = None
        else:
            number = next(number for number, other in self._workers.items() if other is worker)
            del self._workers[number]
            if worker.is_ready:
                self._workers[number] = self._launch()
        if not worker.is_ready:  # it can't start, so nor would the next one
            for job in list(self._list_waiting()):
                self._waiting[job.client].remove(job)
                self._end(job, "failed", "the server can't start the process that reads videos: tell who runs it")
        self._dispatch()

    def _launch(self) -> WorkerProcess:
        settings = self._settings
        setup = WorkerSetup(
            policy=settings.policy,
            captioner=settings.captioner,
            encoder=settings.encoder,
            running=settings.running,
            memory_bytes=settings.memory_bytes,
            max_duration_seconds=settings.max_duration_seconds,
            max_pixels=settings.max_pixels,
            folders=tuple(str(Path(folder).expanduser().resolve()) for folder in settings.allowed_folders),
            private=str(settings.state_folder.resolve()),
        )
        worker = WorkerProcess(setup, self._hear, self._mourn)
        worker.start()
        return worker

    def _end(self, job: ServerJob, status: str, error: str) -> None:
        self._forget_timer(job)
        job.end(status, error)
        if (held := self._held.pop(job.id, None)) is not None:
            held.close()
        try:
            self._settle_trajectory(job)
            self._write(job, "outcome.json", job.as_data() | {"events": job.events})
        except OSError:
            log.exception("outcome can't be written")
        self._metrics.jobs.labels(status).inc()
        self._metrics.job_seconds.observe(time.time() - job.created_at)
        write_log("job ended", job=job.id, status=status, seconds=round(time.time() - job.created_at, 3))
        if job.result is not None:
            self._answered[_list_paths(job.asked.videos), job.asked.question, job.content.strip()] = job.id
            if len(self._answered) > self._settings.kept_jobs:
                self._answered.popitem(last=False)
        self._finished.append(job.id)
        while len(self._finished) > _REMEMBERED:
            del self._jobs[self._finished.popleft()]
        while len(self._on_disk) > self._settings.kept_jobs and self._on_disk[0] not in self._jobs:
            shutil.rmtree(self._folder / self._on_disk.popleft(), ignore_errors=True)

    def _forget_timer(self, job: ServerJob) -> None:
        if (timer := self._overdue.pop(job.id, None)) is not None:
            timer.cancel()

    def _find_undone(self) -> Iterator[ServerJob]:
        for name in list(self._on_disk):
            folder = self._folder / name
            if (folder / "outcome.json").exists():
                continue
            self._on_disk.remove(name)
            try:
                written = (folder / "request.json").read_bytes()
            except OSError:  # of a connection that has gone
                shutil.rmtree(folder, ignore_errors=True)
                continue
            try:
                data = loads_json(written)
                yield ServerJob(
                    name,
                    AskedJob.from_data(data),
                    data.get("client", ""),
                    is_kept=True,
                    created_at=data.get("created_at", time.time()),
                )
            except (ValueError, KeyError, TypeError, AttributeError):
                self._end_unreadable(name)

    def _end_unreadable(self, name: str) -> None:
        """Ends a job that was kept and can't be read: whoever asks for it is told so."""
        job = ServerJob(name, AskedJob((GivenVideo(Path(), "unknown"),), "unknown", {}), is_kept=True)
        self._jobs[name] = job
        self._on_disk.append(name)
        self._end(job, "lost", _UNREADABLE)

    def _read_asked(self, job_id: str) -> AskedJob | None:
        """What a finished job asked; None where it was kept for nobody, or is damaged."""
        try:
            return AskedJob.from_data(loads_json((self._locate_folder(job_id) / "request.json").read_bytes()))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def _write(self, job: ServerJob, name: str, data: dict[str, Any]) -> None:
        """Writes a file whole or not at all; a power cut may cost it, an end of the process not."""
        path = self._folder / job.id / name
        beside = path.with_suffix(".new")
        beside.write_text(json.dumps(data), encoding="utf-8")
        beside.replace(path)

    def _locate_trajectory(self, job_id: str) -> Path:
        return self._locate_folder(job_id) / "trajectory.json"

    def _locate_reached(self, job_id: str) -> Path:
        return self._locate_folder(job_id) / "reached.json"

    def _settle_trajectory(self, job: ServerJob) -> None:
        """Makes what was reached the trajectory of a job that came to no end by itself."""
        reached = self._locate_reached(job.id)
        if job.status in ("failed", "lost") and not self.has_trajectory(job.id):
            if reached.is_file():
                reached.rename(self._locate_trajectory(job.id))
            else:
                with suppress(ValueError):  # what can't be asked, as of too many videos, has none
                    self._locate_trajectory(job.id).write_text(_make_empty_trajectory(job), encoding="utf-8")
        reached.unlink(missing_ok=True)

    def _locate_folder(self, job_id: str) -> Path:
        kind, _, rest = job_id.partition("-")
        if kind != "job" or len(rest) != 32 or not set(rest) <= set("0123456789abcdef"):
            raise _make_no_such(job_id)
        return self._folder / job_id

    def _read_changed(self, name: str) -> float:
        with suppress(OSError):
            return (self._folder / name).stat().st_mtime
        return 0.0

    def _choose_number(self, job: ServerJob) -> int:
        return hash(str(job.asked.videos[0].path)) % self._settings.workers

    def _is_bad(self, asked: AskedJob) -> bool:
        states = _read_states(asked)
        return any(bad <= states for bad in self._bad)

    def _find_worker(self, job: ServerJob) -> WorkerProcess | None:
        return next((worker for worker in self._list_processes() if job.id in worker.job_ids), None)

    def _list_processes(self) -> list[WorkerProcess]:
        return [*self._workers.values(), *([self._alone] if self._alone is not None else [])]

    def _list_waiting(self) -> Iterator[ServerJob]:
        return (job for queue in list(self._waiting.values()) for job in list(queue))


def _list_paths(videos: Iterable[GivenVideo]) -> tuple[Path, ...]:
    return tuple(video.path for video in videos)


def _read_states(asked: AskedJob) -> frozenset[_FileState]:
    return frozenset(_read_state(video.path) for video in asked.videos)


def _read_state(video: Path) -> _FileState:
    """Name, size and time of a file: a file that was replaced is another video."""
    try:
        stat = video.stat()
    except OSError:
        return (str(video), 0, 0)
    return (str(video), stat.st_size, stat.st_mtime_ns)


def _make_empty_trajectory(job: ServerJob) -> str:
    """The trajectory of a job that never began, as JSON."""
    from agent.limits import QuestionBudget
    from agent.loop.checks import make_unopened_trajectory
    from agent.trajectory import Question, Stop, to_json

    first, *others = (escape_path(str(video.path)) for video in job.asked.videos)
    question = Question(first, job.asked.question, other_videos=tuple(others))
    limits = QuestionBudget({}).for_length()
    unopened = make_unopened_trajectory(question, job.asked.policy, limits, 0.0, Stop.CRASHED)
    return to_json(replace(unopened, error=job.error))


def _make_asked(outcome: dict[str, Any]) -> AskedJob:
    """What a job asked whose files nobody knows any more."""
    names = outcome["video"] if isinstance(outcome["video"], list) else [outcome["video"]]
    return AskedJob(tuple(GivenVideo(Path(), name) for name in names), outcome["question"], {})


def _make_no_such(job_id: str) -> RequestRefusedError:
    return RequestRefusedError(404, f"there is no job {job_id!r:.60}, or no longer", "no_such_job")
