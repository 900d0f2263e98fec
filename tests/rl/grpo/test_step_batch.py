"""Groups that teach nothing make way for other questions, and for earlier groups."""

import pickle
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Barrier

import pytest

from agent.policies.local.image_processing import JpegImage
from agent.rendering.tokens import Tokens
from agent.trajectory import Question, Reply, Stop, Trajectory
from evals.example import Example
from evals.runner.run_file import Key
from rl.grpo.config import Training
from rl.grpo.oversampling import SampledGroup, keep_widest
from rl.grpo.replay_buffer import Group, Replay, TrainingRow
from rl.grpo.rows import RolloutRow
from rl.grpo.step_batch import StepBatch, StepBatchBuilder, StepContext, TrainingProgress
from rl.rewards.aids import Aids, Aspect
from rl.rewards.groups import RunScore
from rl.rewards.preset import load_preset
from rl.sampling.sampler import Rollout
from tests.rl.cases import run

SIZE = 4
SEEN = JpegImage(b"a jpeg", (7, 7), (1, 1, 2))
EXAMPLES = {key: Example(Question("v.mp4", f"Which city is in {key}?", id=key), "Paris") for key in "abcdefgh"}


@dataclass
class Fake:
    """Plays questions whose runs are all right, all wrong, or half of each."""

    taught: str
    """The questions whose runs differ."""
    calls: list[list[Key]] = field(default_factory=list)
    shuffled_calls: list[list[Key]] = field(default_factory=list)

    def play(self, keys: Sequence[Key]) -> list[Rollout]:
        self.calls.append(list(keys))
        return [Rollout(self.trajectory(key), self.tokens(key), (SEEN,)) for key in keys]

    def shuffled(self, keys: Sequence[Key]) -> list[Trajectory]:
        self.shuffled_calls.append(list(keys))
        return [answered(EXAMPLES[key[0]], "Berlin") for key in keys]

    def trajectory(self, key: Key) -> Trajectory:
        is_right = key[0] in self.taught and key[1] % 2 == 0
        return answered(EXAMPLES[key[0]], "Paris" if is_right else "Rome", key[1])

    def tokens(self, key: Key) -> Tokens:
        return Tokens((1, 2, 3), (False, False, True), (None, None, -0.5 - key[1]), (False,) * 3)


def answered(example: Example, city: str, sample: int = 0) -> Trajectory:
    played = run(f"<think>so</think><answer>{city}</answer>", example=example)
    step = played.steps[-1]
    reply = Reply(step.turn.reply.text if step.turn.reply else "", token_ids=(3,), logprobs=(-0.5 - sample,))
    last = replace(step, turn=replace(step.turn, reply=reply))
    return replace(played, steps=(*played.steps[:-1], last), sample=sample)


def drawing(fake: Fake, preset: str = "videokr", in_order: bool = False, **sampling: object) -> StepBatchBuilder:
    told = {"model": "m", "out": "o", "generations": SIZE, "preset": preset, "sampling": sampling}
    players = StepContext(fake.play, fake.shuffled, EXAMPLES, in_order)
    return StepBatchBuilder(Training.model_validate(told), load_preset(preset), players, filler=0)


def asked_for(keys: Sequence[Key]) -> list[str]:
    return list(dict.fromkeys(key for key, _ in keys))


def test_a_group_that_teaches_is_left_as_it_is() -> None:
    fake = Fake("ab")
    drawn = drawing(fake, tries=3, replay_groups=2)(list("aaaabbbb"), TrainingProgress(5, 10))
    assert fake.calls == [[(key, 5 * SIZE + n) for key in "ab" for n in range(SIZE)]]
    assert [run.push[0] > 0 for run in drawn.runs if run.push] == [True, False] * 4
    assert drawn.measures["sampling/runs_a_row"] == 1.0
    assert drawn.measures["sampling/replayed"] == 0.0


