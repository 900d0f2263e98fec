"""What the answer rests on is shown at its time, at its place, and nothing besides."""

import numpy as np
import pytest
import simplejpeg

from agent.loop.ask import ask
from evals.controls.catalogue import CONTROLS
from evals.controls.control import PolicyInputs, open_view
from evals.controls.subject import ControlSubject, EvidenceSpan
from tests.evals.controls.doubles import SQUARE, Looker, counted, drawn, subject, toolbox_of

WHITE = EvidenceSpan(2.0, 4.0, SQUARE)
RED = EvidenceSpan(0.5, 1.5)


def greys(asked: ControlSubject, name: str = "oracle-frame") -> list[tuple[float, int]]:
    """When which grey comes on screen, for rules."""
    with (
        toolbox_of(counted()) as toolbox,
        open_view(CONTROLS[name], asked, toolbox, toolbox_of, is_model=False) as given,
    ):
        return [(f.seconds, int(f.pixels[0, 0, 0])) for f in given.tools.video.window(0.0, 24.0)]


def test_rules_find_the_middle_of_each_span_at_its_time_and_grey_elsewhere() -> None:
    assert greys(subject(EvidenceSpan(3.0, 5.0), EvidenceSpan(9.0, 9.4))) == [
        *((0.0, 128), (3.0, 40), (5.0, 128)),
        *((9.0, 92), (9.4, 128)),
    ]


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        (
            [EvidenceSpan(0.0, 2.0), EvidenceSpan(2.0, 24.0)],
            [(0.0, 10), (2.0, 130)],
        ),  # no grey before, between or after
        (
            [EvidenceSpan(1.0, 9.0), EvidenceSpan(3.0, 5.0)],
            [(0.0, 128), (1.0, 50), (3.0, 40), (5.0, 128)],
        ),  # one within another
        ([EvidenceSpan(7.0, 7.0)], [(0.0, 128), (7.0, 70), (8.0, 128)]),  # a moment
        ([EvidenceSpan(23.0, 99.0), EvidenceSpan(50.0, 60.0)], [(0.0, 128), (23.0, 239)]),  # beyond the end
        ([], [(0.0, 128)]),  # nothing shows it
    ],
)
def test_spans_that_touch_overlap_or_end_with_the_video(
    spans: list[EvidenceSpan], expected: list[tuple[float, int]]
) -> None:
    assert greys(subject(*spans)) == expected


def test_the_crop_is_the_known_box_and_a_little_around_it() -> None:
    asked = subject(WHITE)
    with (
        toolbox_of(drawn()) as toolbox,
        open_view(CONTROLS["oracle-crop"], asked, toolbox, toolbox_of, is_model=False) as given,
    ):
        before, during, after = given.tools.video.read([1.0, 3.0, 5.0])
    assert (before.pixels == 128).all()
    assert (after.pixels == 128).all()
    # 80x60 with a tenth around it is 96x72 of green and white, enlarged five times: 480x360
    assert during.pixels[180, 320].tolist() == [255, 255, 255]
    assert during.pixels[10, 320].tolist() == [20, 160, 20]
    white = (during.pixels > 250).all(axis=2)
    assert white.sum() == pytest.approx(400 * 300, rel=0.03)


def test_the_crop_stays_in_its_place_where_the_place_is_asked() -> None:
    asked = ControlSubject(subject().question, "bottom right", (WHITE,), asks_place=True)
    with (
        toolbox_of(drawn()) as toolbox,
        open_view(CONTROLS["oracle-crop"], asked, toolbox, toolbox_of, is_model=False) as given,
    ):
        (during,) = given.tools.video.read([3.0])
    rows, columns = np.nonzero((during.pixels == 255).all(axis=2))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (270, 329, 520, 599)
    assert (during.pixels[:180] == 128).all()


def shown_to_a_model(name: str, asked: ControlSubject) -> tuple[Looker, PolicyInputs]:
    model = Looker()
    with (
        toolbox_of(drawn()) as toolbox,
        open_view(CONTROLS[name], asked, toolbox, toolbox_of, is_model=True) as given,
    ):
        ask(asked.question, given.tools, model, verify=False, opening=given.opening)
        return model, given


def test_a_model_is_shown_the_frame_of_each_span_and_has_no_tool() -> None:
    model, _ = shown_to_a_model("oracle-frame", subject(RED, WHITE))
    first, second = (simplejpeg.decode_jpeg(jpeg, "RGB") for jpeg in model.jpegs if jpeg is not None)
    assert np.abs(first[180, 320].astype(int) - (200, 20, 20)).max() < 8
    assert np.abs(second[180, 320].astype(int) - (20, 160, 20)).max() < 8
    assert second[300, 560].min() > 240
    assert model.tools == []
    assert "Frame at 3.00 s" in model.words


def test_a_model_is_shown_the_crop_as_large_as_the_source_has_it() -> None:
    model, _ = shown_to_a_model("oracle-crop", subject(WHITE))
    (jpeg,) = model.jpegs
    assert jpeg is not None
    pixels = simplejpeg.decode_jpeg(jpeg, "RGB")
    assert pixels.shape == (72, 96, 3)
    assert pixels[36, 48].min() > 240
    assert np.abs(pixels[2, 2].astype(int) - (20, 160, 20)).max() < 12


def test_questions_without_known_times_or_boxes_are_left_out_and_said() -> None:
    unknown = ControlSubject(subject(question_id="q2").question, "a square")
    timed, boxed = subject(RED, question_id="q3"), subject(WHITE, question_id="q4")
    subjects = [unknown, timed, boxed]
    frames, crops = (CONTROLS[name].plan(subjects) for name in ("oracle-frame", "oracle-crop"))
    assert [asked.of for asked in frames.asked] == ["q3", "q4"]
    assert [asked.of for asked in crops.asked] == ["q4"]
    assert "not known when" in frames.left_out["q2"]
    assert set(crops.left_out) == {"q2", "q3"}
