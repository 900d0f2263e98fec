"""The agent inside other programs: `Sleuth("lite").ask("video.mp4", "question")` gives the answer with its evidence.

One `Sleuth` holds a policy, an encoder, the videos that are open and an executor of its own; make one and keep it. It
may be used from any number of threads and event loops. It runs the same graph as the command line and gives the same
trajectory; it prints nothing, keeps nothing outside itself but the cache of indexes, and loads nothing before its use.

    with Sleuth("lite") as sleuth:
        result = sleuth.ask("video.mp4", "What does the sign say?", max_seconds=60)
        print(result.text, result.confidence, result.evidence)

A list of paths in place of one asks about several videos: `sleuth.ask(["a.mp4", "b.mp4"], "Which of the two ...?")`. A
folder asks about all videos in it: they are indexed once, and those that fit the question best are looked into.

`aask` is for asyncio; `stream` and `astream` give the events of `agent.events` as they happen; `start` gives a `Run`,
on which all of these rest and which can be cancelled. A bad input is a ValueError. Whatever else ends a run early (a
limit, a cancellation, a model that can't be reached, a bug) comes back as a `RunResult` whose `status` says so, with
all that was reached till then.
"""

import math
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from copy import copy
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Self, TypeVar, Unpack

from agent.events import EventReader, ProgressReader, RunFinished
from agent.sessions.options import (
    AskedQuestion,
    AskOptions,
    QuestionOptions,
    VideoOptions,
    Videos,
    make_key,
    read_options,
)
from agent.sessions.run import Run
from agent.sessions.session import History, Session, list_questions
from tools.deadline import OutOfTime, WorkCancelledError, run_in_time, set_deadline
from tools.runtime.closing import Closing

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from agent.events import Event
    from agent.loop.ask import QuestionTools
    from agent.loop.receipt import Receipt
    from agent.policy import Policy, PolicyOptions
    from agent.report.images import PictureOf
    from agent.run_result import RunResult
    from agent.sessions.configured_tools import ConfiguredTools
    from agent.sessions.extended_toolbox import OwnTool
    from agent.sessions.open_videos import OnProgress, OpenVideos, VideoKey
    from agent.trajectory import Question, Trajectory
    from tools.encoders.registry import Encoder
    from tools.index.library import Library, Refuse
    from tools.index.video_index import IndexProgress
    from tools.observation import Observation
    from tools.toolbox import Toolbox
    from tools.vision.captioner import Captioner, CaptionModel

_T = TypeVar("_T")


