"""How much of what `lite` gets right among options rests on the very clips: its weights fitted with each clip left out.

    python -m evals.ranker.left_out RUN --questions VIDEOS/questions.jsonl --videos VIDEOS

Three ways to weigh what the sources say of the options: as packaged, fitted on all clips, and for each clip fitted on
the others. Nothing is looked at again: the features come from the observations of a stored run. The ranker of pieces
has no such gap, since `evals.ranker.fit` never sees a clip.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from agent.ending import Parser
from agent.policies.lite import choose_strategy, load_packaged_similarity
from agent.policies.lite_rules import choosing
from agent.policies.lite_rules.case import QuestionContext
from agent.policies.lite_rules.ranking import compute_score
from agent.policies.lite_rules.reading import read_question
from evals.command_line import end_with_page
from evals.example import Example, load_examples
from evals.ranker.fit import CandidateSet, fit_weights, make_rows
from evals.runner.run_file import read_stored
from evals.statistics.tables import format_percent, render_table


@dataclass(frozen=True)
class Choice:
    """The options of a question with their features."""

    clip: str
    options: Sequence[Mapping[str, float]]
    right: int


def collect_choices(run: Path, examples: Sequence[Example]) -> Iterator[Choice]:
    """The choices of a stored run that `lite` makes by weights, with the features that its observations give."""
    by_id, similarity = {example.question.id: example for example in examples}, load_packaged_similarity()
    for played in read_stored(run):
        example = by_id.get(played.question.id)
        reading = read_question(played.question, played.facts.duration_seconds)
        if example is None or example.option is None or choose_strategy(reading).answer is not choosing.answer:
            continue
        before = replace(played, steps=played.steps[:-1], stop=None)
        features = choosing.compute_option_features(QuestionContext(reading, before, similarity))
        yield Choice(example.cluster, features, example.option)


def count_right(choices: Sequence[Choice]) -> dict[str, int]:
    """The number of choices that are right, by the way of weighing.

    Raises:
        ValueError: the choices are not of two clips at least.
    """
    clips = [choice.clip for choice in choices]
    if len(set(clips)) < 2:
        raise ValueError(f"need choices of two clips or more, got {len(set(clips))}")
    names = sorted({name for choice in choices for option in choice.options for name in option})
    sets = [
        CandidateSet(make_rows(choice.options, names), np.arange(len(choice.options)) == choice.right)
        for choice in choices
    ]
    on_all = fit_weights(sets)
    without = {
        clip: fit_weights([one for one, its in zip(sets, clips, strict=True) if its != clip]) for clip in set(clips)
    }
    scores = [[compute_score(option) for option in choice.options] for choice in choices]
    return {
        "as packaged": sum(some.index(max(some)) == c.right for some, c in zip(scores, choices, strict=True)),
        "fitted on all clips": sum(bool(one.right[(one.rows @ on_all).argmax()]) for one in sets),
        "fitted on the other clips": sum(
            bool(one.right[(one.rows @ without[clip]).argmax()]) for one, clip in zip(sets, clips, strict=True)
        ),
    }


def main(arguments: Sequence[str] | None = None) -> str:
    """The figures as Markdown.

    Raises:
        ValueError: the questions or the run can't be read, or are of one clip alone.
    """
    parser = Parser(
        "python -m evals.ranker.left_out", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="what evals.run --out wrote")
    parser.add_argument("--questions", type=Path, required=True, metavar="QUESTIONS.jsonl")
    parser.add_argument("--videos", type=Path, required=True, metavar="FOLDER")
    options = parser.parse_args(arguments)
    choices = list(collect_choices(options.run, load_examples(options.questions, options.videos)))
    rows = [
        (name, f"{right} of {len(choices)}", format_percent(right / len(choices)))
        for name, right in count_right(choices).items()
    ]
    return render_table(("weights of the sources of options", "right", ""), rows) + "\n"


if __name__ == "__main__":
    end_with_page("evals.ranker.left_out", main)
