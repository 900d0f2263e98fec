"""Files of strangers are data: no code that lies beside a model, and none that a pickle holds, is ever run."""

import ast
import io
import json
import os
import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.test_layout import ORDER, ROOT
from tests.tiny_llama import tiny_llama

_READERS = ("AsyncEngineArgs", "EngineArgs", "LLM", "pipeline", "get_class_from_dynamic_module")
"""Beside every `from_pretrained`: what also loads a model by its name."""
_RUNS_CODE = ("eval", "exec", "input", "compile")


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    """Place, dotted name and node of every call in the four packages."""
    for package in ORDER:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", ast.unparse(node.func), node


def says(node: ast.Call, name: str, value: bool) -> bool:
    """Whether the keyword stands in the call with just this value."""
    found = [keyword.value for keyword in node.keywords if keyword.arg == name]
    return any(isinstance(item, ast.Constant) and item.value is value for item in found)


def test_every_reader_of_models_is_told_to_run_no_code() -> None:
    readers = [
        (place, name, node)
        for place, name, node in calls()
        if (name.endswith(".from_pretrained") and not name.endswith("PeftModel.from_pretrained"))  # which knows no code
        or name.split(".")[-1] in _READERS
    ]
    assert len(readers) >= 8
    assert [place for place, _, node in readers if not says(node, "trust_remote_code", False)] == []


def test_torch_reads_weights_and_nothing_else() -> None:
    loads = [(place, node) for place, name, node in calls() if name.split(".")[-1] == "load" and "torch" in name]
    assert loads
    assert [place for place, node in loads if not says(node, "weights_only", True)] == []
    assert [place for place, name, node in calls() if says(node, "weights_only", False)] == []
    assert [place for place, name, node in calls() if says(node, "allow_pickle", True)] == []


def test_nothing_evaluates_text_and_nothing_but_a_chat_asks_on_stdin() -> None:
    found = [(place.partition(":")[0], name) for place, name, _ in calls() if name in _RUNS_CODE]
    assert found == [("agent/cli/chat.py", "input")]


class Payload:
    """Runs a command where a pickle of it is read by a reader that runs what it finds."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self._mark),)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("llama"))


@pytest.fixture
def copy(llama: Path, tmp_path: Path) -> Path:
    """The model's folder, to be damaged."""
    return Path(shutil.copytree(llama, tmp_path / "model"))


