"""The loss of imitation where pictures stand between the words: each row whole, its pictures in the forward.

No beginning is shared as in `rl.objective.logprobs`: with pictures a token's place has three numbers, and the model
counts them from the first token of a whole row.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from agent.policies.local.image_processing import ImageProcessor, decoded
from agent.policies.local.loading import Loaded
from rl.finetune.rows import TrainingConversation
from rl.objective.logprobs import Loss

OF_EYES = r".*\b(visual|vision_model|connector)\b.*"
"""Modules of the vision side, as transformers names them in Qwen-VL (visual) and SmolVLM."""


def is_of_eyes(name: str) -> bool:
    """Whether a weight belongs to the vision side."""
    return re.fullmatch(OF_EYES, name) is not None


@dataclass(frozen=True)
class ModelBatch:
    """Rows as a model takes them."""

    inputs: dict[str, torch.Tensor]
    wanted: torch.Tensor
    """(rows, longest) bool: the tokens that the policy chose."""

    def to(self, device: torch.device) -> "ModelBatch":
        """The same on a device."""
        return ModelBatch({name: value.to(device) for name, value in self.inputs.items()}, self.wanted.to(device))


class PictureLoss:
    """`policy_loss` for a model that sees."""

    def __init__(self, eyes: ImageProcessor, image_token_id: int) -> None:
        """Of the model that is trained."""
        self._eyes = eyes
        self._image_token_id = image_token_id

    def __call__(self, model: Any, rows: Sequence[TrainingConversation]) -> Loss:
        """The summed loss of the rows, in one batch."""
        return batch_loss(model, self.batch(rows))

    def batch(self, rows: Sequence[TrainingConversation]) -> ModelBatch:
        """Ids (rows, longest) padded on the right, and the pictures, seen anew: kept, those of a run take megabytes."""
        longest = max(len(row.ids) for row in rows)
        ids, mask, wanted = (torch.zeros(len(rows), longest, dtype=torch.long) for _ in range(3))
        for number, row in enumerate(rows):
            length = len(row.ids)
            ids[number, :length], wanted[number, :length] = torch.tensor(row.ids), torch.tensor(row.is_policy)
            mask[number, :length] = 1
        pictures = self._eyes.gather([[self._eyes.look(decoded(jpeg)) for jpeg in row.jpegs] for row in rows])
        if "image_grid_thw" in pictures:  # Qwen finds by it which ids have places in two dimensions
            pictures["mm_token_type_ids"] = ids.eq(self._image_token_id).int()
        return ModelBatch({"input_ids": ids, "attention_mask": mask, **pictures}, wanted.bool())


def batch_loss(model: Any, batch: ModelBatch) -> Loss:
    """The summed loss of a batch; `model` may have a peft adapter."""
    causal = model.get_base_model() if hasattr(model, "get_base_model") else model
    batch = batch.to(causal.get_input_embeddings().weight.device)
    ids, wanted = batch.inputs["input_ids"][:, 1:], batch.wanted[:, 1:]
    hidden = causal.base_model(**batch.inputs, use_cache=False).last_hidden_state  # (rows, longest, width)
    logits = causal.get_output_embeddings()(hidden[:, :-1][wanted])  # (tokens, vocabulary), of these alone
    total = functional.cross_entropy(logits.float(), ids[wanted], reduction="sum")
    return Loss(total, int(wanted.sum()))


def loss_of(loaded: Loaded) -> PictureLoss | None:
    """The loss with pictures for a model that sees; None for one that only reads."""
    if loaded.eyes is None or loaded.image_token_id is None:
        return None
    return PictureLoss(loaded.eyes, loaded.image_token_id)
