"""TEST ONLY: a training of dictated runs as a program, for `accelerate launch`; writes down who played what.

python -m tests.rl.launched MODEL OUT SETTINGS [beside], with settings as JSON over those of `small_training`; with
`beside`, a second copy of the model plays, freely, and is brought what is learned.
"""

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

from rl.grpo.rollout import RolloutRunner
from rl.sampling.sampler import Rollout, TrainingSampler
from rl.sampling.vllm_sampler import EngineSampler
from rl.train import main
from tests.rl.dictated import DictatedSampler
from tests.rl.second_copy import SecondCopy
from tests.rl.small_training import SCRIPTS, training


def launched(model: Path, out: Path, settings: dict[str, Any], *, beside: bool) -> None:
    """Trains; `played-RANK.jsonl` in the folder has a line for each run."""
    wanted = training(model, out, **settings)
    options = wanted.play.options(wanted.seed)
    sampler: TrainingSampler = DictatedSampler(model, options, SCRIPTS)
    if beside:
        sampler = EngineSampler(str(model), options, SecondCopy(model, options))
    kept = out / f"played-{os.environ.get('RANK', '0')}.jsonl"
    call = RolloutRunner.__call__

    def keeping(rollouts: RolloutRunner, keys: Any) -> list[Rollout]:
        played = call(rollouts, keys)
        with kept.open("a") as file:
            for (question, sample), rollout in zip(keys, played, strict=True):
                ids = rollout.tokens.ids if rollout.tokens is not None else ()
                file.write(json.dumps({"key": [question, sample], "ids": ids}) + "\n")
        return played

    out.mkdir(parents=True, exist_ok=True)
    RolloutRunner.__call__ = keeping  # type: ignore[method-assign]
    main(wanted, lambda line: print(line, flush=True), sampler)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    launched(Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]), beside="beside" in sys.argv[4:])
