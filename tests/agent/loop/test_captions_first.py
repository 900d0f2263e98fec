"""Two models in one loop: clips are described, browsed, asked about, then looked at; what it costs, and its replay."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.loop.ask import ask
from agent.loop.modes import OfferedTools, choose_offered
from agent.loop.replay import RecordedTools, find_differences, replay
from agent.policies.captioner import ModelCaptioner, check_captioner
from agent.policy import ToolAccess
from agent.prompts import compute_prompt_hash
from agent.trajectory import (
    Answer,
    Calls,
    Evidence,
    Limits,
    Question,
    Setup,
    Stop,
    ToolCall,
    Trajectory,
    Turn,
    Usage,
    from_json,
    to_json,
)
from tests.agent.captioning import TOKENS, ColourTeller
from tests.drawn import SUBTITLES, write_drawn
from tools.toolbox import Toolbox, open_toolbox

QUESTION = Question("clip.mp4", "Which colour comes second?")
DETECTIVE = (
    Calls((ToolCall("t2c1", "search", {"query": "green card", "where": "captions"}),)),
    Calls((ToolCall("t3c1", "ask_window", {"start": 2.0, "stop": 4.0, "question": "Which colour?"}),)),
    Calls((ToolCall("t4c1", "select_frames", {"start": 2.0, "stop": 4.0, "count": 1}),)),
    Answer("green", evidence=(Evidence(2.0, 4.0, ("t3c1",), quote="A green card.", source="caption"),)),
)


@dataclass
class Detective:
    """A language model that reads captions, searches them, asks about a window, looks, and answers."""

    spec: str = "test:detective"
    stops_at: int | None = None
    """Number of turns after which somebody presses Ctrl-C."""
    sees_pictures: bool = True
    saw: list[Trajectory] = field(default_factory=list)
    offered: list[str] = field(default_factory=list)

    @property
    def setup(self) -> Setup:
        return Setup("text", 0.0, 1.0, 0, 100, 10**6, None, compute_prompt_hash(), self.sees_pictures)

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        self.saw.append(trajectory)
        self.offered = [spec.name for spec in sight.specs]
        if trajectory.turns == self.stops_at:
            raise KeyboardInterrupt
        return Turn("", DETECTIVE[trajectory.turns], Usage(prompt_tokens=50, completion_tokens=5, cost_usd=0.01))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("first")
    (folder / "said.srt").write_text(SUBTITLES, encoding="utf-8")
    return write_drawn(folder / "clip.mp4")


@pytest.fixture
def eyes() -> ColourTeller:
    return ColourTeller()


@pytest.fixture
def toolbox(clip: Path, tmp_path: Path, eyes: ColourTeller) -> Iterator[Toolbox]:
    said = clip.with_name("said.srt")
    with open_toolbox(
        clip, encoder="hashing", subtitles=said, cache=tmp_path, captioner=ModelCaptioner(eyes)
    ) as toolbox:
        yield toolbox


def test_clips_are_described_browsed_asked_about_and_looked_at(toolbox: Toolbox, eyes: ColourTeller) -> None:
    model = Detective()
    run = ask(QUESTION, toolbox, model, mode="captions-first", verify=False)
    opening, search, asked, looked = (step.results[0].observation for step in run.steps[:4])
    assert run.steps[0].turn.is_opening
    assert opening.text == "0.00-6.00 s caption: «A red and then a green and then a blue card.»"
    assert search.findings[0].text == opening.findings[0].text
    assert asked.findings[0].text == "A green card."
    assert len(looked.frames) == 1
    assert (run.stop, run.answer and run.answer.text) == (Stop.ANSWERED, "green")
    assert {"search", "read_captions", "ask_window", "select_frames", "zoom"} <= set(model.offered)
    assert not {"search_frames", "search_speech"} & set(model.offered)
    # one clip was captioned and one window asked about; four turns of the model
    assert len(eyes.asked) == 2
    assert (run.tokens, run.cost_usd) == (4 * 55 + 2 * (TOKENS + 10), pytest.approx(4 * 0.01 + 2 * 0.001))


def test_captions_are_made_once_for_all_questions(toolbox: Toolbox, eyes: ColourTeller) -> None:
    for _ in range(2):
        run = ask(QUESTION, toolbox, Detective(), mode="captions-first", verify=False)
    assert len(eyes.asked) == 3
    assert run.steps[0].results[0].usage is None


def test_the_captioner_is_held_to_the_limits_of_the_run(toolbox: Toolbox, eyes: ColourTeller) -> None:
    # captions and a turn: 110 + 55 tokens, after which the limit asks for an answer
    run = ask(QUESTION, toolbox, Detective(), Limits(max_tokens=120), mode="captions-first", verify=False)
    assert run.stop is Stop.TOKEN_LIMIT
    assert len(eyes.asked) == 1
    late = ask(QUESTION, toolbox, Detective(), Limits(max_cost_usd=0.031), mode="captions-first", verify=False)
    assert late.stop is Stop.COST_LIMIT


def test_a_captioner_that_is_gone_is_said_and_the_run_goes_on(toolbox: Toolbox, eyes: ColourTeller) -> None:
    eyes.fails = lambda _: True
    run = ask(QUESTION, toolbox, Detective(), mode="captions-first", verify=False)
    failed = run.steps[0].results[0].observation
    assert failed.is_error
    assert "no clip could be described: the captioner test:eyes gives nothing: nobody answers" in failed.text
    assert run.stop is Stop.ANSWERED


def test_a_run_is_replayed_without_its_captioner(toolbox: Toolbox, clip: Path, tmp_path: Path) -> None:
    run = ask(QUESTION, toolbox, Detective(), mode="captions-first", verify=False)
    saved = from_json(to_json(run))
    assert saved == run
    said = clip.with_name("said.srt")
    with open_toolbox(clip, encoder="hashing", subtitles=said, cache=tmp_path / "other") as without:
        without.index.wait_tiled()
        again = replay(saved, without)
    assert find_differences(saved, again) == []
    assert again.cost_usd == run.cost_usd
    assert find_differences(saved, replay(saved, RecordedTools(saved))) == []


def test_an_interrupted_run_goes_on_without_describing_again(
    toolbox: Toolbox, eyes: ColourTeller, tmp_path: Path
) -> None:
    keep = tmp_path / "runs.sqlite"
    broken = ask(QUESTION, toolbox, Detective(stops_at=2), mode="captions-first", verify=False, keep=keep)
    assert (broken.stop, len(eyes.asked)) == (Stop.INTERRUPTED, 2)
    resumed = ask(QUESTION, toolbox, Detective(), mode="captions-first", verify=False, keep=keep, resume=True)
    whole = ask(QUESTION, toolbox, Detective(), mode="captions-first", verify=False)
    assert resumed.stop is Stop.ANSWERED
    assert [step.turn.move for step in resumed.steps] == [step.turn.move for step in whole.steps]
    assert resumed.steps[:3] == broken.steps[:3]


def test_a_model_without_eyes_reads_captions_and_may_ask_about_a_window(toolbox: Toolbox) -> None:
    model = Detective(sees_pictures=False)
    run = ask(QUESTION, toolbox, model, verify=False)
    assert run.frames_seen == ()
    assert run.steps[0].results[0].observation.findings[0].kind == "caption"
    assert run.steps[2].results[0].observation.findings[0].text == "A green card."
    assert "there is no 'select_frames' here" in run.steps[3].results[0].observation.text
    assert {"ask_window", "read_captions", "search"} <= set(model.offered)


def test_the_mode_needs_a_captioner(clip: Path, tmp_path: Path) -> None:
    with (
        open_toolbox(clip, encoder="hashing", cache=tmp_path) as without,
        pytest.raises(ValueError, match="captions-first needs a captioner"),
    ):
        ask(QUESTION, without, Detective(), mode="captions-first")
    with pytest.raises(ValueError, match="--captioner http:MODEL@URL"):
        check_captioner(None, "captions-first", Limits())


def test_single_searches_are_offered_only_without_the_one_that_does_their_work(toolbox: Toolbox) -> None:
    offered = OfferedTools(toolbox)
    assert "search_frames" not in {spec.name for spec in offered.specs}
    assert offered.call("search_frames", {"query": "green"}).findings  # as runs of earlier releases call it
    without = tuple(spec for spec in toolbox.specs if spec.name != "search")
    assert choose_offered(without) == without
