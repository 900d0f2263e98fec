"""Who plays when nobody is named: by what is on the machine, and without looking further than needed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agent.policies.default import MODELS, choose_default_policy, choose_policy, find_cached_models

BY_ID = {model.id: model for model in MODELS}
LARGE = 141_000_000_000
SMALL = "HuggingFaceTB/SmolVLM2-500M-Video-Instruct"


def test_without_a_gpu_it_is_lite_whatever_is_cached() -> None:
    assert choose_policy(None, set(BY_ID)).spec == "lite"


def test_the_best_cached_model_that_fits_is_picked_and_its_need_is_named() -> None:
    choice = choose_policy(30_000_000_000, set(BY_ID))
    assert choice.spec == "transformers:Qwen/Qwen3-VL-8B-Instruct"
    # 8.767 G x 2 bytes = 17.53 GB, 32,768 x 2 x 36 x 8 x 128 x 2 bytes = 4.83 GB, and 2 GB: 24.37 GB
    assert "24.4 GB" in choice.why
    assert "30.0 GB are free" in choice.why


def test_a_model_that_does_not_fit_is_not_picked() -> None:
    assert choose_policy(16_500_000_000, set(BY_ID)).spec == "transformers:Qwen/Qwen3-VL-4B-Instruct"
    assert choose_policy(16_500_000_000, {"Qwen/Qwen3-VL-8B-Instruct"}).spec == "lite"


def test_a_large_gpu_takes_the_large_model_only_where_its_weights_are_here() -> None:
    assert choose_policy(LARGE, set(BY_ID)).spec == "transformers:Qwen/Qwen3-VL-32B-Instruct"
    assert choose_policy(LARGE, {"Qwen/Qwen3-VL-2B-Instruct"}).spec == "transformers:Qwen/Qwen3-VL-2B-Instruct"


def test_with_a_gpu_and_no_weights_one_line_says_what_would_fit_and_how_to_get_it() -> None:
    choice = choose_policy(LARGE, ())
    assert choice.spec == "lite"
    assert "agent pull Qwen/Qwen3-VL-8B-Instruct" in choice.advice  # not the 67 GB of the best one
    assert "\n" not in choice.advice


def test_a_gpu_too_small_for_any_is_told_what_the_smallest_needs() -> None:
    choice = choose_policy(4_000_000_000, ())
    assert choice.spec == "lite"
    assert "Qwen/Qwen3-VL-2B-Instruct" in choice.why
    assert not choice.advice


def test_models_too_small_for_tools_are_never_picked_unasked() -> None:
    assert choose_policy(LARGE, {SMALL}).spec == "lite"


def test_the_environment_names_the_policy_before_anything_is_looked_at() -> None:
    choice = choose_default_policy({"VIDEOSLEUTH_POLICY": "http:model@http://localhost:8000/v1"})
    assert choice.spec == "http:model@http://localhost:8000/v1"
    assert "VIDEOSLEUTH_POLICY" in choice.why


def test_the_default_is_found_without_torch_where_there_is_no_gpu() -> None:
    told = (
        "import sys; from agent.policies import default; choice = default.choose_default_policy({});"
        "sys.exit(2 if default.may_have_gpu() else choice.spec != 'lite' or 'torch' in sys.modules)"
    )
    status = subprocess.run([sys.executable, "-c", told], check=False).returncode
    if status == 2:
        pytest.skip("this machine has a GPU")
    assert status == 0


def cache(folder: Path, model_id: str, files: dict[str, str]) -> None:
    """Files as huggingface_hub lays them down."""
    repository = folder / ("models--" + model_id.replace("/", "--"))
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("abc", encoding="utf-8")
    snapshot = repository / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    for name, text in files.items():
        (snapshot / name).write_text(text, encoding="utf-8")


def test_only_complete_weights_count_as_cached(tmp_path: Path) -> None:
    index = json.dumps({"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}})
    whole = {"config.json": "{}", "model.safetensors.index.json": index, "model-1.safetensors": ""}
    cache(tmp_path, "Qwen/Qwen3-VL-2B-Instruct", {"config.json": "{}", "model.safetensors": ""})
    cache(tmp_path, "Qwen/Qwen3-VL-4B-Instruct", whole | {"model-2.safetensors": ""})
    cache(tmp_path, "Qwen/Qwen3-VL-8B-Instruct", whole)  # broken off after the first file
    cache(tmp_path, "Qwen/Qwen2.5-VL-7B-Instruct", {"config.json": "{}"})
    told = "from agent.policies import default; print(*sorted(default.find_cached_models()))"
    environment = {"HF_HUB_CACHE": str(tmp_path), "PATH": "/usr/bin"}
    done = subprocess.run([sys.executable, "-c", told], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["Qwen/Qwen3-VL-2B-Instruct", "Qwen/Qwen3-VL-4B-Instruct"]


def test_looking_for_cached_models_downloads_nothing_and_never_fails() -> None:
    assert find_cached_models() <= set(BY_ID)
