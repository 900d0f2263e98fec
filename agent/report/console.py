"""Terminal output of a run: progress and steps on stderr while it works, the answer on stdout when it is done."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

from agent.cost.prices import format_dollars
from agent.coverage import compute_coverages, format_mmss
from agent.limits import explain_effort
from agent.rendering.answer_parser import NOT_SHOWN
from agent.report.json_output import explain_too_few
from agent.terminal import escape_controls, escape_line
from agent.trajectory import (
    Answer,
    Calls,
    Evidence,
    Malformed,
    Step,
    ToolCall,
    Trajectory,
    Turn,
    Verification,
    restrict_to_video,
)
from tools.index.video_index import IndexProgress as IndexProgress
from tools.observation import FULL_FRAME, Observation
from tools.observation_text import format_percent

OnProgress = Callable[[IndexProgress], None]

_PLAIN_LINE_EVERY_SECONDS = 5.0
"""Seconds between two lines of progress where the output is piped."""
_LATELY_SECONDS = 30.0
"""Seconds over which the speed of an estimate is measured: the load of a machine changes."""
_LINE_LENGTH = 160
"""Characters of a line about a step, at most."""
_MOST_GAPS = 5
"""Gaps that are named at most."""


class Narrator:
    """A listener that prints each turn and step on one line; colours on a terminal, plain lines when piped."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told = 0

    def __call__(self, event: Turn | Trajectory) -> None:
        """Prints an event of the graph."""
        if isinstance(event, Turn):
            self._tell_turn(event)
        elif not event.steps:
            self._tell_start(event)
        elif len(event.steps) > self._told:
            self._told = len(event.steps)
            self._tell_step(event.steps[-1])
        elif (look := event.verification or event.doubted) is not None:
            self._line("check", format_verification(look, is_sent_back=event.verification is None), "cyan")

    def _tell_start(self, start: Trajectory) -> None:
        self._told = 0
        if explained := explain_effort(start):
            self._line("limits", explained, "yellow")
        if start.sample:
            self._line("run", f"number {start.sample + 1}", "cyan")
        elif start.estimate is None:
            self._line("cost", "not known: no price for this model", "yellow")
        elif start.estimate.usual_usd > 0:
            most = start.estimate.most_usd
            at_most = "" if most is None else f", at most {format_dollars(most)}"
            self._line("cost", f"usually about {format_dollars(start.estimate.usual_usd)}{at_most}", "yellow")

    def _tell_turn(self, turn: Turn) -> None:
        if turn.thought:
            self._line("think", turn.thought, "magenta")
        if isinstance(turn.move, Calls):
            for call in turn.move.calls:
                self._line("call", f"{call.id} {format_call(call)}", "blue")
        elif isinstance(turn.move, Malformed):
            self._line("reply", f"not usable: {turn.move.why}", "red")

    def _tell_step(self, step: Step) -> None:
        for result in step.results:
            repeat = " (repeat)" if result.repeat_of else ""
            self._line("saw", f"{result.call_id}{repeat} {format_observation(result.observation)}", "green")
        if step.notice:
            self._line("note", step.notice, "yellow")

    def _line(self, kind: str, text: str, style: str) -> None:
        print_short(self._console, kind, text, style)


def print_short(console: Console, kind: str, text: str, style: str) -> None:
    """Prints what happened on one line, cut where the terminal ends.

    Args:
        console: where to print.
        kind: one short word for what it is.
        text: the rest of the line.
        style: rich's style of the word.
    """
    text = " ".join(text.split())
    room = min(_LINE_LENGTH, console.width - 7) if console.is_terminal else _LINE_LENGTH
    text = text if len(text) <= room else text[: room - 1] + "…"
    console.print(f"[{style}]{kind:>5}[/] {escape(text)}", highlight=False, soft_wrap=True)


def format_call(call: ToolCall) -> str:
    """A tool call as code: `zoom(seconds=3.0)`."""
    return f"{call.name}({', '.join(f'{name}={value!r}' for name, value in call.arguments.items())})"


def format_observation(observation: Observation) -> str:
    """An observation on one line."""
    frames = f"[{len(observation.frames)} frames] " if observation.frames else ""
    return ("error: " if observation.is_error else "") + frames + observation.text


