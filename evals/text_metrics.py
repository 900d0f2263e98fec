"""Overlap of open answers with their references in words: BLEU, chrF and ROUGE of a stored run; BERTScore if asked.

    pip install "videosleuth[metrics]"
    python -m evals.text_metrics RUN ... [--bert FOLDER]

For comparison with papers that report them. They reward the wording and not the truth: "the red cup" and "the blue cup"
share most of their words, and a right answer in other words shares none. Computed by sacrebleu and rouge-score. Left
out are METEOR (its WordNet is downloaded, or it runs on Java) and CIDEr (published with a tokenizer in Java: 100 MB in
pycocoevalcap, a download in aac-metrics). BERTScore takes a model from a folder.
"""

import statistics
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from agent.ending import Parser
from evals.command_line import end_with_page
from evals.score import Scored, read_run
from evals.scoring.bert.bert_score import BertScore
from evals.statistics.tables import render_table
from tools.observation import MissingPartError
from tools.packaged_weights import is_installed, make_install_command

_PACKAGES = ("sacrebleu", "rouge_score")
_ROUGES = ("rouge1", "rouge2", "rougeL")
BERT_SCORE = "BERTScore F1"
METRICS = ("BLEU", "chrF", "ROUGE-1", "ROUGE-2", "ROUGE-L")


def measure_overlap(said: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, float]:
    """Each metric in percent: BLEU and chrF of the whole corpus, ROUGE as the mean F1 over the answers.

    Args:
        said: the answers; an empty one overlaps with nothing.
        references: one or more references of each answer, of which ROUGE takes the nearest.

    Raises:
        MissingPartError: the extra `metrics` is not installed.
        ValueError: there are no answers.
    """
    if not said:
        raise ValueError("need at least one open answer with a reference")
    if missing := [name for name in _PACKAGES if not is_installed(name)]:
        raise MissingPartError(f"{missing[0]} is not installed: run `{make_install_command('metrics')}`")
    corpus = import_module("sacrebleu")
    most = max(map(len, references))
    columns = [[texts[place] if place < len(texts) else None for texts in references] for place in range(most)]
    scorer = import_module("rouge_score.rouge_scorer").RougeScorer(list(_ROUGES), use_stemmer=True)
    rouges = [_score_rouge(scorer.score_multi, text, texts) for text, texts in zip(said, references, strict=True)]
    means = (100 * statistics.fmean(found) for found in zip(*rouges, strict=True))
    overall = (corpus.corpus_bleu(list(said), columns).score, corpus.corpus_chrf(list(said), columns).score)
    return dict(zip(METRICS, (*overall, *means), strict=True))


def _score_rouge(score: Callable[[list[str], str], Any], text: str, references: Sequence[str]) -> tuple[float, ...]:
    found = score(list(references), text)
    return tuple(found[name].fmeasure for name in _ROUGES)


def measure_run(run: Scored, bert: BertScore | None = None) -> tuple[int, dict[str, float]] | None:
    """Number of open answers and their metrics, over the first run of each question; None where there are none.

    Args:
        run: the run.
        bert: compares meanings too, where it is given.
    """
    examples = run.questions.examples()
    asked = {one.question.id: one for one in run.asked}
    said, references = [], []
    for name, answer in run.said.items():
        example = examples.get(asked[name].of)
        if example is None or example.question.options or example.answer is None or not asked[name].is_answerable:
            continue
        said.append("" if answer is None or answer.abstains else answer.text)
        references.append((example.answer, *example.aliases))
    if not said:
        return None
    found = measure_overlap(said, references)
    if bert is not None:
        found[BERT_SCORE] = 100 * statistics.fmean(map(bert.score, said, references))
    return len(said), found


def main(arguments: Sequence[str] | None = None) -> str:
    """The metrics of stored runs as Markdown.

    Raises:
        ValueError: a run or the model for BERTScore can't be read.
        MissingPartError: the extra `metrics` is not installed.
    """
    parser = Parser("python -m evals.text_metrics", description="BLEU, chrF and ROUGE of a run's open answers.")
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="a folder that evals.run --out wrote")
    parser.add_argument("--bert", type=Path, metavar="FOLDER", help="model for BERTScore, as save_pretrained writes it")
    parser.add_argument("--layer", type=int, default=-1, metavar="N", help="its layer, 0 the embedding, -1 the last")
    options = parser.parse_args(arguments)
    bert = None if options.bert is None else BertScore(options.bert, options.layer)
    names = METRICS if bert is None else (*METRICS, BERT_SCORE)
    rows = []
    for folder in options.runs:
        found = measure_run(read_run(folder), bert)
        count, values = (0, {}) if found is None else found
        rows.append([str(folder), str(count), *(f"{values[name]:.1f}" if values else "none" for name in names)])
    by = "" if bert is None else f" BERTScore by layer {options.layer} of {options.bert}."
    return f"{render_table(['run', 'open answers', *names], rows)}\n\nIn percent. They reward wording, not truth.{by}\n"


if __name__ == "__main__":
    end_with_page("evals.text_metrics", main)
