"""What every source says of every option, recorded while `lite` plays composed videos, to fit weights on.

python -m evals.ranker.options --out options.jsonl --seed 900 --count 12
python -m evals.ranker.fit --options options.jsonl
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from agent.ending import Parser, end_process
from agent.loop.ask import ask
from agent.policies.lite import LitePolicy, load_packaged_similarity
from agent.policies.lite_rules.case import QuestionContext
from agent.policies.lite_rules.choosing import compute_option_features
from agent.policies.lite_rules.reading import read_question
from agent.terminal import format_json
from evals.composed.drawn import DRAWN
from evals.composed.episode import compose
from evals.composed.planning import LEVELS
from tools.toolbox import make_toolbox


def record_options(seed: int, number: int, level: int) -> Iterator[dict[str, object]]:
    """Runs the questions of one composed video, and yields the features of the options of each.

    Args:
        seed: seed of the set.
        number: number of the video.
        level: level of the curriculum.
    """
    similarity = load_packaged_similarity()
    policy = LitePolicy(similarity)
    episode = compose(DRAWN, seed, number, level=level)
    with make_toolbox(episode.painter.video()) as toolbox:
        for example in episode.examples():
            question = example.question
            reading = read_question(question, toolbox.video.info.duration_seconds)
            if example.option is None or reading.wants in ("interval", "order", "times"):
                continue
            played = ask(question, toolbox, policy)
            case = QuestionContext(reading, played, similarity)
            yield {"video": episode.name, "right": example.option, "options": compute_option_features(case)}


def main(arguments: list[str] | None = None) -> None:
    """Runs the questions and writes a row for each."""
    parser = Parser(
        "python -m evals.ranker.options", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.jsonl")
    parser.add_argument("--seed", type=int, default=900)
    parser.add_argument("--count", type=int, default=12, metavar="N", help="videos of each level")
    options = parser.parse_args(arguments)
    with options.out.open("w", encoding="utf-8") as out:
        for number in range(options.count):
            for level in sorted(LEVELS)[:2]:
                for row in record_options(options.seed + level, number, level):
                    out.write(format_json(row) + "\n")
                    out.flush()


if __name__ == "__main__":
    end_process("evals.ranker.options", main)
