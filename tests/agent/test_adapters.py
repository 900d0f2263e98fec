"""An adapter is named by its folder, or by its name if it comes with the package."""

from pathlib import Path

import pytest

from agent.adapters import ADAPTERS, WHAT_IT_IS, find_adapter_folder, read_rank


@pytest.mark.parametrize("name", ADAPTERS)
def test_one_that_comes_with_the_package_is_found_by_its_name(name: str) -> None:
    folder = find_adapter_folder(name)
    assert (folder / "adapter_model.safetensors").is_file()
    assert (folder / "README.md").is_file()
    assert name in WHAT_IT_IS


def test_another_is_a_folder() -> None:
    assert find_adapter_folder("runs/mine") == Path("runs/mine")


def test_the_rank_is_read_and_a_folder_without_an_adapter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 12}', encoding="utf-8")
    assert read_rank(str(tmp_path)) == 12
    with pytest.raises(ValueError, match="no LoRA adapter in nowhere"):
        read_rank("nowhere")