def test_other_questions_are_asked_until_one_teaches_and_the_cost_is_told() -> None:
    fake = Fake("c")
    drawn = drawing(fake, in_order=True, tries=5)(list("aaaa"), TrainingProgress(0, 10))
    assert [asked_for(call) for call in fake.calls] == [["a"], ["b"], ["c"]]
    # ROUGE-1, 2 and L of one right word are 1, 0, 1, so 0.9 * 2 / 3 + 0.1 for the form
    assert [run.worth for run in drawn.runs] == pytest.approx([0.7, 0.1, 0.7, 0.1])
    assert drawn.measures["sampling/runs_a_row"] == 3.0
    assert drawn.measures["sampling/rounds"] == 2.0
    assert drawn.measures["sampling/mended"] == 1.0
    assert drawn.measures["groups/teaching"] == 0.0
    assert drawn.measures["score"] == pytest.approx(0.1), "of the question that was asked first"


def test_tries_have_an_end_and_only_the_group_that_teaches_nothing_is_asked_again() -> None:
    fake = Fake("b")
    drawn = drawing(fake, in_order=True, tries=2)(list("aaaabbbb"), TrainingProgress(0, 10))
    assert [asked_for(call) for call in fake.calls] == [["a", "b"], ["c"], ["d"]]
    assert [any(run.push or ()) for run in drawn.runs] == [False] * 4 + [True] * 4
    assert drawn.measures["sampling/runs_a_row"] == 2.0


def test_where_order_does_not_matter_any_question_may_come_and_none_twice() -> None:
    fake = Fake("")
    drawing(fake, tries=50)(list("aaaa"), TrainingProgress(0, 10))
    order = [key for call in fake.calls for key in asked_for(call)]
    assert sorted(order) == list(EXAMPLES)
    again = Fake("")
    drawing(again, tries=50)(list("aaaa"), TrainingProgress(0, 10))
    assert again.calls == fake.calls, "a training that goes on asks the same"
    assert order != sorted(order)


def test_more_are_asked_and_those_whose_rewards_differ_most_are_kept() -> None:
    """Of four groups two are kept: c, in which one of four is right, and d, where two are; a and b teach nothing."""
    fake = Fake("d")
    usual = fake.trajectory
    fake.trajectory = lambda key: (  # type: ignore[method-assign]
        answered(EXAMPLES["c"], "Paris" if key[1] % SIZE == 0 else "Rome", key[1]) if key[0] == "c" else usual(key)
    )
    builder = drawing(fake, in_order=True, oversampled=4)
    drawn = builder(list("aaaabbbb"), TrainingProgress(0, 10))
    assert [asked_for(call) for call in fake.calls] == [["a", "b"], ["c", "d"]]
    assert [run.worth for run in drawn.runs] == pytest.approx([0.7, 0.1, 0.1, 0.1, 0.7, 0.1, 0.7, 0.1])
    assert [bool(run.push and run.push[0] > 0) for run in drawn.runs] == [True, *[False] * 3, *[True, False] * 2]
    assert drawn.measures["sampling/runs_a_row"] == 2.0
    # of 0.7 and three times 0.1, and of two each
    assert drawn.measures["sampling/deviation"] == pytest.approx((0.6 * 0.1875**0.5 + 0.3) / 2)
    assert drawn.measures["sampling/deviation_before"] == 0.0
    assert drawn.measures["score"] == pytest.approx(0.1), "of the questions as they came"


