"""Sources of training questions: a set of `evals`, or composed questions without end.

`open_questions` reads the `data` of a training file:

    drawn,level=1,count=64                 a set of composed videos, as `evals.run --data` takes it; or its folder
    composed,first=1,last=3,view=words     composed for every step, easy ones first; families=read+when takes some kinds
    video-r1,file=F.json,videos=FOLDER     published sets: llava-video, videokr, webvid, a teacher's `taught`; also
                                           next-qa and activitynet-qa, which take folder=FOLDER
    built,folder=FOLDER                    what `rl.data.curation` kept of its candidates
"""

import json
import math
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, get_args

from agent.loop.ask import ask
from agent.loop.forwarding_tools import ForwardingVideoTools
from agent.loop.several_videos import VideoTools
from agent.trajectory import Trajectory
from evals.composed.families import FAMILIES
from evals.controls.catalogue import CONTROLS
from evals.controls.control import ControlledQuestion, PolicyInputs
from evals.controls.subject import EvidenceSpan, subject_of
from evals.datasets.clips import ClipExample, ExampleSet
from evals.datasets.composed import open_composed
from evals.datasets.sources import FileSource
from evals.example import Example
from evals.runner.run_file import Key
from evals.runner.runner import RunSettings, Task, run_tasks
from rl.data import published
from rl.data.built import open_built
from rl.data.curriculum import ComposedQuestions, ComposedTask, Curriculum, View
from rl.data.game import Game, GameControl
from rl.data.references import Need, TimedBox
from tools.observation import Observation
from tools.toolbox import make_toolbox

_PASSED_OVER = 100
"""Questions composed for each wanted one before giving up on the families: level 1 has no `order`."""

_AT_ONCE = 16
"""Files looked at at the same time: it is their disk that is waited for."""

Keep = Callable[[Key, Trajectory], None]


class TrainingQuestions(Protocol):
    """A source of questions to train on, which also runs them."""

    @property
    def examples(self) -> Mapping[str, Example]:
        """Examples by the id of the question, in the order in which they are trained on."""
        ...

    @property
    def is_in_order(self) -> bool:
        """Whether the order of `examples` matters, as it does for a curriculum."""
        ...

    @property
    def boxes(self) -> Mapping[str, tuple[TimedBox, ...]]:
        """Reference boxes by the id of the question, where they are known."""
        ...

    def check_videos(self, *, skip: bool) -> str:
        """Looks for every video before anything is loaded, as far as that shows without decoding.

        Args:
            skip: whether questions whose video can't be opened are left out.

        Returns:
            What was left out, in a line; empty where nothing was.

        Raises:
            ValueError: a video can't be opened, and is not to be left out; or none can.
        """
        ...

    def play(self, wanted: Sequence[Key], settings: RunSettings, keep: Keep, concurrency: int) -> None:
        """Runs each (question id, sample number).

        Args:
            wanted: the keys, each once.
            settings: policy, limits and control of the runs.
            keep: gets each trajectory as it ends, from several threads.
            concurrency: runs at the same time.
        """
        ...

    def warm(self, question_id: str, settings: RunSettings) -> None:
        """Computes what opening the video of a question needs, and leaves it in the cache."""
        ...


