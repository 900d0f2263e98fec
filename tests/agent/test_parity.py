"""The probe finds out what is wrong with a model: each of these fails in one known way, and is diagnosed for it."""

import json
import random
from functools import cache
from io import StringIO

import pytest
from rich.console import Console

from agent.cli.main import main
from agent.policies.lite import LitePolicy
from agent.policy import PolicyError, PolicyOptions
from agent.probe.frames import CHART_HEIGHTS, LARGE, SMALL, draw_frame, make_chart, make_numbered
from agent.probe.measured import Measured
from agent.probe.page import examine
from agent.probe.probing import ProbeSight, probe_model
from agent.probe.verdicts import VerdictRow, is_fine, judge
from tests.agent.seeing_models import (
    FRAME_TOKENS,
    Babbles,
    BlindAndTakesTwo,
    CountsNothing,
    DropsPastFour,
    NeverCalls,
    Reverses,
    SeeingModel,
    SeesNothing,
    SeesOnlyBesideTheQuestion,
    Shrinks,
    ShrinksZooms,
    TakesEight,
    TakesNoPictures,
    ThinksTooLong,
    Unreachable,
    read,
)
from tools.toolbox import TOOL_NAMES

SEED = 7


@cache
def measured_of(kind: type[SeeingModel]) -> Measured:
    """What the probe measures of such a model."""
    return probe_model(kind(), SEED)


def judged(kind: type[SeeingModel]) -> dict[str, VerdictRow]:
    """The table, by part."""
    return {row.part: row for row in judge(measured_of(kind))}


def failing(kind: type[SeeingModel]) -> set[str]:
    """The parts that fail."""
    return {part for part, row in judged(kind).items() if row.verdict == "fail"}


@pytest.fixture
def honest() -> Measured:
    """What is measured of the model that does everything right."""
    return measured_of(SeeingModel)


def test_an_honest_model_passes_every_line(honest: Measured) -> None:
    assert {row.verdict for row in judge(honest)} == {"ok"}
    assert is_fine(judge(honest))


def test_it_takes_nine_requests_and_says_what_they_cost(honest: Measured) -> None:
    model = SeeingModel()
    assert probe_model(model, SEED).bill.requests == model.requests == 9
    assert honest.bill.completion_tokens == 9 * 20
    assert honest.bill.cost_usd == pytest.approx(9 * 0.001)


def test_tokens_a_frame_are_told_by_the_difference_between_requests(honest: Measured) -> None:
    assert honest.frame_tokens is not None
    assert honest.large_frame_tokens is not None
    # the words "Frame at 41.25 s (640x360):" and their like are in it
    assert FRAME_TOKENS < honest.frame_tokens < FRAME_TOKENS + 12
    assert honest.large_frame_tokens - honest.frame_tokens == 3 * FRAME_TOKENS


def test_pictures_that_are_dropped_in_silence_are_missed() -> None:
    assert failing(DropsPastFour) == {"pictures"}
    row = judged(DropsPastFour)["pictures"]
    assert row.found == "only the first 4 of 8 in one request are seen"
    assert "--max-pictures 4" in row.advice


def test_a_reversed_order_is_noticed() -> None:
    assert failing(Reverses) == {"order", "times"}
    assert judged(Reverses)["order"].found == "reversed, with 4 pictures"


def test_pictures_made_tiny_are_noticed_by_their_small_print() -> None:
    table = judged(Shrinks)
    assert table["pictures"].verdict == "ok"  # the large numbers are still legible
    assert table["small print"].verdict == "fail"
    assert table["zoom"].verdict == "warn"


def test_large_pictures_made_small_are_noticed_and_small_ones_left_alone() -> None:
    measured = measured_of(ShrinksZooms)
    table = {row.part: row for row in judge(measured)}
    assert table["small print"].verdict == "ok"
    assert table["zoom"].verdict == "warn"
    assert "as many as a small one" in table["zoom"].found
    assert is_fine(judge(measured))


def test_a_model_that_calls_no_tool_is_noticed() -> None:
    assert failing(NeverCalls) == {"tool call"}
    assert "it answered instead of calling" in judged(NeverCalls)["tool call"].found


def test_a_refusal_of_many_pictures_is_told_with_the_servers_own_words() -> None:
    assert failing(TakesEight) == {"pictures"}
    row = judged(TakesEight)["pictures"]
    assert row.found.startswith("8 in one request are taken, 16 refused: ")
    assert "At most 8 image(s)" in row.found
    assert "--max-pictures 8" in row.advice


def test_following_the_advice_makes_the_refusal_go_away() -> None:
    table = judge(probe_model(TakesEight(PolicyOptions(max_pictures=8)), SEED))
    assert is_fine(table)
    assert "of 16, 8 were left out as --max-pictures says" in table[1].found


def test_a_reply_cut_off_is_not_taken_for_lost_pictures() -> None:
    row = judged(ThinksTooLong)["pictures"]
    assert row.found == "not known: the reply to 8 pictures was cut off at its token limit"
    assert "--max-reply-tokens" in row.advice


