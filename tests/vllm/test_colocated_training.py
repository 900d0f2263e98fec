"""A training whose tokens vLLM draws in this process: what it learns reaches the engine as an adapter, step by step."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vllm.marks import needs_vllm
from tests.vllm.training_beside import RANK, Watched, trained, wanted

pytest.importorskip("trl", reason="needs the rl extra")
pytestmark = [
    *needs_vllm,
    pytest.mark.filterwarnings("ignore:.*torch.jit.script_method.*:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*lr_scheduler.step.*:UserWarning"),
]


@pytest.fixture(scope="module")
def watched(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    from rl.sampling.vllm_colocated import ColocatedVllm

    folder = tmp_path_factory.mktemp("colocated")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIDEOSLEUTH_CACHE", str(folder / "cache"))
        training = wanted(tiny_model, folder / "out")
        engine = ColocatedVllm(training.model, training.play.options(0), rank=RANK, memory_share=0.4)
        try:
            yield trained(training, engine)
        finally:
            engine.close()


def test_both_programs_give_the_tokens_of_a_run_the_same_probability(watched: Watched) -> None:
    """But for the share of the four vision tokens, which are never drawn. The adapter is 0 yet; there are pictures."""
    assert all(rollout.tokens is not None and rollout.pictures for rollout in watched.played[0])
    assert watched.off_by(0) < 0.02


def test_after_a_step_the_engine_plays_with_what_was_learned(watched: Watched) -> None:
    assert watched.off_by(1) < 0.02
    learned = watched.rows[1]["old_per_token_logps"] != 0
    assert learned.any()


def test_what_was_learned_shows(watched: Watched) -> None:
    """Or the test above would pass with an engine that was given nothing."""
    sampler = watched.sampler
    run = watched.played[1][0]
    assert run.tokens is not None
    first = run.tokens.sampled.index(True)
    prompt = run.tokens.ids[:first]
    jpegs: tuple[bytes, ...] = ()
    engine = sampler.engine
    sampling = {"temperature": 0.0, "max_tokens": 1}
    words = tuple(token for token in prompt[:40] if token != sampler.loaded.image_token_id)
    adapted = engine.complete(words, jpegs, sampling)
    engine.engine._adapter = None  # type: ignore[attr-defined]
    plain = engine.complete(words, jpegs, sampling)
    assert abs(adapted.logprobs[0] - plain.logprobs[0]) > 0.01 or adapted.token_ids != plain.token_ids