def test_a_group_that_was_asked_first_stays_where_it_is_if_others_differ_no_more() -> None:
    fake = Fake("abcd")
    drawn = drawing(fake, in_order=True, oversampled=3, tries=2)(list("aaaabbbb"), TrainingProgress(0, 10))
    assert [asked_for(call) for call in fake.calls] == [["a", "b"], ["c"]]
    assert [run.row.logprobs for run in drawn.runs] == [(-0.5 - n % SIZE,) for n in range(2 * SIZE)]
    assert drawn.measures["sampling/runs_a_row"] == 1.5
    weak = Fake("e")
    drawing(weak, in_order=True, oversampled=3, tries=2)(list("aaaabbbb"), TrainingProgress(0, 10))
    assert [asked_for(call) for call in weak.calls] == [["a", "b"], ["c"], ["d", "e"], ["f"]], "none is asked twice"
    few = Fake("")
    drawing(few, in_order=True, oversampled=99)(list("aaaabbbb"), TrainingProgress(0, 10))
    assert sum(len(asked_for(call)) for call in few.calls) == len(EXAMPLES), "no more than there are"


def test_no_more_than_are_trained_on_is_no_oversampling() -> None:
    with pytest.raises(ValueError, match="oversampled = 2 is no more than the questions = 2"):
        Training.model_validate({"model": "m", "out": "o", "questions": 2, "sampling": {"oversampled": 2}})


def group_of(number: int, deviation: float) -> SampledGroup:
    return SampledGroup(str(number), {}, [0.0, 2 * deviation], [], is_teaching=deviation > 0)


def test_a_group_takes_the_place_of_one_of_the_same_processes_alone() -> None:
    """Four places of two rollouts: with two processes, places 0 and 1 are of the first; with four rows of each 1.5
    groups, the one in the middle is of both."""
    first = {number: group_of(number, 0.1) for number in range(4)}
    second = {number: group_of(10 + number, wide) for number, wide in enumerate((0.5, 0.4, 0.0, 0.0))}
    alone = keep_widest([first, second], 8, 2)
    assert [alone[number].question for number in range(4)] == ["0", "1", "10", "11"]
    shared = keep_widest([first, second], 4, 2)
    assert [shared[number].question for number in range(4)] == ["10", "11", "2", "3"]
    three = {number: group_of(number, 0.1) for number in range(3)}
    cut = keep_widest([three, {0: group_of(10, 0.0), 1: group_of(11, 0.0), 2: group_of(12, 0.3)}], 3, 2)
    assert [cut[number].question for number in range(3)] == ["0", "1", "12"]


def test_an_earlier_group_comes_back_as_it_was_sampled() -> None:
    fake = Fake("a")
    draws = drawing(fake, replay_groups=2)
    first = draws(list("aaaa"), TrainingProgress(0, 10)).runs
    second = draws(list("bbbb"), TrainingProgress(3, 10))
    assert [run.born for run in second.runs] == [0] * 4
    assert [(run.row, run.push) for run in second.runs] == [(run.row, run.push) for run in first]
    assert second.runs[1].row.logprobs == (-1.5,)
    assert second.measures["sampling/replayed"] == 1.0
    assert second.measures["sampling/replay_age"] == 3.0
    assert second.measures["score"] == pytest.approx(0.1), "of what was played now"


def test_a_group_that_is_too_old_does_not_come_back() -> None:
    draws = drawing(Fake("a"), replay_groups=2, replay_steps=2)
    draws(list("aaaa"), TrainingProgress(0, 10))
    assert draws(list("bbbb"), TrainingProgress(2, 10)).measures["sampling/replayed"] == 1.0
    assert draws(list("bbbb"), TrainingProgress(3, 10)).measures["sampling/replayed"] == 0.0


def test_what_came_back_is_not_kept_a_second_time() -> None:
    draws = drawing(Fake("a"), replay_groups=8)
    draws(list("aaaa"), TrainingProgress(0, 10))
    assert draws(list("bbbb"), TrainingProgress(1, 10)).measures["sampling/kept_groups"] == 1.0


def test_a_group_shared_by_processes_does_not_come_back() -> None:
    draws = drawing(Fake("a"), replay_groups=2)
    draws._gather = lambda items: items * 2 if items and isinstance(items[0], str) and len(items[0]) == 1 else items
    with pytest.raises(ValueError, match="wants whole groups in each process"):
        draws._replay_groups([], _table(range(2)), TrainingProgress(0, 1))


