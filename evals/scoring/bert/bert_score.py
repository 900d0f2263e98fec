"""BERTScore (Zhang et al. 2020, arXiv 1904.09675) of open answers, by a model that lies in a folder of the user's.

Words are compared by what a language model makes of them in their sentence, so other words for the same thing count.
Without the weights by rarity and the rescaling of its authors' package: figures compare with those of one model and
layer alone, and both are printed. What the package does was read from the paper; its last release is of 2023.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any


class BertScore:
    """A model that compares sentences, loaded from its folder; nothing is fetched."""

    def __init__(self, folder: Path, layer: int = -1) -> None:
        """Loads the model.

        Args:
            folder: what `save_pretrained` wrote: model and tokenizer.
            layer: whose output is compared: 0 is the embedding, -1 the last layer.

        Raises:
            ValueError: there is no such model, or it has no such layer.
        """
        from transformers import AutoModel, AutoTokenizer

        if not (folder / "config.json").is_file():
            raise ValueError(f"{folder} holds no model: it needs what `save_pretrained` writes, with a config.json")
        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        self._model: Any = AutoModel.from_pretrained(folder, local_files_only=True, trust_remote_code=False).eval()
        count = self._model.config.num_hidden_layers
        if not -count - 1 <= layer <= count:
            raise ValueError(f"the model in {folder} has layers 0 to {count}, got {layer}")
        self._layer = layer

    def score(self, said: str, references: Sequence[str]) -> float:
        """F1 of an answer against the nearest of its references, 0..1 but for noise; 0 where one of both is empty."""
        return max(self._score_pair(said, reference) for reference in references)

    def _score_pair(self, said: str, reference: str) -> float:
        if not said.strip() or not reference.strip():
            return 0.0
        likeness = self._embed(said) @ self._embed(reference).T  # (words of the answer, words of the reference)
        precision, recall = float(likeness.max(dim=1).values.mean()), float(likeness.max(dim=0).values.mean())
        return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0

    def _embed(self, text: str) -> Any:
        """Unit vectors (N, D) of the pieces of a text, without the marks at its ends."""
        import torch

        given = self._tokenizer(text, return_tensors="pt", truncation=True, return_special_tokens_mask=True)
        is_word = given.pop("special_tokens_mask")[0] == 0
        with torch.inference_mode():
            states = self._model(**given, output_hidden_states=True).hidden_states[self._layer][0]
        return torch.nn.functional.normalize(states[is_word].float(), dim=1)
