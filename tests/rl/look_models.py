"""A model that sees by a connector, in tiny: a random Llama and random features in place of the packaged ones."""

from pathlib import Path

import torch
from PIL import Image

from agent.policies.local.connectors import FEATURES, GRID, OBJECTS, ConnectorShape
from rl.small_vlm.look_build import PLACEHOLDER, build_look
from tests.tiny_llama import tiny_llama

SMALL = ConnectorShape(width=16, layers=1)


class RandomFeatures:
    """Features that depend on the mean colour of a picture alone, and have three regions."""

    def __call__(self, picture: Image.Image) -> torch.Tensor:
        made = torch.Generator().manual_seed(sum(picture.resize((1, 1)).tobytes()))
        features = torch.randn(GRID**2 + OBJECTS, FEATURES, generator=made).half()
        features[GRID**2 + 3 :] = 0
        return features


def tiny_look(folder: Path, shape: ConnectorShape = SMALL) -> Path:
    """The folder of such a model, which has learned nothing."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    llama = tiny_llama(folder / "llama")
    tokenizer = AutoTokenizer.from_pretrained(llama)
    tokenizer.add_special_tokens({"additional_special_tokens": [PLACEHOLDER]})
    tokenizer.save_pretrained(llama)
    model = AutoModelForCausalLM.from_pretrained(llama)
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    model.save_pretrained(llama)
    return build_look(folder / "look", shape, str(llama))
