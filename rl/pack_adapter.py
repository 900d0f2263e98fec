"""Packs a LoRA adapter in bfloat16, half as large, for distribution.

    python -m rl.pack_adapter ADAPTER OUT

The weights are small corrections; the effect of rounding has to be measured by an evaluation of the packed adapter.
"""

import json
from pathlib import Path

from agent.ending import Parser, end_process
from agent.terminal import escape_controls
from tools.plain_data import loads_json

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def pack(adapter: Path, out: Path, base: str) -> int:
    """Writes the adapter in bfloat16; gives back its number of weights.

    Args:
        adapter: folder that PEFT wrote.
        out: folder to write, made if need be.
        base: id of the base model, written in place of a path of this machine.

    Raises:
        ValueError: the folder holds no adapter.
    """
    import torch
    from safetensors.torch import load_file, save_file

    if not (adapter / CONFIG).is_file() or not (adapter / WEIGHTS).is_file():
        raise ValueError(f"no adapter in {adapter}: need the folder that holds {CONFIG} and {WEIGHTS}")
    weights = {name: weight.to(torch.bfloat16).contiguous() for name, weight in load_file(adapter / WEIGHTS).items()}
    config = loads_json((adapter / CONFIG).read_text(encoding="utf-8"))
    config |= {"base_model_name_or_path": base, "target_modules": sorted(config["target_modules"])}
    out.mkdir(parents=True, exist_ok=True)
    save_file(weights, out / WEIGHTS, metadata={"format": "pt"})
    (out / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return sum(weight.numel() for weight in weights.values())


def _command_line() -> None:
    parser = Parser("python -m rl.pack_adapter", description="An adapter in half the bytes.")
    parser.add_argument("adapter", type=Path, metavar="ADAPTER", help="folder, as a training wrote it")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--base", default="HuggingFaceTB/SmolLM2-135M-Instruct", metavar="ID", help="of what model")
    options = parser.parse_args()
    count = pack(options.adapter, options.out, options.base)
    print(f"{count:,} weights in {escape_controls(options.out)}, {(options.out / WEIGHTS).stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    end_process("rl.pack_adapter", _command_line)
