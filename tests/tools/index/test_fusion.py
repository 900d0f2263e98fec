"""Rankings of several senses become moments: by their ranks, where they agree in time, and no two alike."""

import numpy as np
import pytest

from tools.index.fusion import Ranking, choose_diverse, fuse_rankings
from tools.observation import Finding


def seen(start: float, stop: float | None = None) -> Finding:
    return Finding("moment", start, start + 1.0 if stop is None else stop)


def said(start: float, text: str = "words") -> Finding:
    return Finding("speech", start, start + 2.0, text)


def test_what_two_senses_find_at_one_time_comes_before_what_one_finds() -> None:
    pictures = Ranking("pictures", (seen(50.0), seen(10.0)))
    speech = Ranking("speech", (said(80.0), said(11.5)))
    best, *others = fuse_rankings([pictures, speech])
    assert (best.anchor.start_seconds, dict(best.shares)) == (10.0, {"pictures": 0.5, "speech": 0.5})
    assert best.score == pytest.approx(2 / 62)
    assert {finding.start_seconds for finding in best.findings} == {10.0, 11.5}
    assert others[-1].shares in ((("pictures", 1.0),), (("speech", 1.0),))


def test_two_measures_of_one_sense_add_up_in_its_share() -> None:
    line = said(10.0)
    rankings = [Ranking("speech", (line,)), Ranking("speech", (line,)), Ranking("pictures", (seen(10.0),))]
    moment = fuse_rankings(rankings)[0]
    assert dict(moment.shares) == pytest.approx({"speech": 2 / 3, "pictures": 1 / 3})


def test_what_stands_all_the_time_lifts_all_moments_alike() -> None:
    logo = Finding("text", 0.0, 100.0, "NEWS")
    moments = fuse_rankings([Ranking("screen text", (logo,)), Ranking("pictures", (seen(40.0), seen(70.0)))])
    assert [moment.anchor.start_seconds for moment in moments] == [40.0, 70.0]
    assert all(logo in moment.findings for moment in moments)
    by_words_and_meaning = [Ranking("screen text", (logo,))] * 2
    both = fuse_rankings([*by_words_and_meaning, Ranking("pictures", (seen(40.0), seen(70.0)))])
    assert [moment.anchor.start_seconds for moment in both] == [40.0, 0.0, 70.0]


def test_moments_that_look_alike_make_room_for_others() -> None:
    moments = fuse_rankings([Ranking("pictures", tuple(seen(10.0 * number) for number in range(4)))])
    same, other = np.eye(2, dtype=np.float32)
    vectors = np.stack([same, same, same, other])
    chosen = choose_diverse(moments, vectors, 2, 4.0)
    assert [moment.anchor.start_seconds for moment in chosen] == [0.0, 30.0]
    alone = choose_diverse(moments, np.zeros((4, 2), np.float32), 3, 4.0)
    assert [moment.anchor.start_seconds for moment in alone] == [0.0, 10.0, 20.0]


def test_moments_beside_one_another_are_one() -> None:
    moments = fuse_rankings([Ranking("pictures", (seen(10.0), seen(13.0), seen(20.0)))])
    chosen = choose_diverse(moments, np.zeros((3, 2), np.float32), 5, 4.0)
    assert [moment.anchor.start_seconds for moment in chosen] == [10.0, 20.0]
    assert choose_diverse([], np.zeros((0, 2), np.float32), 5, 4.0) == []


def test_a_moment_is_shown_at_its_picture() -> None:
    (moment,) = fuse_rankings([Ranking("speech", (said(30.0),))])
    assert moment.seconds == 31.0
    both = fuse_rankings([Ranking("speech", (said(30.0),)), Ranking("pictures", (seen(32.0),))])
    assert {one.seconds for one in both} == {32.0}


def test_a_moment_has_the_time_of_what_is_strongest_there_and_not_of_what_is_near() -> None:
    sign = Finding("text", 11.0, 16.0, "EMBER")
    text = [Ranking("screen text", (sign,))] * 2
    (moment, _) = fuse_rankings([*text, Ranking("pictures", (seen(17.0), seen(60.0)))])
    assert (moment.anchor, moment.seconds) == (sign, 13.5)
    assert dict(moment.shares) == pytest.approx({"screen text": 2 / 3, "pictures": 1 / 3})


def test_a_long_caption_is_shown_where_a_picture_in_it_was_found() -> None:
    caption = Finding("caption", 20.0, 30.0, "A dog.")
    (moment,) = fuse_rankings([*[Ranking("captions", (caption,))] * 2, Ranking("pictures", (seen(28.0),))])
    assert (moment.anchor, moment.seconds) == (caption, 28.0)
