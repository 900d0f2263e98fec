"""Several runs of one question: votes, rounds, money."""

from dataclasses import replace

import pytest

from agent.loop.self_consistency import ask_with_voting
from agent.trajectory import VOTES, Answer, Limits, Question, Step, Stop, Trajectory, Turn, Usage, VideoFacts

FACTS = VideoFacts("0" * 32, 60.0, 640, 360)


class Player:
    """Plays prepared answers in order, and keeps what it was asked for."""

    def __init__(self, *answers: str | None, cost_usd: float | None = None, stop: Stop = Stop.ANSWERED) -> None:
        self.answers = answers
        self.cost_usd = cost_usd
        self.stop = stop
        self.asked: list[tuple[int, int, float | None]] = []
        self.left_seconds: list[float | None] = []

    def __call__(self, sample: int, density: int, limits: Limits) -> Trajectory:
        self.asked.append((sample, density, limits.max_cost_usd))
        self.left_seconds.append(limits.max_seconds)
        said = self.answers[sample]
        step = Step(Turn("", Answer(said or "", confidence=0.9), Usage(1.0, 100, 10, self.cost_usd)))
        steps = (step,) if said is not None else ()
        stop = Stop.MALFORMED if said is None else self.stop
        return Trajectory(Question("v.mp4", "q?"), FACTS, steps=steps, stop=stop, limits=limits, sample=sample)


def test_agreement_in_the_first_round_is_enough() -> None:
    player = Player("red", "Red.", "red")
    run = ask_with_voting(player, 3, Limits())
    assert run.answer is not None
    assert run.answer.text == "red"
    assert [density for _, density, _ in player.asked] == [1, 1, 1]
    assert len(run.samples) == 3
    # three of three: (3 + 1) / (3 + 2)
    assert run.confidence == pytest.approx(0.8)


def test_while_runs_disagree_each_round_looks_twice_as_densely() -> None:
    player = Player("red", "blue", "blue", "red", "blue", "blue")
    run = ask_with_voting(player, 2, Limits())
    assert [(sample, density) for sample, density, _ in player.asked] == [
        (0, 1),
        (1, 1),
        (2, 2),
        (3, 2),
        (4, 4),
        (5, 4),
    ]
    assert run.answer is not None
    assert run.answer.text == "blue"
    assert [sample.round for sample in run.samples] == [1, 1, 2, 2, 3, 3]
    assert run.confidence == pytest.approx(3 / 4)


def test_the_majority_of_the_last_round_answers() -> None:
    run = ask_with_voting(Player("a", "b", "b"), 3, Limits(), max_rounds=1)
    assert run.answer is not None
    assert run.answer.text == "b"
    assert run.confidence == pytest.approx(3 / 5)


def test_a_run_without_an_answer_votes_for_none() -> None:
    run = ask_with_voting(Player(None, None, "b"), 3, Limits(), max_rounds=1)
    assert run.answer is not None
    assert run.answer.text == "b"
    assert run.confidence == pytest.approx(2 / 5)


def test_the_cost_limit_holds_for_all_runs_together() -> None:
    player = Player("a", "b", "a", "b", cost_usd=0.4)
    run = ask_with_voting(player, 2, Limits(max_cost_usd=1.0))
    assert [left for _, _, left in player.asked] == [1.0, pytest.approx(0.6), pytest.approx(0.2)]
    assert len(run.samples) == 3
    assert run.limits.max_cost_usd == 1.0


def test_a_run_that_is_broken_off_ends_it_all() -> None:
    player = Player("a", "a", stop=Stop.INTERRUPTED)
    assert ask_with_voting(player, 2, Limits()).stop is Stop.INTERRUPTED
    assert len(player.asked) == 1


def test_one_sample_is_no_consensus() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        ask_with_voting(Player("a"), 1, Limits())


def test_the_time_limit_holds_for_all_runs_together() -> None:
    player = Player("red", "blue", "blue", "red")
    run = ask_with_voting(player, 2, Limits(max_seconds=2.5))
    # each run takes a second, and the first round does not agree
    assert len(player.asked) == 3
    assert player.left_seconds == [2.5, 1.5, 0.5]
    assert run.limits.max_seconds == 2.5


def test_a_vote_can_weigh_what_a_run_states() -> None:
    class Stating(Player):
        def __call__(self, sample: int, density: int, limits: Limits) -> Trajectory:
            run = super().__call__(sample, density, limits)
            said = {"a": 0.2, "b": 0.9}[self.answers[sample] or ""]
            return replace(run, steps=(Step(Turn("", Answer(self.answers[sample] or "", confidence=said))),))

    for vote, wins in zip(VOTES, ("a", "b"), strict=True):
        run = ask_with_voting(Stating("a", "a", "b"), 3, Limits(), 1, vote)
        assert run.answer is not None
        assert run.answer.text == wins
    with pytest.raises(ValueError, match="no vote by 'size'"):
        ask_with_voting(Stating("a", "b"), 2, Limits(), vote="size")  # type: ignore[arg-type]
