"""BERTScore by a tiny random model in a folder, against the formula written out word by word."""

from pathlib import Path

import numpy as np
import pytest
import torch

from evals.scoring.bert.bert_score import BertScore

WORDS = "[PAD] [UNK] [CLS] [SEP] a red blue cup dog runs".split()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import BertConfig, BertModel, BertTokenizerFast

    where = tmp_path_factory.mktemp("bert")
    (where / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    BertTokenizerFast(str(where / "vocab.txt")).save_pretrained(where)
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    BertModel(BertConfig(vocab_size=len(WORDS), initializer_range=0.5, **sizes)).save_pretrained(where)  # type: ignore[no-untyped-call]
    return where


def test_equal_answers_have_all_and_empty_ones_nothing(folder: Path) -> None:
    bert = BertScore(folder)
    assert bert.score("a red cup", ["dog runs", "a red cup"]) == pytest.approx(1.0)
    assert bert.score("", ["a red cup"]) == 0.0
    assert bert.score("a red cup", ["a dog runs"]) < 0.99


def test_each_word_is_held_against_the_likest_of_the_other_text(folder: Path) -> None:
    from transformers import BertModel

    model = BertModel.from_pretrained(folder).eval()

    def embed(text: str) -> np.ndarray:
        ids = [WORDS.index(word) for word in ("[CLS]", *text.split(), "[SEP]")]
        with torch.inference_mode():
            rows = model(torch.tensor([ids]), output_hidden_states=True).hidden_states[1][0, 1:-1].numpy()
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))

    likeness = embed("a red cup") @ embed("blue cup").T
    precision = np.mean([max(row) for row in likeness])
    recall = np.mean([max(column) for column in likeness.T])
    expected = 2 * precision * recall / (precision + recall)
    assert BertScore(folder, 1).score("a red cup", ["blue cup"]) == pytest.approx(expected, abs=1e-5)


def test_a_folder_without_a_model_and_a_layer_that_is_not_there_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no model"):
        BertScore(tmp_path)
    with pytest.raises(ValueError, match="has layers 0 to 2, got 3"):
        BertScore(folder, 3)
