"""Writes the questions of a training file as rows that verl and SkyRL read: ids, which the adapters here play.

python -m rl.grpo.engines.rows train.toml --out rows.jsonl
"""

import json
from pathlib import Path

from agent.ending import Parser, end_process
from agent.terminal import tell
from rl.data.questions import open_questions
from rl.grpo.config import Training, read_training
from tools.cache import write_atomically

NAME = "videosleuth"
"""Name of the agent loop in verl and of the environment in SkyRL."""


def make_rows(training: Training) -> list[dict[str, object]]:
    """One row for each question, in the order of the training file; the reference answer is in none."""
    examples = open_questions(training.data, training.asked_questions).examples
    return [
        {
            "question": key,
            "prompt": [{"role": "user", "content": example.question.text}],
            "data_source": NAME,
            "agent_name": NAME,
            "env_class": NAME,
            "extra_info": {"index": number},
        }
        for number, (key, example) in enumerate(examples.items())
    ]


def _command_line() -> None:
    parser = Parser("python -m rl.grpo.engines.rows", description=(__doc__ or "").partition(":")[0])
    parser.add_argument("config", type=Path, metavar="FILE.toml", help="the training file")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.jsonl")
    options = parser.parse_args()
    rows = make_rows(read_training(options.config))
    write_atomically(options.out, "".join(json.dumps(row) + "\n" for row in rows).encode())
    tell(f"{len(rows)} questions written to {options.out}")


if __name__ == "__main__":
    end_process("rl.grpo.engines.rows", _command_line)
