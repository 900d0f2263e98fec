"""TEST ONLY: two processes share the weights of a tiny model (FSDP2, gloo); the rows of only one have a picture.

python -m torch.distributed.run --standalone --nproc_per_node 2 -m tests.rl.split_weights MODEL OUT [without]
Writes the gradients of both together, whole, to OUT. With `without`, no blank picture is shown.
"""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors.torch import save_file

from agent.policies.local.loading import Loaded, load_model
from rl.grpo.blank_image import BlankPicture

PATIENCE = timedelta(seconds=120)


def loss_of(loaded: Loaded, *, seen: bool) -> Any:
    """Of a row with a picture, or of one without."""
    ids, inputs = [5, 6, 7, 8, 9, 10], {}
    if seen:
        assert loaded.eyes is not None
        picture = loaded.eyes.look(Image.new("RGB", (96, 54), "red"))
        ids, inputs = [5, *picture.span, 6, 7], dict(picture.inputs)
    row = torch.tensor([ids])
    kinds = row.eq(loaded.image_token_id or -1).int()
    logits = loaded.model(input_ids=row, mm_token_type_ids=kinds, use_cache=False, **inputs).logits
    return logits.log_softmax(-1)[0, :, 3].sum()


def main(folder: str, out: Path, *, shows_blank: bool) -> None:
    """One of the two processes."""
    from torch.distributed import destroy_process_group, get_rank, init_device_mesh, init_process_group
    from torch.distributed.fsdp import fully_shard

    init_process_group("gloo", timeout=PATIENCE)
    loaded = load_model(folder, 96 * 54)
    model = loaded.model.train()
    if shows_blank:
        BlankPicture(model)
    mesh = init_device_mesh("cpu", (2,))
    for layer in (*model.model.visual.blocks, *model.model.language_model.layers):
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)
    loss_of(loaded, seen=get_rank() == 0).backward()
    whole = {name: value.grad.full_tensor() for name, value in model.named_parameters() if value.grad is not None}
    if get_rank() == 0:
        save_file({name: value.contiguous() for name, value in whole.items()}, out)
    destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), shows_blank="without" not in sys.argv[3:])