class SetQuestions:
    """The questions of a set, run as `evals.run` runs them."""

    is_in_order = False

    def __init__(self, asked_of: ExampleSet) -> None:
        self.examples: Mapping[str, Example] = asked_of.examples()
        self._entries = {entry.id: entry for entry in asked_of.asking.entries}
        self.boxes = {key: spread_boxes(entry.subject.evidence or ()) for key, entry in self._entries.items()}

    def check_videos(self, *, skip: bool) -> str:
        """Looks for every video; the questions of those that can't be opened are left out, or refused."""
        sources = list({entry.source: None for entry in self._entries.values()})
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            problems = dict(zip(sources, pool.map(lambda source: source.problem(), sources), strict=True))
        bad = {key: why for key, entry in self._entries.items() if (why := problems[entry.source]) is not None}
        if not bad:
            return ""
        told = f"{len(bad)} of {len(self._entries)} questions can't be asked, the first: {next(iter(bad.values()))}"
        if not skip or len(bad) == len(self._entries):
            raise ValueError(told + ("" if skip else "; skip_unplayable = true in the training file leaves them out"))
        self._entries = {key: entry for key, entry in self._entries.items() if key not in bad}
        self.examples = {key: example for key, example in self.examples.items() if key not in bad}
        return told

    def play(self, wanted: Sequence[Key], settings: RunSettings, keep: Keep, concurrency: int) -> None:
        """Runs each (question id, sample number), sharing open videos."""
        tasks = [self._task(*key) for key in wanted]
        run_tasks(tasks, settings, lambda task, trajectory: keep(task.key, trajectory), concurrency=concurrency)

    def warm(self, question_id: str, settings: RunSettings) -> None:
        """Opens the video of a question and waits for its index."""
        with tempfile.TemporaryDirectory() as scratch:
            opened = self._entries[question_id].source.open(Path(scratch))
            with make_toolbox(opened.footage, encoder=settings.encoder, subtitles=opened.subtitles) as toolbox:
                toolbox.index.wait_tiled()

    def _task(self, question_id: str, sample: int) -> Task:
        entry = self._entries[question_id]
        return Task(ControlledQuestion(entry.question, entry.id, entry.id), entry, entry.source, sample)


class PosedQuestions:
    """Composed questions, each painted when it is run; all runs of one share the results of its tools."""

    is_in_order = True

    def __init__(self, posed: Sequence[ComposedTask], view: View) -> None:
        self._posed = {one.example.question.id: one for one in posed}
        self._view: View = view
        self.examples: Mapping[str, Example] = {key: one.example for key, one in self._posed.items()}
        self.boxes = {
            key: spread_boxes([EvidenceSpan(p.start_seconds, p.stop_seconds, p.whole_box) for p in one.asked.evidence])
            for key, one in self._posed.items()
        }

    def check_videos(self, *, skip: bool) -> str:
        """Finds nothing: painted videos need no file."""
        return ""

    def play(self, wanted: Sequence[Key], settings: RunSettings, keep: Keep, concurrency: int) -> None:
        """Runs each (question id, sample number), with no looks before but a game's; frames may be shuffled."""
        encoder, control = settings.encoder or "hashing", settings.control
        is_shuffled = control.about == CONTROLS["shuffled-frames"].about
        game = control.game if isinstance(control, GameControl) else Game()
        with ExitStack() as opened, ThreadPoolExecutor(concurrency) as pool:
            tools = {
                key: RememberingTools(
                    opened.enter_context(self._posed[key].tools(self._view, encoder, is_shuffled=is_shuffled))
                )
                for key in dict.fromkeys(key for key, _ in wanted)
            }

            def one(key: Key) -> None:
                question = self.examples[key[0]].question
                shown = game.narrow(PolicyInputs(tools[key[0]], ()))
                run = ask(
                    question,
                    shown.tools,
                    settings.policy,
                    settings.limits,
                    verify=settings.verify,
                    look_again=False,  # a run has one answer, which is what the presets reward
                    opening=shown.opening,
                    sample=key[1],
                )
                keep(key, run)

            list(pool.map(one, wanted))

    def warm(self, question_id: str, settings: RunSettings) -> None:
        """Does nothing: painted videos are not kept."""


def list_measurable(questions: TrainingQuestions) -> set[Need]:
    """What rewards may need that some of the questions know."""
    spans = any(example.evidence_seconds is not None for example in questions.examples.values())
    boxes = any(questions.boxes.get(key) for key in questions.examples)
    found: dict[Need, bool] = {"spans": spans, "boxes": boxes}
    return {need for need, is_known in found.items() if is_known}


def find_boxes(questions: TrainingQuestions) -> Callable[[Example], tuple[TimedBox, ...] | None]:
    """A function from an example to its reference boxes, for `rl.rewards.aids.Aids`."""
    return lambda example: questions.boxes.get(example.question.id) or None


def spread_boxes(spans: Sequence[EvidenceSpan]) -> tuple[TimedBox, ...]:
    """A reference box for each second of spans whose place is known, in order of time."""
    found = [
        TimedBox(min(span.start_seconds + second, span.stop_seconds), span.box)
        for span in spans
        if span.box is not None
        for second in range(math.ceil(span.stop_seconds - span.start_seconds) + 1)
    ]
    return tuple(sorted(found, key=lambda timed: timed.seconds))