class Working:
    """A live view of a run on a terminal: a bar over all indexing, what is at work since when, and the answer so far.

    The view is removed when the work is done.
    """

    def __init__(self, in_words: OnProgress | None = None) -> None:
        """Starts empty; `in_words` is called with progress in place of the bar."""
        self._in_words = in_words
        self._bar = RichProgress(TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[left]}"))
        self._spinner = RichProgress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        self._so_far = Text(style="yellow")
        self._estimate = Remaining()
        self._task: TaskID | None = None

    def __rich__(self) -> Group:
        return Group(self._so_far, self._spinner, self._bar) if self._so_far else Group(self._spinner, self._bar)

    def on_progress(self, progress: IndexProgress) -> None:
        """Shows the progress of the index, the text reader or the speech recogniser."""
        if self._in_words is not None:
            self._in_words(progress)
            return
        self._estimate.report(progress, time.monotonic())
        if self._task is None:
            self._task = self._bar.add_task("", total=1.0, left="")
        left = self._estimate.left_seconds
        self._bar.update(
            self._task,
            description=self._estimate.description,
            completed=self._estimate.share,
            left="" if left is None else f"about {_format_duration(left)} left",
            visible=bool(self._estimate.description),
        )

    def on_event(self, event: Turn | Trajectory) -> None:
        """Shows who is at work after an event of the graph: the tools after a turn, the policy after a step."""
        if isinstance(event, Turn):
            names = {call.name for call in event.move.calls} if isinstance(event.move, Calls) else set()
            self.at_work(", ".join(sorted(names)))
        else:
            self.at_work(f"{event.policy} is thinking" if event.stop is None else "checking")

    def at_work(self, what: str) -> None:
        """Shows what is at work, with the seconds since now; nothing if empty."""
        for task in self._spinner.task_ids:
            self._spinner.remove_task(task)
        if what:
            self._spinner.add_task(what, total=None)

    def so_far(self, answer: str) -> None:
        """Shows a provisional answer, until the view ends."""
        self._so_far.append(escape_line(answer))


class Remaining:
    """An estimate of the time left for several kinds of work side by side, from the recent speed of each."""

    def __init__(self) -> None:
        """Starts without any report."""
        self._began: float | None = None
        self._now = 0.0
        self._reports: dict[str, deque[tuple[float, int]]] = {}
        self._latest: dict[str, IndexProgress] = {}
        self._share = 0.0

    def report(self, progress: IndexProgress, now: float) -> None:
        """Records the progress of one kind of work; `now` is in seconds of any clock."""
        self._began, self._now = now if self._began is None else self._began, now
        before = self._latest.get(progress.stage)
        if before is None or progress.done < before.done:  # the same kind of work begins again
            self._reports[progress.stage] = deque()
        self._latest[progress.stage] = progress
        reports = self._reports[progress.stage]
        reports.append((now, progress.done))
        while len(reports) > 2 and reports[0][0] < now - _LATELY_SECONDS:
            reports.popleft()

    @property
    def left_seconds(self) -> float | None:
        """Seconds until the slowest work is done, at its speed of the last half minute; None before that is known."""
        lefts = [self._left(progress) for progress in self._unfinished]
        known = [left for left in lefts if left is not None]
        return max(known) if known and len(known) == len(lefts) else None

    @property
    def share(self) -> float:
        """Share of the whole time that is over, 0..1; never falls."""
        left = self.left_seconds
        if left is not None and self._began is not None:
            elapsed = self._now - self._began
            self._share = max(self._share, elapsed / (elapsed + left) if elapsed + left > 0 else 0.0)
        return self._share

    @property
    def description(self) -> str:
        """Unfinished work and how far it is, in words; empty where all is done."""
        return ", ".join(f"{one.stage} {one.done}/{one.total}" for one in self._unfinished)

    @property
    def _unfinished(self) -> list[IndexProgress]:
        return [one for one in self._latest.values() if one.done < one.total]

    def _left(self, progress: IndexProgress) -> float | None:
        reports = self._reports[progress.stage]
        (before, done), (after, more) = reports[0], reports[-1]
        return (after - before) / (more - done) * (progress.total - progress.done) if more > done else None


def _format_duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


@contextmanager
def show_working(console: Console) -> Iterator[Working]:
    """A live view of a run where the console is a terminal; plain lines of progress elsewhere."""
    if not console.is_terminal:
        yield Working(_make_plain_progress(console))
        return
    shown = Working()
    with Live(shown, console=console, transient=True, refresh_per_second=4):
        yield shown


@contextmanager
def show_index_progress(console: Console) -> Iterator[OnProgress]:
    """A progress callback for the index that draws a bar with an estimate, or prints a plain line now and then."""
    with show_working(console) as shown:
        yield shown.on_progress