def test_a_server_that_counts_no_tokens_is_warned_of() -> None:
    measured = measured_of(CountsNothing)
    assert measured.frame_tokens is None
    assert measured.bill.prompt_tokens is None
    assert judged(CountsNothing)["tokens"].verdict == "warn"
    assert is_fine(judge(measured))


def test_a_model_that_gets_no_pictures_is_told_from_its_tokens_and_costs_little_to_find_out() -> None:
    row = judged(SeesNothing)["pictures"]
    assert "none is seen" in row.found
    assert "hardly more than its time in words" in row.found
    assert measured_of(SeesNothing).bill.requests == 5


def test_pictures_that_only_the_question_may_bring_are_told() -> None:
    row = judged(SeesOnlyBesideTheQuestion)["pictures"]
    assert row.verdict == "fail"
    assert "not in what tools bring" in row.found


def test_nonsense_is_no_crash_and_said_to_be_unusable() -> None:
    assert failing(Babbles) == {"answers", "pictures", "tool call"}
    assert judged(Babbles)["pictures"].found == "no number is read in any picture"


def test_a_model_that_reads_nothing_is_still_told_the_servers_limit() -> None:
    row = judged(BlindAndTakesTwo)["pictures"]
    assert row.found.startswith("no number is read in any picture; 4 in one request are refused: ")
    assert judged(BlindAndTakesTwo)["tokens"].found.startswith("not told: fewer than two requests")


def test_a_server_that_takes_no_picture_at_all_is_a_finding_and_not_taken_for_unreachable() -> None:
    assert failing(TakesNoPictures) == {"pictures"}
    row = judged(TakesNoPictures)["pictures"]
    assert row.found.startswith("none is taken: ")
    assert "--mode captions" in row.advice


def test_nobody_there_is_a_policy_error() -> None:
    with pytest.raises(PolicyError, match="nobody answers"):
        probe_model(Unreachable(), SEED)


def test_the_exit_status_is_1_where_something_fails() -> None:
    quiet = Console(quiet=True)
    assert examine(SeeingModel(), quiet, quiet) == 0
    assert examine(SeesNothing(), quiet, quiet) == 1


def test_json_holds_the_rows_and_what_was_measured(capsys: pytest.CaptureFixture[str]) -> None:
    quiet = Console(quiet=True)
    assert examine(TakesEight(), quiet, quiet, as_json=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["policy"] == "test:takes-eight"
    assert told["is_fine"] is False
    assert [rung["pictures"] for rung in told["measured"]["rungs"]] == [1, 4, 8, 16]
    assert {row["part"]: row["verdict"] for row in told["rows"]}["pictures"] == "fail"


def test_the_table_shows_what_a_server_says_as_it_stands() -> None:
    class Marked(DropsPastFour):
        def call(self, told: str) -> str:
            raise PolicyError("bad [/bold] [red]request[/red]")

    page = StringIO()
    examine(Marked(), Console(file=page, width=200), Console(quiet=True))
    assert "bad [/bold] [red]request[/red]" in page.getvalue()


def test_a_policy_without_a_model_has_nothing_to_probe(capsys: pytest.CaptureFixture[str]) -> None:
    quiet = Console(quiet=True)
    assert examine(LitePolicy(), quiet, quiet, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["measured"] is None


def test_the_command_says_that_no_server_is_there_with_status_69(capsys: pytest.CaptureFixture[str]) -> None:
    # port 9 is "discard": nothing listens there
    status = main(["doctor", "--policy", "http:m@http://127.0.0.1:9/v1", "--timeout-seconds", "1"])
    assert status == 69
    assert "127.0.0.1" in capsys.readouterr().err


def test_the_probe_offers_the_tools_of_a_real_video() -> None:
    assert tuple(spec.name for spec in ProbeSight(()).specs) == TOOL_NAMES
    zoom = next(spec for spec in ProbeSight(()).specs if spec.name == "zoom")
    assert set(zoom.parameters["properties"]) == {"seconds", "box"}


def test_the_numbers_of_a_frame_are_legible_and_new_for_each_seed() -> None:
    frames = make_numbered([1.0, 2.0], random.Random(1), has_time=True)
    assert [read(draw_frame(frame)) for frame in frames] == [list(frame.numbers) for frame in frames]
    assert frames[0].numbers != make_numbered([1.0], random.Random(2), has_time=True)[0].numbers


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_chart_has_a_number_of_every_height(size: tuple[int, int]) -> None:
    frame = make_chart(1.0, size, random.Random(3))
    assert draw_frame(frame).shape == (size[1], size[0], 3)
    assert read(draw_frame(frame)) == list(frame.numbers)
    assert len(frame.numbers) == len(CHART_HEIGHTS)


@pytest.mark.weights
def test_the_packaged_text_reader_reads_what_is_drawn() -> None:
    pytest.importorskip("rapidocr", reason="needs videosleuth[ocr]")
    from tools.ocr.reader import TextReader

    frame = make_chart(1.0, SMALL, random.Random(4))
    seen = " ".join(line.text for line in TextReader().read(draw_frame(frame)))
    # down to 10 pixels, as it does on other print: the charts are fair to a reader that never saw this font
    assert [number for number in frame.numbers[:8] if number not in seen] == []
