"""Imitation learns from the policy's own tokens and from no others, and it learns."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from agent.policies.local.loading import load_model
from rl.collect import CollectConfig
from rl.collect import main as collect
from rl.data.text_tools import describe_tools
from rl.finetune.rows import TrainingConversation, read_rows
from rl.finetune.sft_config import SftConfig
from rl.objective.logprobs import policy_loss
from rl.options.toml_config import read_toml
from rl.sft import SftStep, main
from tests.tiny_llama import tiny_llama
from tools import packaged_weights

needs_peft = pytest.mark.skipif(not packaged_weights.is_installed("peft"), reason="needs videosleuth[rl]")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("tiny-llama"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("expert")
    collect(CollectConfig(folder, questions=4, seed=9))
    return folder


def chat(path: Path, *replies: str) -> Path:
    lines = [[{"role": "user", "content": "What is it?"}, {"role": "assistant", "content": reply}] for reply in replies]
    path.write_text("".join(json.dumps({"messages": messages}) + "\n" for messages in lines), encoding="utf-8")
    return path


def config(tiny: Path, out: Path, *data: Path, **other: Any) -> SftConfig:
    settings: dict[str, Any] = {"max_tokens": 8000, "lora_rank": 0, "precision": "float32", "rows_a_step": 2}
    return SftConfig(model=str(tiny), out=out, data=list(data), **(settings | other))


def by_hand(model: Any, rows: list[TrainingConversation]) -> torch.Tensor:
    """The same loss the plain way: every row alone and whole, every logit computed."""
    total = torch.zeros(())
    for row in rows:
        ids = torch.tensor([row.ids])
        logits = model(input_ids=ids).logits[0, :-1]
        wanted = torch.tensor(row.is_policy[1:])
        total = total + functional.cross_entropy(logits[wanted], ids[0, 1:][wanted], reduction="sum")
    return total


def test_the_loss_and_every_gradient_are_those_of_each_row_alone_and_whole(tiny: Path, run: Path) -> None:
    loaded = load_model(str(tiny), 10_000)
    rows = list(read_rows([run], loaded.scribe, describe_tools(["caption", "read_text"]), 8000).rows)
    assert len({len(row.ids) for row in rows}) > 1, "otherwise nothing is padded"
    model = loaded.model
    found = policy_loss(model, rows)
    found.total.backward()  # type: ignore[no-untyped-call]
    ours = {name: weight.grad.clone() for name, weight in model.named_parameters()}
    model.zero_grad()
    plain = by_hand(model, rows)
    plain.backward()  # type: ignore[no-untyped-call]
    assert found.tokens == sum(sum(row.is_policy) for row in rows)
    torch.testing.assert_close(found.total, plain)
    for name, weight in model.named_parameters():
        torch.testing.assert_close(ours[name], weight.grad, rtol=1e-4, atol=1e-4, msg=name)


def test_what_a_tool_said_is_not_learned(tiny: Path, run: Path) -> None:
    """The gradient on the logits that tell a tool's next token is 0 to the bit."""
    loaded = load_model(str(tiny), 10_000)
    row = read_rows([run], loaded.scribe, describe_tools([]), 8000).rows[0]
    logits = loaded.model(input_ids=torch.tensor([row.ids])).logits[0].detach().requires_grad_()
    wanted = torch.tensor(row.is_policy[1:])
    functional.cross_entropy(logits[:-1][wanted], torch.tensor(row.ids[1:])[wanted]).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    learned = logits.grad.abs().sum(1)[:-1] > 0
    assert learned.tolist() == wanted.tolist()
    text = loaded.scribe.words([i for i, own in zip(row.ids, row.is_policy, strict=True) if own])
    assert "<tool_call>" in text
    assert "recognises nothing" not in text
    assert "<tool_response>" not in text


@pytest.mark.heavy
def test_the_loss_falls(tiny: Path, run: Path, tmp_path: Path) -> None:
    steps = main(config(tiny, tmp_path, run, epochs=20, learning_rate=0.02, rows_a_step=4))
    assert steps[-1].loss < 0.6 * steps[0].loss
    logged = [SftStep(**json.loads(line)) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert logged == steps


def test_a_step_is_the_same_however_many_rows_are_done_at_once(tiny: Path, run: Path, tmp_path: Path) -> None:
    one, all_at_once = (
        main(config(tiny, tmp_path, run, rows_a_step=4, max_steps=1, rows_at_once=count))[0] for count in (1, 4)
    )
    assert one.loss == pytest.approx(all_at_once.loss, rel=1e-5)
    assert one.norm == pytest.approx(all_at_once.norm, rel=1e-4)


def test_a_whole_model_is_saved_so_that_it_can_play(tiny: Path, run: Path, tmp_path: Path) -> None:
    main(config(tiny, tmp_path, run, max_steps=1))
    assert load_model(str(tmp_path), 10_000).scribe.ids("x")


@needs_peft
def test_an_adapter_is_saved_so_that_it_can_play(tiny: Path, run: Path, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft's own
        main(config(tiny, tmp_path, run, max_steps=1, lora_rank=4))
        assert load_model(str(tiny), 10_000, str(tmp_path)).scribe.ids("x")


def test_lines_of_ones_own_are_learned_from(tiny: Path, tmp_path: Path) -> None:
    scribe = load_model(str(tiny), 10_000).scribe
    (row,) = read_rows([chat(tmp_path / "own.jsonl", "A kettle.")], scribe, (), 1000).rows
    assert scribe.words([i for i, own in zip(row.ids, row.is_policy, strict=True) if own]) == "A kettle.<|im_end|>"


def test_what_is_too_long_is_left_out_whole_and_counted(tiny: Path, tmp_path: Path) -> None:
    scribe = load_model(str(tiny), 10_000).scribe
    found = read_rows([chat(tmp_path / "own.jsonl", "A kettle.", "word " * 500)], scribe, (), 200)
    assert (len(found.rows), found.too_long) == (1, 1)


def test_a_line_that_is_no_conversation_is_named(tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text('{"messages": [{"role": "user", "content": "x"}, {"role": "user", "content": "y"}]}\n')
    with pytest.raises(ValueError, match=r"own\.jsonl, line 1: need a user's message and then an assistant's"):
        read_rows([path], load_model(str(tiny), 10_000).scribe, (), 200)


def test_a_key_that_is_not_known_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sft.toml"
    path.write_text('model = "x"\nout = "y"\ndata = ["z"]\nlearning_rat = 1\n')
    with pytest.raises(ValueError, match="learning_rat: no such key; did you mean learning_rate"):
        read_toml(path, SftConfig)


@pytest.mark.parametrize(("out", "data"), [("", "z"), ("y", "")])
def test_an_empty_path_is_not_the_working_folder(out: str, data: str, tmp_path: Path) -> None:
    path = tmp_path / "sft.toml"
    path.write_text(f'model = "x"\nout = "{out}"\ndata = ["{data}"]\n')
    with pytest.raises(ValueError, match=f"{'data' if out else 'out'}: .*need a path, got an empty text"):
        read_toml(path, SftConfig)


def test_the_packaged_config_can_be_read() -> None:
    path = Path(__file__).parents[2] / "rl/configs/run1/sft.toml"
    assert read_toml(path, SftConfig).model == "smollm2"