def _make_plain_progress(console: Console) -> OnProgress:
    last_seconds = -_PLAIN_LINE_EVERY_SECONDS
    finished: set[str] = set()

    def show(progress: IndexProgress) -> None:
        nonlocal last_seconds
        now = time.monotonic()
        is_finished = progress.done >= progress.total
        if progress.stage in finished or (not is_finished and now - last_seconds < _PLAIN_LINE_EVERY_SECONDS):
            return
        last_seconds = now
        if is_finished:
            finished.add(progress.stage)
        left = f", about {progress.eta_seconds:.0f} s left" if progress.eta_seconds else ""
        console.print(f"{progress.stage} {progress.done}/{progress.total}{left}", highlight=False)

    return show


def print_answer(trajectory: Trajectory, console: Console) -> None:
    """Prints the answer, its confidence and evidence, the coverage and the cost."""
    if console.is_terminal:
        console.print()  # what was done, on stderr, ends here
    for line in format_answer_lines(trajectory):
        console.print(line, highlight=False, soft_wrap=True)


def format_answer(trajectory: Trajectory) -> str:
    """The answer with its confidence, evidence and coverage, for a program that shows words; else why there is none."""
    why = [trajectory.error] if trajectory.answer is None and trajectory.error else []
    return "\n".join([*(line.plain for line in _format_finding_lines(trajectory)), *why])


def format_answer_lines(trajectory: Trajectory) -> Iterator[Text]:
    """The answer, its confidence and evidence, the coverage and the cost, line by line."""
    yield from _format_finding_lines(trajectory)
    if trajectory.answer is not None:
        yield _make_line(format_usage(trajectory), "dim")


def _format_finding_lines(trajectory: Trajectory) -> Iterator[Text]:
    answer = trajectory.answer
    if answer is None:
        yield _make_line(f"No answer ({trajectory.stop.value if trajectory.stop else 'not ended'})", "bold red")
        return
    yield _make_line(format_headline(answer), "bold")
    yield _make_line(_format_certainty(trajectory))
    yield from (
        _format_event_lines(trajectory, answer)
        if answer.chain or answer.predictions
        else _format_claim_lines(trajectory, answer)
    )
    for told in describe_coverages(trajectory):
        yield _make_line(told)
    for gap in format_gaps(trajectory):
        yield _make_line(gap, "yellow")
    for video, facts in trajectory.facts_by_number.items():
        if facts.is_cut_off:
            name = "The file" if video is None else f"Video {video}"
            yield _make_line(
                f"{name} is cut off: only its first {facts.duration_seconds:.2f} s can be decoded.", "yellow"
            )


def _make_line(text: str, style: str = "") -> Text:
    return Text(escape_controls(text), style)


def describe_coverages(trajectory: Trajectory) -> list[str]:
    """The coverage of the video in words, or of each with its name."""
    names = trajectory.question.videos
    return [
        seen.sentence if video is None else f"Video {video}, {Path(names[video - 1]).name}: {seen.sentence}"
        for video, seen in compute_coverages(trajectory).items()
    ]


def format_gaps(trajectory: Trajectory) -> list[str]:
    """The first gaps of a trajectory, a sentence each, but for those that the coverage names."""
    gaps = list(trajectory.question.folder_gaps)
    gaps += [
        gap if video is None else f"video {video}: {gap}"
        for video, coverage in compute_coverages(trajectory).items()
        for gap in restrict_to_video(trajectory, video).gaps
        if gap.rstrip(".") not in coverage.sentence
    ]
    more = [f"And {len(gaps) - _MOST_GAPS} more of the kind."] if len(gaps) > _MOST_GAPS else []
    return [f"Not established: {gap.rstrip('.')}." for gap in gaps[:_MOST_GAPS]] + more


def _format_evidence_lines(trajectory: Trajectory, evidence: tuple[Evidence, ...], indent: str) -> Iterator[Text]:
    for item in evidence:
        facts = trajectory.facts_by_number.get(item.video)
        clock = "" if facts is None else _format_clock(facts.created_at, item.start_seconds)
        yield _make_line(indent + format_evidence(item) + clock)


def _format_clock(created_at: str, seconds: float) -> str:
    """The time on a clock at a second of a video that the file says was created when it began; empty without that."""
    try:
        moment = datetime.strptime(created_at, "%Y-%m-%d %H:%M:%S UTC") + timedelta(seconds=seconds)
    except (ValueError, OverflowError):  # a saved run may say anything
        return ""
    return f", {moment:%Y-%m-%d %H:%M:%S} UTC if the file was created as it began"


def _format_claim_lines(trajectory: Trajectory, answer: Answer) -> Iterator[Text]:
    """The claims of an answer, each with its evidence, then the evidence of the answer as a whole."""
    for claim in answer.claims:
        yield _make_line(f"  - {claim.text}")
        yield from _format_evidence_lines(trajectory, claim.evidence, "    ")
    of_claims = {item for claim in answer.claims for item in claim.evidence}
    yield from _format_evidence_lines(
        trajectory, tuple(item for item in answer.evidence if item not in of_claims), "  "
    )


