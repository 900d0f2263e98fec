"""`transformers:MODEL`: a transformers model in this process, token ids in and token ids out.

Requests of several threads become one batch, and each gets what it would have got alone. The prompt of a turn is that
of the turn before, then the ids that were sampled, then the observations: never a reply tokenised a second time.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional
from transformers import DynamicCache, GenerationConfig, LogitsProcessor, LogitsProcessorList, StoppingCriteriaList

from agent.policies.local.batching import Batcher
from agent.policies.local.image_processing import (
    JpegImage,
    ProcessedImageCache,
    cast_floats,
    measure_jpeg,
)
from agent.policies.local.loading import Loaded, load_model
from agent.policies.local.shared_prefix import count_shared_tokens, has_full_attention, prefill_unique
from agent.policies.local.token_sampling import RowSampler, SamplingParams, StopAt, cut_at_stop
from agent.policy import ContextFullError, PolicyError, PolicyOptions, ToolAccess
from agent.rendering.messages import STOP_STRINGS, Conversation, render
from agent.rendering.reply_parser import parse_reply
from agent.rendering.tokens import Tokens, fetch_pictures
from agent.trajectory import Reply, Setup, Trajectory, Turn, Usage
from tools.runtime.openmp import release_openmp_threads


@dataclass(frozen=True)
class Prompt:
    """A request, ready for the model."""

    tokens: Tokens
    """Ids of the prompt, with a placeholder's ids for each picture."""
    seen: tuple[JpegImage, ...]
    """Pictures in the order of their placeholders."""
    draw: SamplingParams


