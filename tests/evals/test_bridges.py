"""The agent inside other harnesses: what it makes of their prompts, and what it says back in their form."""

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from agent.trajectory import Answer, Evidence
from evals.bridges.harness import HarnessAgent, split_prompt
from tests.drawn import write_drawn
from tests.evals.sets_drawn import write_script

CHOICE = "Which colour is second?\nA. red\nB. green\n(C) blue\nAnswer with the option's letter."


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_drawn(tmp_path_factory.mktemp("video") / "drawn.mp4")


@pytest.mark.parametrize(
    ("prompt", "question", "options"),
    [
        (CHOICE, "Which colour is second?", ("red", "green", "blue")),
        ("Choose.\nWhat?\nA) one\nB) two\nThe best answer is:", "Choose.\nWhat?", ("one", "two")),
        ("A. man enters. What does he do?", "A. man enters. What does he do?", ()),
        ("What?\nA. only this", "What?\nA. only this", ()),
        ("What?\nA. same\nB. same", "What?\nA. same\nB. same", ()),
        ("What?\nA. a\nC. c", "What?\nA. a\nC. c", ()),
    ],
)
def test_options_are_read_out_of_a_prompt(prompt: str, question: str, options: tuple[str, ...]) -> None:
    assert split_prompt(prompt) == (question, options)


@pytest.mark.parametrize(
    ("prompt", "answer", "said"),
    [
        (CHOICE, Answer("green", 1, 0.9, (Evidence(2.0, 4.0),)), "B"),
        (CHOICE, Answer("not shown", not_shown=True), ""),
        ("Which colour is second?", Answer("green"), "green"),
        ("Which colour is second?", Answer("", cannot_tell=True), ""),
    ],
)
def test_a_choice_is_answered_by_its_letter_and_an_abstention_by_nothing(
    tmp_path: Path, video: Path, prompt: str, answer: Answer, said: str
) -> None:
    agent = HarnessAgent(write_script(tmp_path / "script.json", answer), "hashing")
    assert agent.answer(prompt, video) == said


class LmmsBase:
    """What `lmms_eval.api.model.lmms` gives its subclasses."""

    def __init__(self) -> None:
        self.task_dict: dict[str, Any] = {}


class VlmBase:
    """What `vlmeval.vlm.base.BaseModel` does before it asks."""

    allowed_types: tuple[str, ...] = ()
    generate_inner: Callable[..., str]

    def generate(self, message: list[dict[str, str]], dataset: str | None = None) -> str:
        assert all(part["type"] in self.allowed_types for part in message)
        return self.generate_inner(message, dataset)


@pytest.fixture
def harnesses(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stands for both harnesses where they are not installed: names and signatures are those published."""
    made = {
        "lmms_eval.api.model": {"lmms": LmmsBase},
        "lmms_eval.models.registry_v2": {"ModelManifest": SimpleNamespace},
        "vlmeval.vlm.base": {"BaseModel": VlmBase},
    }
    for name, contents in made.items():
        parts = name.split(".")
        for count in range(1, len(parts)):
            monkeypatch.setitem(sys.modules, ".".join(parts[:count]), ModuleType(".".join(parts[:count])))
        module = ModuleType(name)
        vars(module).update(contents)
        monkeypatch.setitem(sys.modules, name, module)
    for name in ("evals.bridges.lmms_eval_model", "evals.bridges.vlmevalkit_model"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield
    for name in ("evals.bridges.lmms_eval_model", "evals.bridges.vlmevalkit_model"):
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("harnesses")
def test_requests_of_lmms_eval_are_answered(tmp_path: Path, video: Path) -> None:
    model_class = import_module("evals.bridges.lmms_eval_model").LmmsEvalModel
    script = write_script(tmp_path / "script.json", Answer("green", 1))
    model = model_class(policy=script, encoder="hashing", max_turns="4", batch_size=1, device="cpu")
    model.task_dict = {"videomme": {"test": [{"path": str(video)}, {"path": 7}]}}

    def request(number: int) -> Any:
        return SimpleNamespace(args=(CHOICE, {"until": ["\n"]}, lambda doc: [doc["path"]], number, "videomme", "test"))

    assert model.generate_until([request(0), request(0)]) == ["B", "B"]
    with pytest.raises(ValueError, match="videomme, 1: need the path of one video, got int"):
        model.generate_until([request(1)])
    for ask in (model.loglikelihood, model.generate_until_multi_round):
        with pytest.raises(NotImplementedError, match="generate_until task"):
            ask([])


@pytest.mark.usefixtures("harnesses")
def test_messages_of_vlmevalkit_are_answered(tmp_path: Path, video: Path) -> None:
    model_class = import_module("evals.bridges.vlmevalkit_model").VlmEvalKitModel
    model = model_class(policy=write_script(tmp_path / "script.json", Answer("green", 1)), encoder="hashing")
    parts = [{"type": "video", "value": str(video)}, *({"type": "text", "value": line} for line in CHOICE.split("\n"))]
    assert model.generate(parts, dataset="Video-MME") == "B"
    with pytest.raises(ValueError, match="need a message with one video, got 0"):
        model.generate(parts[1:], dataset="Video-MME")
