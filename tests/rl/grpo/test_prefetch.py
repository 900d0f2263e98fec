"""The next questions are opened while these are learned from, once, and a broken video breaks nothing."""

from rl.grpo.prefetch import VideoPrefetcher

ORDER = ("a", "b", "c", "d", "e")


def opened_after(*steps: int, broken: str = "") -> list[str]:
    opened: list[str] = []

    def open_(question: str) -> None:
        opened.append(question)
        if question == broken:
            raise ValueError(question)

    ahead = VideoPrefetcher(open_, ORDER, 2)
    for count in steps:
        ahead.played(count)
        for opening in ahead.opening:
            opening.result()
    ahead.close()
    return opened


def test_the_questions_of_the_next_step_are_opened_in_order() -> None:
    assert opened_after(1) == ["c", "d"]
    assert opened_after(1, 2) == ["c", "d", "e"]


def test_none_is_opened_twice_nor_after_it_was_played() -> None:
    assert opened_after(1, 1) == ["c", "d"]
    assert opened_after(2) == ["e"]  # as where a training goes on
    assert opened_after(1, 2, 3, 4) == ["c", "d", "e"]


def test_a_video_that_can_not_be_opened_is_left_to_who_plays_it() -> None:
    assert opened_after(1, 2, broken="c") == ["c", "d", "e"]