@dataclass
class _Call:
    lock: threading.Lock = field(default_factory=threading.Lock)
    observation: Observation | None = None


class RememberingTools(ForwardingVideoTools):
    """Tools that remember the result of each call, for runs of a question, which mostly make the same calls."""

    def __init__(self, tools: VideoTools) -> None:
        super().__init__(tools)
        self._calls: dict[str, _Call] = {}
        self._lock = threading.Lock()

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        """The observation of a call, computed once for equal arguments; a refused call is refused anew each time."""
        with self._lock:
            call = self._calls.setdefault(json.dumps([name, arguments], sort_keys=True), _Call())
        with call.lock:  # an equal call meanwhile waits for this one
            if call.observation is None:
                call.observation = self._tools.call(name, arguments)
            return call.observation


def open_questions(data: str, count: int) -> TrainingQuestions:
    """Opens the questions that a training file names.

    Args:
        data: name and options of the source, as the module describes them.
        count: number of questions to train on, for sources without end.

    Raises:
        ValueError: `data` names nothing that can be read; says what is wanted.
    """
    name, *parts = data.split(",")
    told = dict(part.partition("=")[::2] for part in parts)
    if name == "composed":
        return _open_composed(data, told, count)
    if name == "built":
        _check_known(data, told, ("folder",))
        return SetQuestions(open_built(Path(told.get("folder", ""))))
    if name in _READERS:
        return SetQuestions(_open_published(name, data, told))
    return SetQuestions(open_composed(data))


def _open_composed(data: str, told: Mapping[str, str], count: int) -> PosedQuestions:
    known = {"first": "1", "last": "1", "seed": "0", "view": "words", "families": "+".join(FAMILIES)}
    _check_known(data, told, known)
    given = known | dict(told)
    view: View = "pictures" if given["view"] == "pictures" else "words"
    if given["view"] not in get_args(View):
        raise ValueError(f"{data!r}: no view {given['view']!r}: there are {', '.join(get_args(View))}")
    try:
        first, last, seed = (int(given[key]) for key in ("first", "last", "seed"))
    except ValueError as error:
        raise ValueError(f"{data!r}: first, last and seed are whole numbers: {error}") from error
    families = given["families"].split("+")
    if unknown := [family for family in families if family not in FAMILIES]:
        raise ValueError(f"{data!r}: no family {unknown[0]!r}: there are {', '.join(FAMILIES)}")
    questions = ComposedQuestions(seed, curriculum=Curriculum(first, last), view=view)
    return PosedQuestions(list(islice(_select_families(questions, families, count), count)), view)


def _select_families(questions: ComposedQuestions, families: Sequence[str], count: int) -> Iterator[ComposedTask]:
    """The first `count` questions of the families, in order; the curriculum is spread over them."""
    found = 0
    for number in range(_PASSED_OVER * count):
        one = questions.compose_question(number, found / count)
        if one.asked.family in families:
            found += 1
            yield one
    raise ValueError(f"only {found} of {count} questions are of the families {', '.join(families)}")


def _open_published(name: str, data: str, told: Mapping[str, str]) -> ExampleSet:
    wanted = ("folder",) if name in ("next-qa", "activitynet-qa") else ("file", "videos")
    _check_known(data, told, wanted)
    if missing := [key for key in wanted if key not in told]:
        raise ValueError(f"{data!r} needs {missing[0]}=...: {', '.join(wanted)}")
    found = _READERS[name](*(Path(told[key]) for key in wanted))
    sets = [ClipExample(one, subject_of(one), FileSource(Path(one.question.video))) for one in found.examples]
    return ExampleSet(name, sets, (Path(told[wanted[0]]),))


def _check_known(data: str, told: Mapping[str, str], known: Sequence[str] | Mapping[str, str]) -> None:
    if unknown := [key for key in told if key not in known]:
        raise ValueError(f"{data!r} has no {unknown[0]!r}: known are {', '.join(known)}")


_READERS: dict[str, Callable[..., published.PublishedQuestions]] = {
    "next-qa": published.read_next_qa,
    "activitynet-qa": published.read_activitynet_qa,
    "webvid": published.read_webvid,
    "taught": published.read_taught,
    "llava-video": published.read_llava_video,
    "video-r1": published.read_video_r1,
    "videokr": published.read_videokr,
}