def told(path: Path, **values: Any) -> None:
    """Puts values into a JSON file."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps(known | values), encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "values"),
    [
        ("config.json", {"model_type": "evil", "auto_map": {"AutoConfig": "evil.C", "AutoModelForCausalLM": "evil.M"}}),
        ("config.json", {"auto_map": {"AutoConfig": "evil.C", "AutoModelForCausalLM": "evil.M"}}),
        ("config.json", {"auto_map": {"AutoModelForCausalLM": "evil.M", "AutoTokenizer": ["evil.T", "evil.T"]}}),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["evil.T", None]}, "tokenizer_class": "T"}),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": [None, "evil.T"]}}),
    ],
)
def test_code_beside_a_model_is_not_run_though_stdin_says_yes(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, values: dict[str, Any]
) -> None:
    from agent.policies.local.loading import load_model
    from agent.policy import PolicyError

    mark = tmp_path / "it was run"
    (copy / "evil.py").write_text(f"import os\nos.mkdir({str(mark)!r})\nC = M = T = object\n", encoding="utf-8")
    told(copy / file, **values)
    answers = io.StringIO("y\n" * 100)
    monkeypatch.setattr("sys.stdin", answers)
    try:
        load_model(str(copy), 10_000)  # where the files also name a class of transformers, that is taken
    except PolicyError as error:
        assert "needs Python code of its own, which is not run here" in str(error)  # noqa: PT017
    assert answers.tell() == 0, "somebody asked on stdin"
    assert not mark.exists()


def test_a_model_that_needs_its_own_code_is_refused_in_one_sentence(copy: Path) -> None:
    from agent.policies.local.model_files import read_model_files
    from agent.policy import PolicyError

    told(copy / "config.json", model_type="evil", auto_map={"AutoConfig": "evil.C"})
    with pytest.raises(PolicyError, match=r"needs Python code of its own, which is not run here: take a model that"):
        read_model_files(str(copy))


def test_a_pickle_for_weights_is_refused_and_not_run(copy: Path, tmp_path: Path) -> None:
    from agent.policies.local.loading import load_model
    from agent.policy import PolicyError

    (copy / "model.safetensors").unlink()
    (copy / "pytorch_model.bin").write_bytes(pickle.dumps({"model.norm.weight": Payload(tmp_path / "it was run")}))
    with pytest.raises(PolicyError, match="can't be loaded") as caught:
        load_model(str(copy), 10_000)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "it was run").exists()


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"not weights", b"\xff" * 8 + b"{" * 1000])
def test_weights_that_are_none_are_one_sentence(copy: Path, content: bytes) -> None:
    from agent.policies.local.loading import load_model
    from agent.policy import PolicyError

    (copy / "model.safetensors").write_bytes(content)
    with pytest.raises(PolicyError, match="can't be loaded"):
        load_model(str(copy), 10_000)


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"])
@pytest.mark.parametrize("content", ["[" * 100_000, "[]", "{", '{"a": ' * 90_000, "null", "7", '"text"', ""])
def test_small_files_that_are_damaged_are_one_sentence_or_not_needed(copy: Path, file: str, content: str) -> None:
    from agent.policies.local.loading import load_model
    from agent.policy import PolicyError

    (copy / file).write_text(content, encoding="utf-8")
    try:
        load_model(str(copy), 10_000)
    except PolicyError as error:
        assert "\n" not in str(error)  # noqa: PT017


def adapter(folder: Path, weights: dict[str, bytes], **config: Any) -> str:
    """A folder that says it holds a LoRA adapter."""
    folder.mkdir()
    kind = {"peft_type": "LORA", "r": 8, "target_modules": ["q_proj"], "task_type": "CAUSAL_LM"}
    (folder / "adapter_config.json").write_text(json.dumps(kind | config), encoding="utf-8")
    for name, content in weights.items():
        (folder / name).write_bytes(content)
    return str(folder)


def test_an_adapter_that_is_no_weights_file_is_one_sentence_and_not_run(llama: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    from agent.adapters import add_adapter
    from agent.policies.local.loading import load_model

    model, mark = load_model(str(llama), 10_000).model, tmp_path / "it was run"
    bad = {
        "pickle": {"adapter_model.bin": pickle.dumps({"a": Payload(mark)})},
        "words": {"adapter_model.bin": b"not weights"},
        "no safetensors": {"adapter_model.safetensors": b"not weights"},
        "nothing": dict[str, bytes](),
    }
    for name, weights in bad.items():
        where = adapter(tmp_path / name, weights, auto_mapping={"parent_library": "os", "base_model_class": "system"})
        with pytest.raises(ValueError, match="is damaged or does not fit this model") as caught:
            add_adapter(model, where)
        assert "\n" not in str(caught.value)
    assert not mark.exists()


@pytest.mark.parametrize("content", ["[" * 100_000, "[]", "{}", '{"peft_type": "PROMPT_TUNING"}', "{", "\0"])
def test_an_adapters_description_that_is_of_no_lora_is_one_sentence(tmp_path: Path, content: str) -> None:
    from agent.adapters import read_rank

    (tmp_path / "adapter_config.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"adapter_config.json (can't be read|is not of a LoRA adapter)"):
        read_rank(str(tmp_path))


@pytest.mark.parametrize("rank", [0, -1, "8", None, True, 1.5])
def test_a_rank_that_is_none_is_one_sentence(tmp_path: Path, rank: object) -> None:
    from agent.adapters import read_rank

    where = adapter(tmp_path / "adapter", {}, r=rank)
    with pytest.raises(ValueError, match="has no rank"):
        read_rank(where)
