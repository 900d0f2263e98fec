"""A second model describes windows and answers questions about them, and its failures are told with their reasons."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.policies import captioner as captioners
from agent.policies.captioner import ModelCaptioner, open_captioner
from agent.policies.lite import LitePolicy, load_packaged_similarity
from tests.agent.captioning import TOKENS, ColourTeller
from tests.agent.fake_server import FakeServer, Say, fail
from tests.drawn import write_drawn
from tools.observation import ToolError
from tools.runtime.spending import limit_spending
from tools.toolbox import Toolbox, open_toolbox
from tools.vision.captioner import CaptionModel

WINDOW = {"start": 0.0, "stop": 2.0, "question": "Which colour is the card?"}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_drawn(tmp_path_factory.mktemp("captioner") / "clip.mp4")


@pytest.fixture
def eyes() -> ColourTeller:
    return ColourTeller()


@pytest.fixture
def toolbox(clip: Path, tmp_path: Path, eyes: ColourTeller) -> Iterator[Toolbox]:
    with open_toolbox(clip, encoder="hashing", cache=tmp_path, captioner=ModelCaptioner(eyes)) as toolbox:
        yield toolbox


def test_a_question_about_a_window_is_answered_from_its_frames_alone(toolbox: Toolbox, eyes: ColourTeller) -> None:
    seen = toolbox.call("ask_window", WINDOW | {"count": 4})
    (finding,) = seen.findings
    assert (finding.kind, finding.text) == ("caption", "A red card.")
    assert "«A red card.»" in seen.text
    assert eyes.times == [(0.2, 0.7, 1.2, 1.7)]
    assert WINDOW["question"] in eyes.asked[0]
    assert "0.20 s, 0.70 s, 1.20 s, 1.70 s" in eyes.asked[0]
    assert (seen.captioner, seen.frames, seen.covered) == ("test:eyes", (), ((0.0, 2.0),))
    assert seen.usage is not None
    assert (seen.usage.tokens, seen.usage.cost_usd, seen.usage.seconds) == (TOKENS + 10, 0.001, 0.0)


def test_the_tools_of_a_captioner_are_there_only_with_one(toolbox: Toolbox, clip: Path, tmp_path: Path) -> None:
    with open_toolbox(clip, encoder="hashing", cache=tmp_path) as without:
        names = {spec.name for spec in without.specs}
        with pytest.raises(ToolError, match="no tool 'ask_window'"):
            without.call("ask_window", WINDOW)
    assert {spec.name for spec in toolbox.specs} - names == {"ask_window", "read_captions"}


def test_a_caption_is_the_models_and_looks_where_it_is_told(toolbox: Toolbox, eyes: ColourTeller) -> None:
    box = [0.5, 0.5, 1.0, 1.0]
    seen = toolbox.call("caption", {"start": 0.0, "stop": 4.0, "focus": "the square", "box": box})
    assert seen.findings[0].text == "A red and then a green card."
    assert {frame.box for frame in seen.frames} == {tuple(box)}
    assert "above all: the square" in eyes.asked[0]


def test_a_captioner_that_fails_is_a_mistake_with_its_reason(toolbox: Toolbox, eyes: ColourTeller) -> None:
    eyes.fails = lambda _: True
    with pytest.raises(ToolError, match="the captioner test:eyes gives nothing: nobody answers at localhost"):
        toolbox.call("ask_window", WINDOW)


def test_a_server_that_fails_is_named_with_what_it_says(clip: Path, tmp_path: Path) -> None:
    with FakeServer(Say("<think>hm</think>\nA red card."), fail(400, "this model is broken")) as server:
        spec = f"http:m@{server.url}"
        with open_toolbox(clip, encoder="hashing", cache=tmp_path, captioner=open_captioner(spec)) as toolbox:
            assert toolbox.call("ask_window", WINDOW).findings[0].text == "A red card."
            with pytest.raises(ToolError, match="this model is broken"):
                toolbox.call("ask_window", WINDOW)
    assert len(server.requests[0].images) == 8


def test_frames_that_a_server_has_no_room_for_are_not_taken_for_seen(toolbox: Toolbox, eyes: ColourTeller) -> None:
    eyes.most_pictures = 2
    seen = toolbox.call("ask_window", {"start": 0.0, "stop": 6.0, "question": "Which?", "count": 6})
    assert eyes.times[-1] == (1.5, 4.5)
    assert "These are 2 frames" in eyes.asked[-1]
    assert seen.findings[0].text == "A red and then a blue card."
    eyes.most_pictures = 0
    with pytest.raises(ToolError, match="takes no pictures"):
        toolbox.call("ask_window", WINDOW)


def test_only_a_model_that_sees_can_describe() -> None:
    with pytest.raises(ValueError, match="lite is no language model"):
        ModelCaptioner(LitePolicy(load_packaged_similarity()))
    with pytest.raises(ValueError, match="sees no pictures"):
        ModelCaptioner(ColourTeller(sees_pictures=False))


def test_the_policy_itself_may_describe_and_is_not_opened_twice(eyes: ColourTeller) -> None:
    described = open_captioner(eyes.spec, eyes)
    assert isinstance(described, ModelCaptioner)
    assert described.policy is eyes


def test_captions_of_another_model_setting_or_prompt_have_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {ModelCaptioner(one).identity for one in (ColourTeller(), ColourTeller("b"), ColourTeller(temperature=0.5))}
    monkeypatch.setattr(captioners, "read_prompt", lambda name: f"another {name}")
    assert len({*names, ModelCaptioner(ColourTeller()).identity}) == 4


def test_no_model_is_asked_past_what_may_be_spent(toolbox: Toolbox, eyes: ColourTeller) -> None:
    with limit_spending(TOKENS, 1.0):
        toolbox.call("ask_window", WINDOW)
        with pytest.raises(ToolError, match="the token limit of the run is reached"):
            toolbox.call("ask_window", WINDOW)
    with limit_spending(1e9, 0.0), pytest.raises(ToolError, match="the cost limit of the run is reached"):
        toolbox.call("ask_window", WINDOW)
    assert len(eyes.asked) == 1


def test_a_captioner_is_known_by_what_it_can_do(eyes: ColourTeller) -> None:
    assert isinstance(ModelCaptioner(eyes), CaptionModel)
    assert open_captioner(None) is None


def test_lite_keeps_the_packaged_captioner_whose_colours_it_reads(eyes: ColourTeller) -> None:
    lite = LitePolicy(load_packaged_similarity())
    assert open_captioner(eyes, lite) is None
    assert open_captioner("http:m@http://127.0.0.1:9/v1", lite) is None