def _table(here: range) -> object:
    from rl.grpo.step_batch import _StepState

    return _StepState(["a"] * SIZE, here)


def test_two_processes_decide_alike_and_play_their_own_rows() -> None:
    """Each plays half of a group; what both have played is told to both."""
    import threading

    barrier, box = threading.Barrier(2), {}

    def gather_of(process: int):  # type: ignore[no-untyped-def]
        def gather(items: list[object]) -> list[object]:
            box[process] = list(items)
            barrier.wait()
            every = box[0] + box[1]
            barrier.wait()
            return every

        return gather

    fakes, found = (Fake("c"), Fake("c")), {}

    def process(number: int) -> None:
        draws = drawing(fakes[number], in_order=True, tries=5)
        draws._gather, draws._process = gather_of(number), number
        found[number] = draws(list("aa"), TrainingProgress(0, 10))

    threads = [threading.Thread(target=process, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fakes[0].calls == [[(key, 0), (key, 1)] for key in "abc"]
    assert fakes[1].calls == [[(key, 2), (key, 3)] for key in "abc"]
    assert [run.worth for number in (0, 1) for run in found[number].runs] == pytest.approx([0.7, 0.1, 0.7, 0.1])
    assert found[0].measures == found[1].measures


@pytest.mark.parametrize("preset", ["videokr", "video-r1"])
def test_processes_send_each_other_what_runs_earned_and_not_the_runs(preset: str) -> None:
    draws, sent = drawing(Fake("a"), preset), list[object]()
    gather = draws._gather
    draws._gather = lambda items: (sent.extend(items), gather(items))[1]
    draws(list("aaaa"), TrainingProgress(0, 10))
    scores = [item for item in sent if isinstance(item, RunScore)]
    assert len(scores) == (8 if preset == "video-r1" else 4)
    assert pickle.loads(pickle.dumps(scores)) == scores
    assert not any(isinstance(item, Trajectory) for item in sent)


@dataclass
class Counting:
    """A judge that says yes, and counts how often it is asked."""

    asked: list[Trajectory] = field(default_factory=list)

    def __call__(self, aspect: Aspect, example: Example, trajectory: Trajectory, turn: int | None = None) -> float:
        self.asked.append(trajectory)
        return 1.0


def test_each_process_asks_the_judge_about_its_own_runs_only() -> None:
    gathering, fakes, judges = Barrier(2), [Fake("a"), Fake("a")], [Counting(), Counting()]
    places: dict[int, list[object]] = {}

    def drawn(process: int) -> StepBatch:
        def gather(items: list[object]) -> list[object]:
            places[process] = items
            gathering.wait()
            both = [*places[0], *places[1]]
            gathering.wait()
            return both

        training = Training.model_validate(
            {"model": "m", "out": "o", "generations": SIZE, "preset": "ver", "judge": {"policy": "lite"}}
        )
        preset = load_preset("ver", Aids(judge=judges[process]))
        context = StepContext(fakes[process].play, fakes[process].shuffled, EXAMPLES, is_in_order=True)
        builder = StepBatchBuilder(training, preset, context, filler=0, gather=gather, process=process)
        return builder(list("aa"), TrainingProgress(0, 10))

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(drawn, (0, 1)))
    assert [sorted(run.sample for run in judge.asked) for judge in judges] == [[0], [2]], "right ones, one a process"
    assert found[0].measures == found[1].measures
    assert [run.push is not None and run.push[0] > 0 for one in found for run in one.runs] == [True, False] * 2


def test_a_group_of_which_nothing_is_trained_on_teaches_nothing_and_why_is_said() -> None:
    told = {"model": "m", "out": "o", "generations": SIZE, "preset": "videokr", "update": {"max_tokens": 2}}
    fake = Fake("a")
    builder = StepBatchBuilder(
        Training.model_validate(told),
        load_preset("videokr"),
        StepContext(fake.play, fake.shuffled, EXAMPLES, is_in_order=True),
        filler=0,
    )
    drawn = builder(list("aaaa"), TrainingProgress(0, 10))
    assert drawn.measures["groups/teaching"] == 0.0
    assert (drawn.measures["runs/too_long"], drawn.measures["runs/trained_on"]) == (1.0, 0.0)
    assert drawn.warnings == ("4 of 4 runs are longer than update.max_tokens, up to 3 tokens, and are not trained on",)


def test_the_first_traceback_of_a_step_is_shown() -> None:
    fake = Fake("a")
    play = fake.play

    def crashed(keys: Sequence[Key]) -> list[Rollout]:
        first, *rest = play(keys)
        ended = first.trajectory.ended(Stop.CRASHED, "Traceback: the codec is not here")
        return [replace(first, trajectory=ended), *rest]

    builder = drawing(fake)
    builder._context = replace(builder._context, play=crashed)
    drawn = builder(list("aaaa"), TrainingProgress(0, 10))
    assert drawn.warnings == ("1 of 4 runs broke off, the first with: Traceback: the codec is not here",)
    assert drawn.measures["runs/counted"] == 0.75


def test_a_group_whose_shuffled_runs_all_broke_off_is_left_out_and_said() -> None:
    fake = Fake("a")
    builder = drawing(fake, preset="video-r1")
    broken = lambda keys: [one.ended(Stop.CRASHED) for one in fake.shuffled(keys)]  # noqa: E731
    builder._context = replace(builder._context, shuffled=broken)
    drawn = builder(list("aaaa"), TrainingProgress(0, 10))
    assert [run.push for run in drawn.runs] == [None] * 4
    assert drawn.warnings == ("groups are left out, since these rewards could not be measured: temporal",)
    assert drawn.measures["runs/trained_on"] == 0.0


def test_runs_on_shuffled_frames_are_played_beside_the_others() -> None:
    fake = Fake("a")
    drawn = drawing(fake, preset="video-r1", shuffled_runs=2)(list("aaaabbbb"), TrainingProgress(0, 10))
    assert fake.shuffled_calls == [[("a", 0), ("a", 1), ("b", 0), ("b", 1)]]
    # half are right in order and none shuffled: ROUGE of one word 2/3, form 1, bonus 0.3; in b nobody is right
    assert [run.worth for run in drawn.runs] == pytest.approx([2 / 3 + 1.3, 1, 2 / 3 + 1.3, 1, 1, 1, 1, 1])


def test_as_many_are_shuffled_as_were_published() -> None:
    fake = Fake("a")
    drawing(fake, preset="video-r1")(list("aaaa"), TrainingProgress(0, 10))
    assert [len(call) for call in fake.shuffled_calls] == [4]


def group(name: str) -> Group:
    row = RolloutRow((1,), (7, 7, 2), (0, 0, 1), (0.0, 0.0, -0.25), (SEEN,))
    return (TrainingRow(row, (0.5, -1.0), 1.0, name), TrainingRow(replace(row, pictures=()), None, None, name))


def test_a_buffer_is_the_same_after_it_was_written_and_read(tmp_path: Path) -> None:
    replay = Replay(2, 9)
    for step, name in enumerate("xyz"):
        replay.keep(group(name), step)
    replay.save(tmp_path / "replay.pt")
    again = Replay(2, 9)
    again.load(tmp_path / "replay.pt")
    assert len(again) == 2, "the oldest has made room"
    for (mine, other), step, name in zip(again._kept, (1, 2), "yz", strict=True):
        assert (mine.ending, mine.push, mine.worth, mine.born) == (name, (0.5, -1.0), 1.0, step)
        assert (other.push, other.worth, other.row.pictures) == (None, None, ())
        assert replace(mine.row, pictures=()) == replace(group(name)[0].row, pictures=())
        assert mine.row.pictures == (SEEN,)
