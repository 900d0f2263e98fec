"""The imitation loss of models that see: each row whole, with its pictures in the forward pass.

No prefix is shared as in `rl.objective.logprobs`: with pictures a token's position has three numbers, and the model
counts them from the first token of a whole row.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from agent.policies.local.image_processing import ImageProcessor, decode_picture
from agent.policies.local.loading import Loaded
from rl.finetune.rows import TrainingConversation
from rl.objective.logprobs import Loss

OF_EYES = r".*\b(visual|vision_model|connector)\b.*"
"""Pattern of the vision modules' names in transformers, of Qwen-VL (visual) and SmolVLM."""


def is_of_eyes(name: str) -> bool:
    """Whether a weight of this name belongs to the vision modules."""
    return re.fullmatch(OF_EYES, name) is not None


@dataclass(frozen=True)
class ModelBatch:
    """Rows as inputs of a model's forward pass, with the mask of the loss."""

    inputs: dict[str, torch.Tensor]
    wanted: torch.Tensor
    """Mask of the tokens that the policy chose, (rows, longest) bool."""

    def to(self, device: torch.device) -> "ModelBatch":
        """This batch with its tensors on a device."""
        return ModelBatch({name: value.to(device) for name, value in self.inputs.items()}, self.wanted.to(device))


class PictureLoss:
    """The imitation loss for a model that sees, in place of `policy_loss`."""

    def __init__(self, eyes: ImageProcessor, image_token_id: int) -> None:
        """Takes the image processor and image token of the model in training."""
        self._eyes = eyes
        self._image_token_id = image_token_id

    def __call__(self, model: Any, rows: Sequence[TrainingConversation]) -> Loss:
        """The summed imitation loss of the rows, computed in one batch."""
        return batch_loss(model, self.batch(rows))

    def batch(self, rows: Sequence[TrainingConversation]) -> ModelBatch:
        """Ids (rows, longest) padded on the right, with the pictures, processed anew: kept, those of a run take
        megabytes."""
        longest = max(len(row.ids) for row in rows)
        ids, mask, wanted = (torch.zeros(len(rows), longest, dtype=torch.long) for _ in range(3))
        for number, row in enumerate(rows):
            length = len(row.ids)
            ids[number, :length], wanted[number, :length] = torch.tensor(row.ids), torch.tensor(row.is_policy)
            mask[number, :length] = 1
        pictures = self._eyes.gather([[self._eyes.look(decode_picture(jpeg)) for jpeg in row.jpegs] for row in rows])
        if "image_grid_thw" in pictures:  # Qwen finds by it which ids have places in two dimensions
            pictures["mm_token_type_ids"] = ids.eq(self._image_token_id).int()
        return ModelBatch({"input_ids": ids, "attention_mask": mask, **pictures}, wanted.bool())


def batch_loss(model: Any, batch: ModelBatch) -> Loss:
    """The summed imitation loss of a batch; `model` may have a peft adapter."""
    causal = model.get_base_model() if hasattr(model, "get_base_model") else model
    batch = batch.to(causal.get_input_embeddings().weight.device)
    ids, wanted = batch.inputs["input_ids"][:, 1:], batch.wanted[:, 1:]
    hidden = causal.base_model(**batch.inputs, use_cache=False).last_hidden_state  # (rows, longest, width)
    logits = causal.get_output_embeddings()(hidden[:, :-1][wanted])  # (tokens, vocabulary), of the policy's tokens
    total = functional.cross_entropy(logits.float(), ids[wanted], reduction="sum")
    return Loss(total, int(wanted.sum()))


def make_picture_loss(loaded: Loaded) -> PictureLoss | None:
    """The loss with pictures for a model that is given pixels; None for one that reads ids alone."""
    if loaded.eyes is None or loaded.reads_ids_alone or loaded.image_token_id is None:
        return None
    return PictureLoss(loaded.eyes, loaded.image_token_id)