def _format_event_lines(trajectory: Trajectory, answer: Answer) -> Iterator[Text]:
    """A causal chain or predictions, numbered, each with its reason and its evidence."""
    for number, link in enumerate(answer.chain, start=1):
        yield Text.assemble((f"{number:>2}.", "bold"), " ", _make_line(link.event))
        if link.because:
            yield _make_line(f"    {link.because}", "italic")
        yield from _format_evidence_lines(trajectory, link.evidence, "    ")
    for number, item in enumerate(answer.predictions, start=1):
        confidence = (f"({format_percent(item.confidence)})", "bold")
        yield Text.assemble((f"{number:>2}.", "bold"), " ", _make_line(item.event), " ", confidence)
        yield _make_line(f"    {item.justification}", "italic")
        yield from _format_evidence_lines(trajectory, item.evidence, "    ")
    if trajectory.question.task == "predict":
        yield _make_line(_format_until(trajectory))


def _format_until(trajectory: Trajectory) -> str:
    ends, until = trajectory.facts.duration_seconds, trajectory.question.until_seconds
    is_cut = until is not None and until <= ends
    said = f"Nothing after {ends:.2f} s was looked at." if is_cut else f"The video ends at {ends:.2f} s."
    return " ".join(
        (said, "Each confidence is for its own event; they need not sum to 100 %.", explain_too_few(trajectory))
    ).strip()


def format_headline(answer: Answer) -> str:
    """The answer in one line."""
    if answer.not_shown:
        return "Not shown in this video." if NOT_SHOWN in answer.text else answer.text
    return answer.text or "I can't tell." if answer.cannot_tell else answer.text


def _format_certainty(trajectory: Trajectory) -> str:
    if trajectory.answer is not None and trajectory.answer.cannot_tell:
        return "nothing is claimed about the video"
    confidence = trajectory.confidence
    said = "confidence not stated" if confidence is None else f"confidence {format_percent(confidence)}"
    if trajectory.votes is not None:
        return f"{said}; {trajectory.votes[0]} of {trajectory.votes[1]} runs say so"
    if (look := trajectory.second_look) is None:
        return said
    return f"{said}; {format_verification(look)}"


def format_verification(look: Verification, *, is_sent_back: bool = False) -> str:
    """The result of a verification, in a clause."""
    seen = "from the evidence and one more look" if look.steps else "from the evidence alone"
    if look.agrees is None:
        return f"a second answer {seen} was asked for and none came"
    agrees = "agrees" if look.agrees else f"says instead: {look.answer}"
    return f"a second answer {seen} {agrees}" + ("; it looks once more" if is_sent_back else "")


def format_evidence(item: Evidence) -> str:
    """A piece of evidence on one line."""
    span = f"{format_mmss(item.start_seconds)}-{format_mmss(item.stop_seconds)}"
    quote = f" “{item.quote}”" if item.quote else ""
    note = f" {item.note}" if item.note else ""
    if item.box is not None and item.box != FULL_FRAME:
        note += " in box " + ", ".join(f"{side:.2f}" for side in item.box)
    of = "" if item.video is None else f"video {item.video}, "
    return f"{of}{span} {item.source}{quote}{note} [{', '.join(item.call_ids)}]"


def format_usage(trajectory: Trajectory) -> str:
    """The cost of a question against its limits, on one line; unmeasured values are named so."""
    limits, spent = trajectory.limits, trajectory.spent
    cost = "cost not known" if spent.cost_usd is None else f"cost {format_dollars(spent.cost_usd)}"
    limit = "" if limits.max_cost_usd is None else f" of {format_dollars(limits.max_cost_usd)}"
    tokens = f"tokens {'not measured' if spent.tokens is None else spent.tokens}{_format_limit(limits.max_tokens)}"
    parts = (
        f"turns {trajectory.turns}{_format_limit(limits.max_turns)}",
        f"frames {len(trajectory.frames_seen)}{_format_limit(limits.max_frames)}",
        *([tokens] if trajectory.setup is not None else []),
        f"seconds {spent.seconds:.1f}{_format_limit(limits.max_seconds)}",
        *([cost + limit] if trajectory.setup is not None else []),
        *([f"effort {trajectory.effort}"] if explain_effort(trajectory) else []),
        f"stopped: {trajectory.stop.value if trajectory.stop else 'running'}",
        f"policy {trajectory.policy}",
    )
    return ", ".join(parts)


def _format_limit(limit: float | None) -> str:
    return "" if limit is None else f" of {limit:g}"
