"""Run 2, a small model that must zoom to answer, from nothing to its report, in one command.

    python -m rl.small_vlm.run rl/configs/run2/full.toml     one GPU
    python -m rl.small_vlm.run rl/configs/run2/smoke.toml    every stage in tiny numbers, on a CPU

Builds the model, pretrains its vision encoder, collects the expert's runs, imitates them, trains by reward, and
evaluates with and without zoom. Stages that are done are not done again, and one that was stopped goes on, when the
command is given again.
"""

from agent.ending import end_process
from rl.options import toml_command
from rl.small_vlm import command_lines

if __name__ == "__main__":  # before torch is imported
    toml_command.check_file_first("rl.small_vlm.run", __doc__, command_lines.check_plan)

import gc
import json
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from agent.terminal import escape_controls, tell
from evals import run as evaluation
from evals.composed.recipe import Split
from evals.datasets.composed import open_composed
from rl import collect, sft, train
from rl.small_vlm import pretrain
from rl.small_vlm.build import build
from rl.small_vlm.looking import LookCounts, count_run, render_table
from rl.small_vlm.naming import format_shares, load_policy, make_scenes, name_scenes
from rl.small_vlm.plan import StagePlan, read_plan
from tools.cache import write_atomically
from tools.plain_data import loads_json

Say = Callable[[str], None]

REPORT, TERMS = "report.md", "plan.json"
_AS_IT_IS, _CROP = "none", "oracle-crop"
_SPLITS: tuple[Split, Split] = ("train", "heldout")


def main(plan: StagePlan, say: Say = lambda _: None) -> str:
    """Runs all stages; gives back the report in Markdown, which is also written to the folder.

    Raises:
        ValueError: the folder holds another run, or a stage refuses its options.
        MissingPartError: a package is not installed.
        PolicyError: a model can't be had.
    """
    _check_same(plan)
    done = _Done(plan.out, say)
    eyes, imitation, training = plan.pretraining(), plan.imitation(), plan.training()
    done("build", lambda: str(plan.built if plan.built.exists() else build(plan.built, plan.build.shape())))
    before = done("name before", lambda: _test_naming(plan, plan.built))
    done("pretrain", lambda: f"{len(pretrain.main(eyes, say))} steps")
    after = done("name after", lambda: _test_naming(plan, eyes.out))
    done("expert", lambda: collect.summarize_results(collect.main(plan.collecting(), say)))
    done("sft", lambda: f"{len(sft.main(imitation, say))} steps")
    done("grpo", lambda: str(train.main(training, say)))
    rows = _evaluate_controls(plan, "sft", str(imitation.out), "", done, say)
    last = training.out / f"checkpoint-{training.steps}"
    model, adapter = (str(last), "") if training.lora is None else (str(imitation.out), str(last))
    rows += _evaluate_controls(plan, "grpo", model, adapter, done, say)
    report = f"Before the eyes were taught, {before}\nAfter, {after}\n\n{render_table(rows)}\n"
    write_atomically(plan.out / REPORT, report)
    return report


class _Done:
    """Runs each stage once, and remembers its result in the folder."""

    def __init__(self, out: Path, say: Say) -> None:
        self._path = out / "done.json"
        self._say = say

    def __call__(self, name: str, stage: Callable[[], str]) -> str:
        known: dict[str, str] = loads_json(self._path.read_text(encoding="utf-8")) if self._path.exists() else {}
        if name not in known:
            self._say(f"== {name}")
            started = time.perf_counter()
            found = stage()
            _free_memory()
            self._say(f"== {name}: done in {time.perf_counter() - started:.0f} s: {found}")
            known[name] = found
            write_atomically(self._path, json.dumps(known, indent=1))
        return known[name]


def _free_memory() -> None:
    """Frees the memory that a stage held on the device."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _check_same(plan: StagePlan) -> None:
    """Refuses a folder that holds a run of another plan."""
    plan.out.mkdir(parents=True, exist_ok=True)
    path, terms = plan.out / TERMS, plan.model_dump_json(exclude={"out"}, indent=1)
    if path.exists() and path.read_text(encoding="utf-8") != terms:
        raise ValueError(f"{plan.out} holds another run ({path}): choose another `out`, or restore its file")
    path.write_text(terms, encoding="utf-8")


def _test_naming(plan: StagePlan, model: Path) -> str:
    pixels = plan.max_frame_pixels, plan.crop_pixels
    policy = load_policy(str(model), max(pixels))
    known, new = (
        format_shares(name_scenes(policy, make_scenes(split, plan.naming.scenes, *pixels))) for split in _SPLITS
    )
    return f"new scenes of known things, {known}; things never shown, {new}"


def _evaluate_controls(
    plan: StagePlan, name: str, model: str, adapter: str, done: _Done, say: Say
) -> list[tuple[str, str, LookCounts]]:
    """Counts of a model on the unchanged task and under each control, by model and control."""
    examples = open_composed(plan.evaluate.data).examples()
    config = evaluation.RunConfig(
        benchmark="composed",
        data=plan.evaluate.data,
        out=plan.out,
        policy=f"transformers:{model}",
        verify=False,
        encoder="hashing",
        limits=plan.limits(),
    )
    rows = []
    for control in (None, *plan.evaluate.controls):
        folder = plan.out / f"{name}-{control or _AS_IT_IS}"
        options = plan.options(adapter, plan.crop_pixels if control == _CROP else plan.max_frame_pixels)
        one = replace(config, out=folder, control=control, options=options)
        done(folder.name, partial(_evaluate, one, say))
        rows.append((name, control or _AS_IT_IS, count_run(folder, examples)))
    return rows


def _evaluate(config: evaluation.RunConfig, say: Say) -> str:
    evaluation.main(config, say=say)
    return str(config.out)


def _command_line() -> None:
    given = toml_command.make_parser("rl.small_vlm.run", __doc__).parse_args()
    print(escape_controls(main(read_plan(given.config), tell)))


if __name__ == "__main__":
    end_process("rl.small_vlm.run", _command_line)
