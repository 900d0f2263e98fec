"""`vllm:PATH_OR_ID`: a model in this process, run by vLLM, for many questions at once.

Token ids go in and token ids come out. A turn's prompt is the earlier prompt, the ids that were sampled, and the ids of
the observations, so that the prefix cache has all but the last. Run on a CPU with tiny models; the settings for GPUs
are vLLM's own and were not run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from agent.adapters import find_adapter_folder, read_rank
from agent.policies.local.image_processing import decode_picture
from agent.policies.local.loading import choose_dtype
from agent.policies.local.model_files import read_model_files
from agent.policies.vllm_engine import VllmEngine, is_on_cpu
from agent.policy import PolicyOptions, ToolAccess
from agent.rendering.messages import STOP_STRINGS, render
from agent.rendering.reply_parser import parse_reply
from agent.rendering.tokens import ChatTokenizer, fetch_pictures
from agent.trajectory import Reply, Setup, Trajectory, Turn, Usage

_MAX_PICTURES = 256
"""Pictures in one request at most, where the options set no limit."""
_CPU_CACHE_BYTES = 4 << 30
"""Memory for keys and values on a CPU, where vLLM would take nearly all; VLLM_CPU_KVCACHE_SPACE, in GiB, overrides."""
_CPU_TOKENS = 32768
"""Context on a CPU, at most: there a prompt is prefilled in one piece. vLLM 0.31 dies on a CPU of a seeded request
whose prompt it cuts into pieces ("CPU Generator does not use offset")."""
_ADAPTER_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""Values of `max_lora_rank` that vLLM takes."""
_ON_GPU: Mapping[str, Any] = {"dtype": "auto", "max_model_len": -1}
"""Engine arguments on a GPU: weights as saved, and the model's own context or as much of it as memory allows."""
_NEVER_BIAS = -100.0
"""Logit bias of vision tokens, the strongest that vLLM takes: a sampled one would be a picture without pixels."""


@dataclass(frozen=True)
class Model:
    """A model without its weights: tokenizer, chat template and engine arguments."""

    scribe: ChatTokenizer
    tokenizer: Any
    sees_pictures: bool
    never: tuple[int, ...]
    """Ids that are never sampled, since only a picture may bring them in."""
    arguments: Mapping[str, Any]
    """Engine arguments of this model: type of the weights, sizes of pictures."""


class VllmPolicy:
    """A policy whose turns come from vLLM's engine. May be called from several threads at once; vLLM batches them."""

    def __init__(self, where: str, options: PolicyOptions, **engine: Any) -> None:
        """Loads the model, which takes from half a minute to minutes.

        Args:
            where: folder of a model, or its id on the Hugging Face hub, which is then downloaded.
            options: sampling settings.
            engine: more arguments of vLLM's `AsyncEngineArgs`, over ours.

        Raises:
            ValueError: `where` is empty, or the adapter's folder holds none.
            MissingPartError: vLLM is not installed.
            PolicyError: the model can't be had, or vLLM does not start with it.
        """
        if not where:
            raise ValueError("vllm needs a model: --policy vllm:PATH_OR_ID")
        if options.tools == "native":
            raise ValueError("in process a model calls tools in its text: leave out --tools native")
        self.spec = f"vllm:{where}"
        self._options = options
        cpu = is_on_cpu()
        self.model = _read_model(where, options, cpu)
        arguments = {"model": where, **_make_engine_arguments(options), **self.model.arguments, **engine}
        self.engine = VllmEngine(
            arguments,
            patience_seconds=options.timeout_seconds,
            concurrency=options.concurrency,
            adapter=str(find_adapter_folder(options.adapter)) if options.adapter else "",
        )

    @property
    def setup(self) -> Setup:
        """The settings that the model is asked with."""
        return self._options.setup("text", sees_pictures=self.model.sees_pictures)

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        """The model's next turn.

        Raises:
            PolicyError: the context is too short for the conversation, or the engine has failed.
        """
        conversation = render(trajectory, sight.specs, "text", self._options, sees_pictures=self.model.sees_pictures)
        shown = fetch_pictures(conversation, sight.picture)
        tokens = self.model.scribe.write(shown.conversation)
        pictures = [decode_picture(jpeg) for jpeg in shown.jpegs]
        completion = self.engine.complete(tokens.ids, pictures, self.sampling(trajectory))
        usage = Usage(
            prompt_tokens=len(completion.prompt_ids),
            completion_tokens=len(completion.token_ids),
            cost_usd=0.0,
            cached_tokens=completion.cached_tokens,
        )
        reply = Reply(
            completion.text,
            token_ids=completion.token_ids,
            logprobs=completion.logprobs,
            is_cut=completion.is_cut,
        )
        return parse_reply(reply, usage, trajectory, conversation.dropped)

    def close(self) -> None:
        """Ends the engine; also done when the program ends."""
        self.engine.close()

    def sampling(self, trajectory: Trajectory) -> dict[str, Any]:
        """The sampling settings of the next reply, as vLLM's `SamplingParams` take them."""
        options = self._options
        return {
            "temperature": options.temperature,
            "top_p": options.top_p,
            "seed": options.seed_of(trajectory),
            "max_tokens": options.max_reply_tokens,
            "stop": list(STOP_STRINGS),
            "stop_token_ids": [self.model.scribe.end],
            "skip_special_tokens": False,  # what was sampled is what is on record
            "logit_bias": dict.fromkeys(self.model.never, _NEVER_BIAS) or None,
        }