class TransformersPolicy:
    """A policy whose turns come from a transformers model, loaded once. Threads may share it."""

    def __init__(self, where: str, options: PolicyOptions | None = None) -> None:
        """Loads the model.

        Args:
            where: a folder, a hub id, or `smollm2` for the small one that a package carries.
            options: sampling settings.

        Raises:
            ValueError: no model is named.
            PolicyError: the model can't be had.
            MissingPartError: a package that the model needs is not installed.
        """
        if not where:
            raise ValueError("transformers needs a model: --policy transformers:FOLDER or transformers:ORG/MODEL")
        self.spec = f"transformers:{where}"
        self.options = options or PolicyOptions()
        self.loaded = self._load(find_model(where))
        eyes, model = self.loaded.eyes, self.loaded.model
        self._memory = None if eyes is None or model is None else ProcessedImageCache(eyes, model.dtype)
        self._ask = Batcher(self.generate, self.options.concurrency)

    def _load(self, place: str) -> Loaded:
        """Loads the model of a folder or hub id."""
        return load_model(place, self.options.max_frame_pixels, self.options.adapter)

    @property
    def setup(self) -> Setup:
        """The settings that the model is asked with."""
        return self.options.setup("text", sees_pictures=self.loaded.eyes is not None)

    @property
    def model(self) -> Any:
        """The loaded transformers model."""
        return self.loaded.model

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        """The model's next turn.

        Raises:
            PolicyError: the conversation is longer than the model can take, or the batch does not fit in memory.
        """
        sees = self.loaded.eyes is not None
        conversation = render(trajectory, sight.specs, "text", self.options, sees_pictures=sees)
        prompt = self.prompt(conversation, sight, self.options.seed_of(trajectory))
        reply = self._ask(prompt)
        usage = Usage(prompt_tokens=len(prompt.tokens.ids), completion_tokens=len(reply.token_ids or ()), cost_usd=0.0)
        return parse_reply(reply, usage, trajectory, conversation.dropped)

    def prompt(self, conversation: Conversation, sight: ToolAccess, seed: int) -> Prompt:
        """A conversation as token ids and pictures.

        Args:
            conversation: the rendered trajectory.
            sight: gives the pictures.
            seed: seed of the run, from which the prompt's own is made.

        Raises:
            ContextFullError: the conversation is longer than the model can take.
        """
        shown, eyes = fetch_pictures(conversation, sight.picture), self.loaded.eyes
        seen = () if eyes is None else tuple(measure_jpeg(eyes, jpeg) for jpeg in shown.jpegs)
        tokens = self.loaded.scribe.write(shown.conversation).expanded([one.span for one in seen])
        needed, room = len(tokens.ids) + self.options.max_reply_tokens, self.loaded.context_tokens
        if needed > room:
            raise ContextFullError(
                f"the conversation has {len(tokens.ids)} tokens, {sum(len(one.span) for one in seen)} of them in "
                f"{len(seen)} pictures, and the reply may have {self.options.max_reply_tokens}, but {self.spec} takes "
                f"{room} in all: lower --max-frames, --max-pictures or --max-frame-pixels"
            )
        own_seed = _derive_seed(seed, tokens.ids)
        seen = () if self.loaded.reads_ids_alone else seen
        self._process(seen)
        return Prompt(tokens, seen, SamplingParams(self.options.temperature, self.options.top_p, own_seed))

    def _process(self, seen: Sequence[JpegImage]) -> None:
        """Makes the pixels of a prompt's pictures in the thread of its run, while the model works for others."""
        if self._memory is not None:
            self._memory.make_room(len(seen) * self.options.concurrency)
            for one in seen:
                self._memory.look(one.jpeg)

    def processors(self, prompts: Sequence[Prompt], width: int) -> list[LogitsProcessor]:
        """Processors of the logits of a batch, whose prompts are `width` ids wide, before a token is chosen; none here.

        Subclasses that steer a model override this.
        """
        return []

    def generate(self, prompts: Sequence[Prompt]) -> list[Reply]:
        """A reply to each prompt, all in one batch; on a CPU the rows that are done leave it.

        Raises:
            PolicyError: the batch does not fit in memory.
        """
        inputs, shared = self.inputs(prompts), self._shared(prompts)
        width = inputs["input_ids"].shape[1]
        try:
            with torch.inference_mode():
                read = (
                    prefill_unique(self.model, inputs["input_ids"], inputs["attention_mask"], shared)
                    if shared
                    else None
                )
                return self._written(prompts, inputs, read)
        except torch.OutOfMemoryError as error:
            raise PolicyError(
                f"no memory for {len(prompts)} prompts of up to {width} tokens at once: lower --concurrency or "
                "--max-frames"
            ) from error
        finally:  # the next batch may come from another thread
            release_openmp_threads()

    def _written(
        self, prompts: Sequence[Prompt], inputs: dict[str, torch.Tensor], read: DynamicCache | None
    ) -> list[Reply]:
        """Generates the replies; `read` has the keys and values of the inputs but their last token, None for none."""
        width, most = inputs["input_ids"].shape[1], self.options.max_reply_tokens
        sampler = RowSampler([prompt.draw for prompt in prompts], self.loaded.never, self.model.device)
        # a row costs a GPU little, and without a cache of its own the batch can't lose rows
        may_leave = read is not None and self.model.device.type == "cpu"
        words = self.loaded.scribe.words
        stop = StopAt(STOP_STRINGS, self.loaded.ends, words, width, len(prompts), may_leave=may_leave)
        replies: dict[int, Reply] = {}
        here = list(range(len(prompts)))
        while here:
            before = inputs["input_ids"].shape[1]
            settings = GenerationConfig(  # type: ignore[no-untyped-call]
                max_new_tokens=width + most - before,
                do_sample=False,  # the sampler has drawn already
                eos_token_id=list(self.loaded.ends),
                pad_token_id=self.loaded.ends[0],
            )
            steering = self.processors([prompts[place] for place in here], width)
            ids: torch.Tensor = self.model.generate(
                **inputs,
                past_key_values=read,
                generation_config=settings,
                logits_processor=LogitsProcessorList([*steering, sampler]),
                stopping_criteria=StoppingCriteriaList([stop]),
            )
            is_full = ids.shape[1] == width + most
            going = [row for row, length in enumerate(stop.lengths) if length is None and not is_full]
            rows = zip(here, ids[:, width:].tolist(), stop.lengths, sampler.logprobs, strict=True)
            replies |= {place: self._reply(*reply) for row, (place, *reply) in enumerate(rows) if row not in going}
            if going:
                assert read is not None, "rows left"
                read.batch_select_indices(torch.tensor(going))
                sampler.keep(going)
                stop.keep(going)
                mask = functional.pad(inputs["attention_mask"], (0, ids.shape[1] - before), value=1)
                inputs = {"input_ids": ids[going], "attention_mask": mask[going]}
            here = [here[row] for row in going]
        return [replies[place] for place in range(len(prompts))]

    def inputs(self, prompts: Sequence[Prompt]) -> dict[str, torch.Tensor]:
        """The model's inputs: ids and mask (rows, longest) int64, padded behind the shared prefix, and the pictures."""
        width, shared = max(len(prompt.tokens.ids) for prompt in prompts), self._shared(prompts)
        rows, masks = [], []
        for ids in (list(prompt.tokens.ids) for prompt in prompts):
            padding = width - len(ids)
            rows.append(ids[:shared] + [self.loaded.ends[0]] * padding + ids[shared:])
            masks.append([1] * shared + [0] * padding + [1] * (len(ids) - shared))
        inputs = {"input_ids": torch.tensor(rows), "attention_mask": torch.tensor(masks)}
        if self.loaded.eyes is not None:
            inputs |= cast_floats(self.gather_pictures([prompt.seen for prompt in prompts]), self.model.dtype)
            if "image_grid_thw" in inputs:  # Qwen finds by it which ids have places in two dimensions
                inputs["mm_token_type_ids"] = inputs["input_ids"].eq(self.loaded.image_token_id or 0).int()
        return {name: value.to(self.model.device) for name, value in inputs.items()}

    def gather_pictures(self, rows: Sequence[Sequence[JpegImage]]) -> dict[str, torch.Tensor]:
        """The picture inputs of a batch of rows; empty where no row has any."""
        memory = self._memory
        assert memory is not None, "a model with pictures has an image processor"
        return memory.eyes.gather([[memory.look(one.jpeg) for one in row] for row in rows])

    def _shared(self, prompts: Sequence[Prompt]) -> int:
        """The number of tokens that all prompts begin with and that are computed once."""
        if not self.loaded.reads_ids_alone or not has_full_attention(self.model):
            return 0
        return count_shared_tokens([prompt.tokens.ids for prompt in prompts])

    def _reply(self, ids: Sequence[int], length: int | None, logprobs: Sequence[float]) -> Reply:
        """The reply of a row: its first `length` ids, since those behind mean nothing; None where it was cut."""
        ids = ids[:length]
        words = ids[:-1] if ids[-1] in self.loaded.ends else ids
        text = cut_at_stop(self.loaded.scribe.words(words), STOP_STRINGS)
        return Reply(text, token_ids=tuple(ids), logprobs=tuple(logprobs[:length]), is_cut=length is None)


def _derive_seed(seed: int, ids: Sequence[int]) -> int:
    """A seed for one prompt, 0..2**63 - 1: with the run's own, each turn would draw from the same noise."""
    digest = hashlib.blake2b(f"{seed} {ids}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 1


def find_model(where: str) -> str:
    """The folder of the model that `transformers:MODEL` names, unpacked if need be, or its hub id."""
    if where == "smollm2":
        from agent.policies.local.smollm2 import unpack

        return str(unpack())
    return where
