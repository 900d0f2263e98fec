"""A few frames: models see exactly these and have no tool; the tools of rules have nothing else to find."""

import pytest
import simplejpeg

from agent.loop.ask import ask
from agent.trajectory import Question
from evals.controls.catalogue import CONTROLS
from evals.controls.control import Control, open_view
from evals.controls.frames import drawn_frames, find_best_seconds
from evals.controls.subject import ControlSubject
from tests.evals.controls.doubles import COUNTED_SECONDS, Looker, counted, drawn, subject, toolbox_of
from tools.toolbox import Toolbox


def grey(jpeg: bytes | None) -> float:
    """The grey of a picture of one grey."""
    assert jpeg is not None
    return float(simplejpeg.decode_jpeg(jpeg, "RGB").mean())


def played(name: str, toolbox: Toolbox, asked: ControlSubject) -> Looker:
    """A model that was asked under a control."""
    model = Looker()
    with open_view(CONTROLS[name], asked, toolbox, toolbox_of, is_model=True) as given:
        ended = ask(asked.question, given.tools, model, verify=False, mode=given.mode, opening=given.opening)
    assert not ended.error
    assert ended.answer is not None
    return model


@pytest.mark.parametrize(
    ("name", "count"),
    [("random-frame", 1), ("middle-frame", 1), ("top-frame", 1), ("uniform-8", 8), ("uniform-32", 32)],
)
def test_a_model_sees_so_many_frames_and_has_no_tool(name: str, count: int) -> None:
    with toolbox_of(counted()) as toolbox:
        model = played(name, toolbox, subject())
    assert len(model.jpegs) == count
    assert model.tools == []
    assert "<tools>" not in model.words


def test_rules_and_models_are_shown_the_same_frames() -> None:
    with toolbox_of(counted()) as toolbox:
        model = played("uniform-8", toolbox, subject())
        with open_view(CONTROLS["uniform-8"], subject(), toolbox, toolbox_of, is_model=False) as given:
            greys = [int(frame.pixels[0, 0, 0]) for frame in given.tools.video.window(0.0, 24.0)]
            assert len(given.tools.specs) == len(toolbox.specs)
    assert greys == [15, 45, 75, 105, 135, 165, 195, 225]  # middles of eighths of 24 s
    assert [grey(jpeg) for jpeg in model.jpegs] == pytest.approx(greys, abs=1.5)


def test_the_random_frame_follows_from_the_id_of_the_question() -> None:
    def shown(question_id: str) -> float:
        with toolbox_of(counted()) as toolbox:
            (jpeg,) = played("random-frame", toolbox, subject(question_id=question_id)).jpegs
        return grey(jpeg)

    assert shown("q1") == shown("q1")
    assert len({shown(f"q{number}") for number in range(8)}) > 4


def test_all_questions_of_a_video_are_shown_the_same_drawn_frames() -> None:
    def draw(name: str, count: int, number: int, video: str = "drawn") -> tuple[str, list[float]]:
        control = Control("", give=drawn_frames(count, number))
        asked = subject(question_id=name, video=video)
        with toolbox_of(counted()) as toolbox, open_view(control, asked, toolbox, toolbox_of, is_model=False) as given:
            footage = given.tools.video
            return footage.content_hash, [frame.pixels.mean() for frame in footage.window(0.0, COUNTED_SECONDS)]

    assert len(draw("q1", 4, 0)[1]) == 4
    assert draw("q1", 4, 0) == draw("q2", 4, 0)
    assert len({draw("q1", 1, number)[0] for number in range(8)}) > 4
    assert len({draw("q1", 1, 0, f"drawn-{number}")[0] for number in range(8)}) > 4


def test_the_random_frame_of_rules_is_that_of_models() -> None:
    with toolbox_of(counted()) as toolbox:
        (jpeg,) = played("random-frame", toolbox, subject()).jpegs
        with open_view(CONTROLS["random-frame"], subject(), toolbox, toolbox_of, is_model=False) as given:
            (frame,) = given.tools.video.window(0.0, 24.0)
    assert grey(jpeg) == pytest.approx(frame.pixels.mean(), abs=1.5)


def test_the_top_frame_is_the_one_that_the_index_finds() -> None:
    asked = ControlSubject(Question("drawn", "Is it a plain red picture?", (), "q1"), None)
    with toolbox_of(drawn()) as toolbox:
        found = toolbox.call("search_frames", {"query": asked.question.text, "count": 1}).findings[0]
        assert find_best_seconds(asked, toolbox) == found.start_seconds
        with open_view(CONTROLS["top-frame"], asked, toolbox, toolbox_of, is_model=False) as given:
            (frame,) = given.tools.video.read([3.0])
        (source,) = toolbox.video.read([found.start_seconds])
    assert (frame.pixels == source.pixels).all()
