"""What published scorers really answered, row by row: see golden/README.md for where the rows are from."""

import json
from collections.abc import Callable
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import pytest

from evals.benchmarks.choice.longvideo_reason import read_official
from evals.scoring.published import by_gold, first_letter, layered, mmmu, ranked, spans, tempcompass

ROWS = [json.loads(line) for line in (Path(__file__).parent / "golden" / "answers.jsonl").read_text().splitlines()]
Row = dict[str, Any]


def or_random(letter: str | None) -> str:
    return "RANDOM" if letter is None else letter


def span_list(row: Row) -> list[list[float]]:
    span = spans.lmms_charades(row["prediction"])
    return [] if span is None else [list(span)]


def caption_matching(row: Row) -> int | str:
    options = tuple(row["question"].split("\n")[1:])
    index = tempcompass.official_caption(row["prediction"], options)
    return "fail" if index is None else int(options[index] == row["gold"])


PARSERS: dict[str, Callable[[Row], Any]] = {
    "lmms/mcq_extract": lambda row: ranked.lmms_mcq(row["prediction"], row["choices"]),
    "official/videomme": lambda row: first_letter.official_videomme(row["prediction"]),
    "vlm/videomme": lambda row: first_letter.vlm_videomme(row["prediction"]),
    "lmms/longvideobench": lambda row: or_random(first_letter.lmms_longvideobench(row["prediction"])),
    "official/lvbench": lambda row: first_letter.official_lvbench(row["prediction"]),
    "lmms/nextqa_mc": lambda row: or_random(mmmu.lmms_mmmu(row["prediction"], row["options"])),
    "lmms/video_holmes": lambda row: or_random(mmmu.lmms_mmmu(row["prediction"], row["options"])),
    "lmms/egoschema": lambda row: or_random(mmmu.lmms_egoschema(row["prediction"], row["options"])),
    "lmms/videommmu_open": lambda row: mmmu.lmms_videommmu_open(row["prediction"], row["gold"]),
    "official/video_holmes": lambda row: first_letter.official_video_holmes(row["prediction"]) or "WRONG",
    "vlm/video_holmes": lambda row: first_letter.vlm_video_holmes(row["prediction"]) or "WRONG",
    "official/mvbench": lambda row: by_gold.official_mvbench(row["prediction"], row["gold"]),
    "vlm/mvbench": lambda row: by_gold.official_mvbench(row["prediction"], row["gold"]),
    "lmms/mvbench": lambda row: by_gold.lmms_mvbench(row["prediction"], row["gold"]),
    "official/mlvu": lambda row: by_gold.official_mlvu(row["prediction"], row["gold"]),
    "official/cgbench_mc": lambda row: {None: -1}.get(
        found := by_gold.official_cgbench(row["prediction"], row["gold"]), found
    ),
    "lmms/mmvu_mc": lambda row: by_gold.lmms_mmvu_choice(
        row["prediction"], row["gold"], dict(zip(ascii_uppercase, row["options"], strict=False))
    ),
    "lmms/mmvu_open": lambda row: by_gold.lmms_mmvu_open(row["prediction"], row["gold"]),
    "lmms/charades_sta": span_list,
    "vlm/videommev2": lambda row: first_letter.vlm_videommev2(row["prediction"]),
    "lmms/videomathqa": lambda row: first_letter.lmms_videomathqa(row["prediction"]),
    "lmms/scivideobench": lambda row: or_random(first_letter.lmms_scivideobench(row["prediction"])),
    "lmms/perceptiontest": lambda row: first_letter.lmms_perceptiontest(row["prediction"]),
    "lmms/tvbench": lambda row: first_letter.lmms_tvbench(row["prediction"], row["options"]),
    "official/tstar_qa": lambda row: first_letter.official_tstar(row["prediction"]) == row["gold"],
    "official/longvideo_reason": lambda row: read_official(row["prediction"]) == read_official(row["gold"]),
    "official/vrbench": lambda row: layered.official_vrbench(row["prediction"]) or None,
    "official/tempcompass_yes_no": lambda row: tempcompass.official_yes_no(row["prediction"]) or None,
    "official/tempcompass_caption_matching": caption_matching,
}


def test_every_scorer_of_the_rows_is_there_and_none_is_without_rows() -> None:
    assert {row["parser"] for row in ROWS} == set(PARSERS)


@pytest.mark.parametrize("parser", PARSERS)
def test_a_scorer_reads_every_text_as_the_published_one_does(parser: str) -> None:
    rows = [row for row in ROWS if row["parser"] == parser]
    found = [(row["prediction"], PARSERS[parser](row)) for row in rows]
    assert found == [(row["prediction"], row["result"]) for row in rows]