class Sleuth(Closing):
    """Asks questions of videos. Close it, or use it in a `with` statement, so that its videos are closed."""

    def __init__(
        self,
        policy: "str | Policy | None" = None,
        *,
        policy_options: "PolicyOptions | None" = None,
        encoder: "str | Encoder | None" = None,
        captioner: "str | Policy | Captioner | CaptionModel | None" = None,
        tools: "Sequence[Callable[..., str | Observation]]" = (),
        use_configured_tools: bool = False,
        cache: str | Path | None = None,
        max_concurrent: int = 32,
        max_open_videos: int = 8,
    ) -> None:
        """Loads and opens nothing yet.

        Args:
            policy: a spec as `--policy` takes it, or any object with the interface of `agent.policy.Policy`; None is
                the default of the command line.
            policy_options: sampling and request settings of the model, where the policy is a spec.
            encoder: encoder of the frame index: a spec as `--encoder` takes it, or an object with the interface of
                `tools.encoders.registry.Encoder`.
            captioner: a model that describes windows and answers questions about them: a spec as `--captioner` takes
                it, or an object with the interface of `agent.policy.Policy`; or a captioner of your own, with that of
                `tools.vision.captioner.Captioner`.
            tools: functions of your own that a model may call beside ours, written as `agent.sessions.own_tools` says.
            use_configured_tools: whether those that the user's configuration file names are there too; they are loaded
                and started with the first question to a policy that may call them, all but `lite`.
            cache: folder of the indexes; by default the user's cache folder.
            max_concurrent: runs at the same time of `start` and all methods that rest on it; more wait.
            max_open_videos: videos that stay open, with their index going on, when nobody asks about them.
        """
        self._encoder: _Shared[Encoder] = _Shared(partial(_open_encoder, encoder))
        self._policy: _Shared[Policy] = _Shared(partial(_open_policy, policy, policy_options))
        self._spec = policy if isinstance(policy, str) else ""
        self._captioner: _Shared[Captioner | CaptionModel | None] = _Shared(partial(self._open_captioner, captioner))
        self._tools: Mapping[str, OwnTool] = _as_tools(tools) if tools else {}
        self._use_configured_tools = use_configured_tools
        self._configured: _Shared[ConfiguredTools] = _Shared(_open_configured_tools)
        self._cache = None if cache is None else Path(cache)
        self._max_open_videos = max_open_videos
        self._videos: _Shared[OpenVideos] = _Shared(self._opened_videos)
        self._executor = ThreadPoolExecutor(max_concurrent, thread_name_prefix="sleuth")
        self._lock = threading.Lock()
        self._runs: set[Run] = set()
        self._is_closed = False
        self._refuse: Refuse = lambda _: None

    def with_policy(self, policy: "str | Policy | None", policy_options: "PolicyOptions | None" = None) -> Self:
        """A Sleuth with another policy, which shares encoder, tools, executor and open videos, and ends with this one.

        Args:
            policy: a spec or an object, as for a new one.
            policy_options: sampling and request settings of the model, where the policy is a spec.
        """
        other = copy(self)
        other._policy = _Shared(partial(_open_policy, policy, policy_options))
        other._spec = policy if isinstance(policy, str) else ""
        return other

    def with_refusals(self, refuse: "Refuse") -> Self:
        """A Sleuth that leaves some videos of a folder out, which shares all with this one, and ends with it.

        Args:
            refuse: says why a video of a folder is not looked into; None where it is, and nothing, "", to say of one
                that is to be no part of the folder. A folder of pictures is refused for any of them.
        """
        other = copy(self)
        other._refuse = refuse
        return other

    def ask(self, video: Videos, question: str, **options: Unpack[AskOptions]) -> "RunResult":
        """The result of a question, run in the calling thread.

        Raises:
            ValueError: a bad input, such as a file that is no video.
            PolicyError, MissingPartError: the policy can't be opened, or what it needs is not installed.
            KeyboardInterrupt: Ctrl-C.
        """
        return self._begin(video, question, options, History()).play_here()

    async def aask(self, video: Videos, question: str, **options: Unpack[AskOptions]) -> "RunResult":
        """The result of a question, for asyncio; cancelling the task that waits for it cancels the run.

        Raises:
            ValueError: a bad input.
        """
        return await self.start(video, question, **options).wait()

    def stream(self, video: Videos, question: str, **options: Unpack[AskOptions]) -> "Iterator[Event]":
        """The events of a question's run as they happen, the result last; ending the iteration cancels the run.

        Raises:
            ValueError: a bad input.
        """
        return self.start(video, question, **options).stream()

    def astream(self, video: Videos, question: str, **options: Unpack[AskOptions]) -> "AsyncIterator[Event]":
        """The events of a question's run as they happen, for asyncio; ending the iteration cancels the run."""
        return self.start(video, question, **options).astream()

    def ask_many(self, video: Videos, questions: Iterable[str], **options: Unpack[AskOptions]) -> "list[RunResult]":
        """The results of several questions about one video, in their order, run at the same time over one index.

        Raises:
            ValueError: a bad input.
        """
        runs = [self.start(video, question, **options) for question in questions]
        try:
            return [run.result() for run in runs]
        finally:
            for run in runs:
                run.cancel()

    def start(self, video: Videos, question: str, **options: Unpack[AskOptions]) -> Run:
        """Starts a question in the executor and gives its run, to be waited for, read event by event, or cancelled.

        Raises:
            ValueError: the question or an option is invalid; what is wrong with the video, the result says.
            RuntimeError: the Sleuth is closed.
        """
        return self._submit(self._begin(video, question, options, History()))

    def open(self, video: Videos, **options: Unpack[VideoOptions]) -> Session:
        """A session: questions about a video, each of which knows those before it (`agent.sessions.session`)."""
        return self._session(video, options, ())

    def resume(self, path: str | Path, video: Videos | None = None, **options: Unpack[VideoOptions]) -> Session:
        """The session that `Session.save` wrote, or that begins with any saved trajectory.

        Args:
            path: the file.
            video: where the video is now; None where it was.
            options: how it is opened, where that is not on record: subtitles.

        Raises:
            ValueError: the file holds no trajectory.
        """
        from agent.trajectory import load

        return self.follow(load(path), video, **options)

    def follow(self, before: "Trajectory", video: Videos | None = None, **options: Unpack[VideoOptions]) -> Session:
        """The session that goes on after a question, which knows it and those before it.

        Args:
            before: the trajectory of the question.
            video: where the video is now; None where it was.
            options: how it is opened, where that is not on record: subtitles.
        """
        from agent.paths import unescape_path

        if video is None and before.question.folder is not None:
            video = unescape_path(before.question.folder.path)
        return self._session(*_recall_videos(before, video, options), list_questions(before))

    def verify(
        self, answered: "RunResult | Trajectory", video: Videos | None = None, **options: Unpack[VideoOptions]
    ) -> "Receipt":
        """A receipt for an answer: the frames and words that it cites, looked for in its videos again, without a model.

        Args:
            answered: the result, or a saved trajectory.
            video: where the video is now; None where it was.
            options: how it is opened, where that is not on record: subtitles.

        Raises:
            ValueError: there is no answer, or the video can't be opened or is another one.
        """
        from agent.loop.receipt import check_evidence
        from agent.loop.replay import check_same_videos
        from agent.trajectory import Trajectory

        recorded = answered if isinstance(answered, Trajectory) else answered.trajectory
        if recorded.answer is None:
            raise ValueError("there is no answer, so there is nothing to verify")
        videos, opened_as = _recall_videos(recorded, video, options)
        with ExitStack() as stack:
            borrowed = [stack.enter_context(self.borrow_toolbox(one, **opened_as)) for one in videos]
            toolboxes = [toolbox for toolbox in borrowed if toolbox is not None]
            if len(toolboxes) < len(borrowed):
                raise ValueError("the video is still being opened, which goes on: ask again")
            check_same_videos(recorded, toolboxes)
            return check_evidence(recorded.answer, toolboxes)

    def borrow_toolbox(
        self, video: str | Path, **options: Unpack[VideoOptions]
    ) -> "AbstractContextManager[Toolbox | None]":
        """A context with the tools of a video, shared with the runs about it; None if the time is over before they are.

        Raises:
            ValueError: the video can't be opened.
        """
        return self._borrow(make_key(video, options))

    def get_policy(self) -> "Policy":
        """The policy, opened if it is not yet, which can be cancelled."""
        (policy,) = run_in_time([self._policy.get])
        assert not isinstance(policy, OutOfTime), "no deadline stands around it"
        self._spec = policy.spec
        return policy

    @contextmanager
    def borrow_tools(
        self,
        asked: AskedQuestion,
        begun: float | None = None,
        on_progress: "Callable[[int, IndexProgress], None]" = lambda _, __: None,
    ) -> "Iterator[QuestionTools | None]":
        """A context with the tools of a question's videos, of a user's own too, once the question can be asked.

        Args:
            asked: the question.
            begun: when it began, of `time.monotonic`: if its time is over before the video is open, there are no tools
                but None. Without it the video is waited for.
            on_progress: called from other threads with the number of a video and the work on it.

        Raises:
            ValueError: a bad input.
        """
        from agent.limits import compute_seconds_left
        from agent.loop.checks import check_end, check_inputs, check_playable
        from agent.loop.several_videos import SeveralVideos
        from agent.policies.captioner import check_captioner
        from agent.sessions.extended_toolbox import extend

        for key in asked.keys:
            check_inputs(key.path, key.subtitles)
        check_playable(asked.question, self.get_policy(), asked.samples, asked.mode, asked.strategy)
        check_captioner(self._captioner.get(), asked.mode, asked.limits)
        with ExitStack() as stack:
            with set_deadline(math.inf if begun is None else compute_seconds_left(asked.limits, begun)):
                borrowed = [
                    stack.enter_context(self._borrow(key, partial(on_progress, number)))
                    for number, key in enumerate(asked.keys, 1)
                ]
            opened = [toolbox for toolbox in borrowed if toolbox is not None]
            if len(opened) < len(borrowed):
                yield None
                return
            check_end(asked.question, opened[0].video.info.duration_seconds)
            own = self._find_own_tools()
            videos = [extend(toolbox, own) for toolbox in opened]
            yield videos[0] if len(videos) == 1 else SeveralVideos(videos)

    @contextmanager
    def open_pictures(self, keys: "tuple[VideoKey, ...]", content_hashes: tuple[str, ...]) -> "Iterator[PictureOf]":
        """A context with the pictures of videos, opened again if need be; none if a file has gone or changed.

        Args:
            keys: the videos, in the order of their numbers.
            content_hashes: what they held when they were asked about.
        """
        from agent.loop.several_videos import SeveralVideos

        with ExitStack() as stack:
            try:
                borrowed = [stack.enter_context(self._borrow(key)) for key in keys if all(content_hashes)]
            except (OSError, ValueError):
                borrowed = []
            toolboxes = [toolbox for toolbox in borrowed if toolbox is not None]
            if tuple(toolbox.video.content_hash for toolbox in toolboxes) != content_hashes:
                yield lambda _: None
            else:
                yield (toolboxes[0] if len(toolboxes) == 1 else SeveralVideos(toolboxes)).picture

    def open_library(self, folder: Path) -> "Library":
        """The library of a folder, whose new and changed videos are indexed as far as the deadline at hand allows.

        Raises:
            ValueError: the folder holds no video.
        """
        from agent.sessions.library import update_library
        from tools.index.library import Library

        def open_one(path: Path) -> "AbstractContextManager[Toolbox]":
            return self._opened(make_key(path, {}), lambda _: None)

        library = Library(folder, self._encoder.get(), self._cache, self._refuse)
        update_library(library, open_one)
        return library

    def find_in_folder(self, asked: AskedQuestion, begun: float, before: "Sequence[Question]" = ()) -> AskedQuestion:
        """A question about a folder as one about those of its videos that fit it best; any other one as it is.

        Args:
            asked: the question; all videos of its folder are indexed, as far as its time allows.
            begun: when it began, of `time.monotonic`.
            before: the questions that it follows.

        Raises:
            ValueError: the folder holds no video that can be searched.
        """
        if asked.folder is None:
            return asked
        from agent.limits import compute_seconds_left
        from agent.sessions.library import find_question_videos

        with set_deadline(compute_seconds_left(asked.limits, begun)):
            return find_question_videos(asked, self.open_library(asked.folder), before)

    def submit(self, work: Callable[..., _T], *arguments: object) -> "Future[_T]":
        """Runs work of a door on a thread of the executor."""
        return self._executor.submit(work, *arguments)

    def cancel(self) -> None:
        """Cancels all runs, from any thread; `Run.cancel` ends a single one."""
        with self._lock:
            runs = list(self._runs)
        for run in runs:
            run.cancel()

    def close(self) -> None:
        """Cancels all runs and closes the videos; indexes are kept in the cache."""
        self._is_closed = True
        self.cancel()
        self._executor.shutdown()
        self._videos.get().close()
        for configured in self._configured.made:
            configured.close()

    def _find_own_tools(self) -> "Mapping[str, OwnTool]":
        if not self._use_configured_tools or self.get_policy().spec == "lite":
            return self._tools
        configured = self._configured.get().tools
        if both := self._tools.keys() & configured.keys():
            raise ValueError(f"two tools are called {min(both)}: a function of this program, and a configured one")
        return {**self._tools, **configured}

    def _session(self, video: Videos, options: VideoOptions, earlier: "tuple[Trajectory, ...]") -> Session:
        def begin(question: str, more: QuestionOptions, history: History) -> Run:
            return self._begin(video, question, {**options, **more}, history)

        return Session(begin, self._submit, History(earlier))

    def _begin(self, video: Videos, question: str, options: AskOptions, history: History) -> Run:
        from agent.loop.tracing import get_context

        if self._is_closed:
            raise RuntimeError("this Sleuth is closed: make another one")
        run = Run(partial(self._finished, read_options(video, question, options), history, get_context()))
        with self._lock:
            self._runs.add(run)
        return run

    def _submit(self, run: Run) -> Run:
        self._executor.submit(run.play)
        return run

    def _finished(self, asked: AskedQuestion, history: History, context: "Context | None", run: Run) -> "RunResult":
        from agent.loop.tracing import follow_context
        from agent.run_result import RunResult

        try:
            with follow_context(context):
                asked, trajectory = self._played(asked, history, run)
        finally:
            with self._lock:
                self._runs.discard(run)
        result = RunResult(trajectory, partial(self.open_pictures, asked.keys, trajectory.content_hashes))
        run.tell(RunFinished(run.id, result))
        return result

    def _played(self, asked: AskedQuestion, history: History, run: Run) -> "tuple[AskedQuestion, Trajectory]":
        """The run of a question, with the videos that were found for it where it is about a folder."""
        from agent.loop.ask import ask, measure_length
        from agent.loop.checks import answer_late, make_unopened_trajectory
        from agent.trajectory import Stop, Trajectory, Turn

        begun = time.monotonic()
        limits = asked.limits
        reader, progress = EventReader(run.id), ProgressReader(run.id, run.tell)

        def tell(told: Turn | Trajectory) -> None:
            if isinstance(told, Trajectory):
                run.reached = told
            for event in reader.read(told):
                run.tell(event)
            progress.turn(is_on=True)

        def left_out(stop: Stop) -> Trajectory:
            tell(make_unopened_trajectory(asked.question, self._spec, limits, 0.0, stop))
            seconds = time.monotonic() - begun
            return answer_late(make_unopened_trajectory(asked.question, self._spec, limits, seconds, stop))

        try:
            with ExitStack() as stack:
                remember = stack.enter_context(history.held())
                begun = time.monotonic()  # the question before it does not cost this one its time
                earlier = history.trajectories
                if asked.folder is not None:
                    asked = self.find_in_folder(asked, begun, [run.question for run in earlier])
                    earlier = history.list_about(asked.question)
                toolbox = stack.enter_context(self.borrow_tools(asked, begun, progress.read))
                if toolbox is None:
                    return asked, left_out(Stop.TIME_LIMIT)
                ended = ask(
                    asked.question,
                    toolbox,
                    self.get_policy(),
                    asked.size_limits(measure_length(toolbox)),
                    opening_seconds=time.monotonic() - begun,
                    samples=asked.samples,
                    mode=asked.mode,
                    strategy=asked.strategy,
                    vote=asked.vote,
                    effort=asked.effort,
                    examples=asked.examples,
                    verify=asked.verify,
                    earlier=earlier,
                    on_event=tell,
                )
                return asked, remember(answer_late(ended))
        except WorkCancelledError:
            return asked, left_out(Stop.INTERRUPTED)
        finally:
            progress.turn(is_on=False)

    def _borrow(
        self, key: "VideoKey", on_progress: "OnProgress" = lambda _: None
    ) -> "AbstractContextManager[Toolbox | None]":
        from agent.loop.checks import check_pictures

        check_pictures(key.path, self._refuse)
        return self._videos.get().borrowed(key, on_progress)

    def _opened_videos(self) -> "OpenVideos":
        from agent.sessions.open_videos import OpenVideos

        return OpenVideos(self._opened, self._max_open_videos)

    def _open_captioner(
        self, captioner: "str | Policy | Captioner | CaptionModel | None"
    ) -> "Captioner | CaptionModel | None":
        from agent.policies.captioner import open_captioner
        from tools.runtime.user_config import read_default

        is_named = captioner is not None or read_default("captioner")
        return open_captioner(captioner, self.get_policy() if is_named else None)

    def _opened(self, key: "VideoKey", on_progress: "OnProgress") -> "Toolbox":
        from tools.toolbox import open_toolbox

        return open_toolbox(
            key.path,
            encoder=self._encoder.get(),
            subtitles=key.subtitles,
            cache=self._cache,
            captioner=self._captioner.get(),
            start=key.from_seconds,
            until=key.until_seconds,
            picture_stream=key.picture_stream,
            audio=key.audio_track,
            fps=key.fps,
            on_progress=on_progress,
        )


