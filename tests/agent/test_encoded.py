"""A vision tower that sees each picture once: the logits are those of one that sees them again and again."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import torch

from agent.policies.local.image_processing import JpegImage
from agent.policies.local.vision_cache import VisionFeatureCache
from agent.policies.transformers import Prompt, TransformersPolicy
from agent.policy import PolicyOptions
from agent.rendering.messages import render
from agent.trajectory import Reply
from tests.agent.painted import PaintedVideo, look, looked
from tests.tiny_models import Family, build

VIDEO = PaintedVideo(160, 120)
FAMILIES: tuple[Family, ...] = ("qwen2_5_vl", "qwen3_vl")


class Watched(TransformersPolicy):
    """Counts the pictures that its tower is given."""

    encoded = 0

    def watch(self) -> None:
        def seen(_tower: Any, _given: Any, named: dict[str, Any]) -> None:
            self.encoded += len(named["grid_thw"])

        self.loaded.model.model.visual.register_forward_pre_hook(seen, with_kwargs=True)

    def shown(self, *seconds: float) -> Prompt:
        """A conversation that has looked at these moments."""
        trajectory = looked(VIDEO, (Reply(look(1, *seconds)), seconds))
        return self.prompt(render(trajectory, VIDEO.specs, "text", self.options), VIDEO, 0)

    def pixels(self, seen: Sequence[JpegImage]) -> torch.Tensor:
        return self.gather_pictures([seen])["pixel_values"]

    def logits(self, *prompts: Prompt) -> torch.Tensor:
        with torch.inference_mode():
            return self.loaded.model(**self.inputs(prompts)).logits  # type: ignore[no-any-return]


@pytest.fixture(scope="module", params=FAMILIES)
def policy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    watched = Watched(str(build(request.param, tmp_path_factory.mktemp("model"))), PolicyOptions(max_reply_tokens=4))
    watched.watch()
    return watched


@pytest.fixture
def once(policy: Watched) -> Iterator[VisionFeatureCache]:
    plain = policy.loaded.model.model.get_image_features
    yield VisionFeatureCache(policy.loaded.model, policy.pixels)
    policy.loaded.model.model.get_image_features = plain


def seen_in(*prompts: Prompt) -> list[Any]:
    return [seen for prompt in prompts for seen in prompt.seen]


def test_logits_are_the_same_and_each_picture_is_encoded_once(policy: Watched, once: VisionFeatureCache) -> None:
    first, second, third = policy.shown(1, 2), policy.shown(2, 1, 3), policy.shown(3, 3, 1)
    plain = [policy.logits(first, second), policy.logits(third)]
    policy.encoded = 0
    for prompts, expected in (((first, second), plain[0]), ((third,), plain[1])):
        with once.showing(seen_in(*prompts)):
            assert torch.allclose(policy.logits(*prompts), expected, atol=1e-5)
    assert policy.encoded == 3


def test_pictures_of_other_sizes_keep_their_places(policy: Watched, once: VisionFeatureCache) -> None:
    wide = PaintedVideo(320, 120)
    trajectory = looked(wide, (Reply(look(1, 4)), (4,)))
    other = policy.prompt(render(trajectory, wide.specs, "text", policy.options), wide, 0)
    small = policy.shown(4)
    expected = policy.logits(other, small)
    for prompts in ((small,), (other, small)):
        with once.showing(seen_in(*prompts)):
            found = policy.logits(*prompts)
    assert torch.allclose(found, expected, atol=1e-5)


def test_new_weights_encode_anew(policy: Watched, once: VisionFeatureCache) -> None:
    prompt = policy.shown(5)
    with once.showing(seen_in(prompt)):
        before = policy.logits(prompt)
    weight = policy.loaded.model.model.visual.patch_embed.proj.weight
    kept = weight.detach().clone()
    try:
        weight.data.mul_(3)
        with once.showing(seen_in(prompt)):
            assert torch.equal(policy.logits(prompt), before), "nobody has said that the weights are others"
            once.forget()
            assert not torch.allclose(policy.logits(prompt), before, atol=1e-5)
    finally:
        weight.data.copy_(kept)


def test_what_is_not_said_to_be_shown_and_what_is_learned_from_goes_through_the_tower(
    policy: Watched, once: VisionFeatureCache
) -> None:
    prompt = policy.shown(6)
    policy.encoded = 0
    policy.logits(prompt)
    policy.logits(prompt)
    assert policy.encoded == 2
    with once.showing(seen_in(prompt)):
        loss = policy.loaded.model(**policy.inputs([prompt])).logits.sum()
    assert policy.encoded == 3
    loss.backward()
    tower = policy.loaded.model.model.visual
    assert any(weight.grad is not None and weight.grad.abs().max() > 0 for weight in tower.parameters())


def test_no_more_pictures_are_kept_than_it_was_told(policy: Watched, once: VisionFeatureCache) -> None:
    few = VisionFeatureCache(policy.loaded.model, policy.pixels, most_pictures=2)
    many = policy.shown(7, 8, 9)
    policy.encoded = 0
    with few.showing(seen_in(many)):
        policy.logits(many)
    with few.showing(seen_in(last := policy.shown(8, 9))):
        policy.logits(last)
    assert policy.encoded == 3
    with few.showing(seen_in(many)):
        policy.logits(many)
    assert policy.encoded == 4
