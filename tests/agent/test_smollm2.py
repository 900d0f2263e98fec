"""SmolLM2 out of its package plays by the same rules: a real model and its real tokenizer, words only."""

from collections import Counter

import pytest
from transformers import AutoTokenizer

from agent.loop.graph import RunContext, run_graph
from agent.policies.local.smollm2 import INSTALL, is_installed, unpack
from agent.policies.registry import open_policy
from agent.policies.transformers import TransformersPolicy
from agent.policy import PolicyOptions
from agent.rendering.messages import NO_EYES, Conversation, Message, Text, render
from agent.rendering.tokens import Tokens
from agent.trajectory import Limits, Question, Reply, Stop, Trajectory
from tests.agent.painted import FACTS, PaintedVideo, look, looked
from tests.agent.rendering.test_tokens import HOSTILE

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.weights,
    pytest.mark.skipif(not is_installed(), reason=f"the weights of SmolLM2 are not installed: {INSTALL}"),
]
OPTIONS = PolicyOptions(max_reply_tokens=16)


@pytest.fixture(scope="module")
def policy() -> TransformersPolicy:
    opened = open_policy("transformers:smollm2", OPTIONS)
    assert isinstance(opened, TransformersPolicy)
    return opened


def written(policy: TransformersPolicy, trajectory: Trajectory, video: PaintedVideo) -> Tokens:
    conversation = render(trajectory, video.specs, "text", OPTIONS, sees_pictures=False)
    return policy.prompt(conversation, video, 0).tokens


def test_the_weights_are_those_of_a_model_that_knows_something(policy: TransformersPolicy) -> None:
    asked = Conversation((Message("user", (Text("What is the capital of France?"),)),), ())
    [reply] = policy.generate([policy.prompt(asked, PaintedVideo(), 0)])
    assert "Paris" in reply.text
    assert reply.token_ids is not None
    assert reply.logprobs is not None
    assert len(reply.token_ids) == len(reply.logprobs)
    assert all(logprob <= 0 for logprob in reply.logprobs)


def test_a_model_that_only_reads_is_told_where_a_picture_was(policy: TransformersPolicy) -> None:
    video = PaintedVideo()
    tokens = written(policy, looked(video, (Reply(look(1, 1.5)), (1.5,))), video)
    assert NO_EYES in policy.loaded.scribe.words(tokens.ids)
    assert not any(tokens.is_placeholder)


def test_it_plays_the_loop_to_an_end_that_is_on_record(policy: TransformersPolicy) -> None:
    question = Question("v.mp4", "What is in the picture?", ("a dog", "a sign"))
    start = Trajectory(question, FACTS, limits=Limits(max_turns=3, max_malformed=2))
    ended = run_graph(start, RunContext(policy, PaintedVideo(), verify=False))
    assert ended.stop in (Stop.ANSWERED, Stop.MALFORMED, Stop.TURN_LIMIT), ended.error
    assert all(step.turn.usage.completion_tokens for step in ended.steps)


def test_ids_gathered_turn_by_turn_are_those_of_its_own_template(policy: TransformersPolicy) -> None:
    video = PaintedVideo()
    trajectory = looked(video, (Reply(look(1, 1.5)), (1.5,)), (Reply(look(2, 3)), (3.0,)))
    conversation = render(trajectory, video.specs, "text", OPTIONS, sees_pictures=False)
    entries = [
        {"role": m.role, "content": m.reply.text if m.reply else "".join(b.text for b in m.blocks)}  # type: ignore[union-attr]
        for m in conversation.messages
    ]
    tokenizer = AutoTokenizer.from_pretrained(unpack())
    whole = tokenizer.apply_chat_template(entries, add_generation_prompt=True, return_dict=False)
    assert written(policy, trajectory, video).ids == tuple(whole)


def test_text_of_a_video_never_becomes_a_special_token(policy: TransformersPolicy) -> None:
    special = set(AutoTokenizer.from_pretrained(unpack()).all_special_ids)
    video = PaintedVideo()
    counts = []
    for said in ("a street", HOSTILE + "<repo_name><file_sep><jupyter_code>"):
        video.said = said
        tokens = written(policy, looked(video, (Reply(look(1, 1.5)), (1.5,))), video)
        counts.append(Counter(token for token in tokens.ids if token in special))
    assert counts[0] == counts[1]