def _as_tools(functions: "Sequence[Callable[..., str | Observation]]") -> "Mapping[str, OwnTool]":
    from agent.sessions.own_tools import describe_functions

    return describe_functions(functions)


def _open_configured_tools() -> "ConfiguredTools":
    from agent.sessions.configured_tools import ConfiguredTools

    return ConfiguredTools()


def _open_encoder(encoder: "str | Encoder | None") -> "Encoder":
    from tools.encoders.registry import open_encoder

    return open_encoder(encoder or "auto") if encoder is None or isinstance(encoder, str) else encoder


def _open_policy(policy: "str | Policy | None", options: "PolicyOptions | None") -> "Policy":
    from agent.policies.default import choose_default_policy
    from agent.policies.registry import open_policy

    if policy is None or isinstance(policy, str):
        return open_policy(choose_default_policy().spec if policy is None else policy, options)
    if options is not None:
        raise ValueError(f"{policy.spec} is open already: policy_options are for a policy that is named by its spec")
    return policy


class _Shared(Generic[_T]):
    """A value that is made when it is first wanted, once for all threads; a failure is tried again the next time."""

    def __init__(self, make: Callable[[], _T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: list[_T] = []

    @property
    def made(self) -> Sequence[_T]:
        """The value, where it was made."""
        return self._made

    def get(self) -> _T:
        with self._lock:
            if not self._made:
                self._made.append(self._make())
        return self._made[0]


def _recall_videos(
    recorded: "Trajectory", video: Videos | None, options: VideoOptions
) -> tuple[Sequence[str | Path], VideoOptions]:
    """Paths of a trajectory's videos, and how they are opened as they were then."""
    from agent.paths import unescape_path

    asked = recorded.question
    opened_as: VideoOptions = {
        "from_seconds": asked.from_seconds,
        "until_seconds": asked.until_seconds,
        "audio_track": asked.audio_track,
        "picture_stream": asked.picture_stream,
        "fps": asked.fps,
    }
    if video is None:
        return [unescape_path(path) for path in asked.videos], opened_as | options
    return [video] if isinstance(video, str | Path) else video, opened_as | options