def _read_model(where: str, options: PolicyOptions, cpu: bool) -> Model:
    card = read_model_files(where)
    arguments = {
        **(_make_cpu_arguments(card.config) if cpu else _ON_GPU),
        **_make_picture_arguments(card.config, options),
    }
    return Model(card.scribe, card.tokenizer, card.image_token_id is not None, card.never, arguments)


def _make_engine_arguments(options: PolicyOptions) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "seed": options.seed,
        "max_num_seqs": options.concurrency,
        "enable_prefix_caching": True,
        # logprobs of the distribution that a token was drawn from, which training needs
        "logprobs_mode": "processed_logprobs",
        "disable_log_stats": True,
    }
    if options.adapter:
        arguments |= {"enable_lora": True, "max_lora_rank": choose_lora_room(read_rank(options.adapter))}
    return arguments


def _make_cpu_arguments(config: Any) -> dict[str, Any]:
    tokens = min(_CPU_TOKENS, config.get_text_config().max_position_embeddings)
    return {
        "dtype": str(choose_dtype(torch.device("cpu"), config.dtype)).removeprefix("torch."),
        "enforce_eager": True,  # compiling takes minutes there, and a C++ compiler
        "kv_cache_memory_bytes": _CPU_CACHE_BYTES,
        "max_model_len": tokens,
        "max_num_batched_tokens": tokens,
        "enable_chunked_prefill": False,
    }


def _make_picture_arguments(config: Any, options: PolicyOptions) -> dict[str, Any]:
    """Engine arguments that keep pictures at the size that their text says, up to rounding; none for text-only models.

    Qwen's models take any size, within limits that we widen. Other families have sizes of their own, which stay.
    """
    if getattr(config, "image_token_id", None) is None:
        return {}
    limited: dict[str, Any] = {"limit_mm_per_prompt": {"image": options.max_pictures or _MAX_PICTURES, "video": 0}}
    seen = config.vision_config
    if (merged := getattr(seen, "spatial_merge_size", None)) is None:
        return limited
    least = 4 * (seen.patch_size * merged) ** 2
    size = {"shortest_edge": least, "longest_edge": max(2 * options.max_frame_pixels, least)}
    return limited | {"mm_processor_kwargs": {"size": size}}


def choose_lora_room(rank: int) -> int:
    """The smallest `max_lora_rank` of vLLM that an adapter's rank fits in; the largest where none does."""
    return next((room for room in _ADAPTER_RANKS if room >= rank), _ADAPTER_RANKS[-1])
