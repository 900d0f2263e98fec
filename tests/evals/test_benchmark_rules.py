"""What is particular to one benchmark: its media, its denominators, its own numbers. Worked out on paper."""

import shutil
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from evals.benchmarks.benchmark import Profile, score_letter, score_strict_open
from evals.benchmarks.catalogue import BENCHMARKS
from evals.benchmarks.grounded import cg_bench, grounding, next_gqa
from evals.benchmarks.item import Item
from evals.benchmarks.records import RecordPlace
from evals.scoring.published.clean_text import strict_letter
from evals.scoring.published.spans import lmms_charades, official_cgbench_spans, strict_span

FIXTURES = Path(__file__).parent / "fixtures"
needs_parquet = pytest.mark.skipif(find_spec("pyarrow") is None, reason='needs pip install "videosleuth[evals]"')


def item(options: tuple[str, ...], right: int, item_id: str = "q") -> Item:
    return Item(item_id, "choice", Path("v.mp4"), "v", "Which?", RecordPlace("x", 1), options, right, options[right])


@pytest.mark.parametrize(
    ("said", "letter"),
    [("C", "C"), ("c", "C"), (" C. ", "C"), ("C)", "C"), ("(C)", "C"), ("(C", ""), ("C.)", ""), ("E", ""), ("", "")]
    + [(said, "") for said in ("The answer is C", "C. red lantern", "Paris", "A man", "<answer>C</answer>", "C C")],
)
def test_the_strict_rule_takes_one_letter_and_nothing_else(said: str, letter: str) -> None:
    assert strict_letter(said, 4) == letter


def test_a_random_draw_is_the_same_each_time_and_differs_between_questions() -> None:
    options = ("a", "b", "c", "d")
    drawn = [score_letter(item(options, 0, f"q{i}"), None).extracted for i in range(40)]
    assert drawn == [score_letter(item(options, 0, f"q{i}"), None).extracted for i in range(40)]
    assert set(drawn) == set("ABCD")


def test_an_open_answer_is_strict_even_where_the_gold_has_no_word_in_it() -> None:
    sign = replace(item(("a", "b"), 0), kind="open", options=(), right=None, gold="∞")
    assert [score_strict_open(sign, said).value for said in ("∞", "infinity", "")] == [1.0, 0.0, 0.0]


@needs_parquet
def test_video_mme_has_the_breakdown_that_is_published_and_leaves_out_what_it_cannot_read() -> None:
    benchmark = BENCHMARKS["video-mme"]
    items = benchmark.load(FIXTURES / "video_mme")
    assert [key for key, _ in items[0].groups] == ["duration", "domain", "sub_category", "task_type"]
    said = dict(zip([i.id for i in items], ["C", "Best answer: A", "no idea", ""], strict=True))
    # gold C, A, C, A: strict 1 of 4; official reads C and B, and leaves two out; VLMEvalKit counts them as wrong
    assert benchmark.metrics(items, said, "strict")["accuracy"] == 25
    assert benchmark.metrics(items, said, "official")["accuracy"] == 50
    assert benchmark.metrics(items, said, "vlm")["accuracy"] == 25
    found = benchmark.metrics(items, said, "strict")
    assert (found["accuracy duration=short"], found["accuracy duration=long"]) == (50, 0)
    assert (found["accuracy duration=short domain=Knowledge"], found["accuracy duration=long domain=Multilingual"]) == (
        50,
        0,
    )
    assert found["accuracy sub_category=Multilingual"] == found["accuracy domain=Multilingual"] == 0


def test_video_mme_reads_the_grouped_file_too(tmp_path: Path) -> None:
    name = "output_test_template.json"
    (tmp_path / name).write_bytes((FIXTURES / "video_mme" / name).read_bytes())
    benchmark = BENCHMARKS["video-mme"]
    items = benchmark.load(tmp_path)
    assert (items[0].id, items[0].cluster, items[0].right) == ("901-1", "901", 2)
    assert items[0].options == ("Two.", "Three.", "Five.", "Nine.")
    assert benchmark.submission is not None
    again = benchmark.submission.read((tmp_path / name).read_text())
    assert again == {"901-1": "C. Five.", "901-2": "C. Five."}
    (tmp_path / name).write_text(benchmark.submission.write(items, {"901-1": "B"}))
    assert benchmark.load(tmp_path) == items


@needs_parquet
def test_video_mme_has_subtitles_only_where_it_is_asked_for() -> None:
    with_, without = (BENCHMARKS[name].load(FIXTURES / "video_mme") for name in ("video-mme-subtitles", "video-mme"))
    assert [i.subtitles is not None for i in with_] == [True, True, False, False]
    assert {i.subtitles for i in without} == {None}
    prompt = BENCHMARKS["video-mme"].prompt(with_[0], "official", "count the lanterns")
    assert prompt.startswith("This video's subtitles are listed below:\ncount the lanterns\nSelect the best answer")


def test_mvbench_knows_parts_and_folders_of_frames_of_one_branch_only() -> None:
    whole, cut = ({i.id: i for i in BENCHMARKS[name].load(FIXTURES / "mvbench")} for name in ("mvbench", "mvbench-cut"))
    assert set(whole) == set(cut)
    assert whole["action_sequence_1"].segment_seconds == (4.5, 9.0)
    assert {i.segment_seconds for i in cut.values()} == {None}
    assert whole["episodic_reasoning_1"].frames_per_second == 3.0
    assert {i.frames_per_second for i in cut.values()} == {None}
    assert {Path(i.video).suffix for i in whole.values()} == {".mp4", ".webm", ".avi", ""}


def test_mvbench_finds_the_videos_wherever_its_zips_unpack_them(tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "mvbench", tmp_path, dirs_exist_ok=True)
    text = (tmp_path / "json" / "moving_count.json").read_text().replace("video_90003", "video_10003")
    (tmp_path / "json" / "moving_count.json").write_text(text)
    there = tmp_path / "video" / "data0613" / "clevrer" / "video_validation" / "video_10000-11000" / "video_10003.mp4"
    there.parent.mkdir(parents=True)
    there.touch()
    assert there in {i.video for i in BENCHMARKS["mvbench"].load(tmp_path)}


def test_mvbench_takes_the_last_of_equal_candidates_officially_and_the_first_in_lmms_eval() -> None:
    score, twice = BENCHMARKS["mvbench"].score, item(("up", "down", "up"), 0)
    rules: tuple[Profile, ...] = ("strict", "official", "vlm", "lmms")
    assert [[score(twice, letter, rule).value for letter in "AC"] for rule in rules] == [[1, 1], [0, 1], [0, 1], [1, 0]]


def test_longvideobench_keeps_the_offset_of_the_subtitles_and_the_frames_that_are_meant() -> None:
    first, second = BENCHMARKS["longvideobench"].load(FIXTURES / "longvideobench")
    assert (first.subtitle_offset_seconds, first.right_letters) == (30.0, "D")
    assert (second.subtitle_offset_seconds, second.right_letters) == (0.0, "A")
    hidden = BENCHMARKS["longvideobench-test"].load(FIXTURES / "longvideobench")
    assert {(i.gold, i.right, i.example) for i in hidden} == {(None, None, None)}
    assert {BENCHMARKS["longvideobench-test"].score(i, "A", "strict").value for i in hidden} == {None}


def test_mlvu_has_both_averages() -> None:
    benchmark = BENCHMARKS["mlvu"]
    items = benchmark.load(FIXTURES / "mlvu")[:3]  # two of plotQA, one of needle
    found = benchmark.metrics(items, {items[0].id: "B", items[2].id: "B"}, "strict")
    assert found["accuracy"] == pytest.approx(200 / 3)
    assert found["mean over task"] == 75  # 50 and 100


def test_lvbench_counts_a_question_once_for_each_of_its_types_and_leaves_out_absent_ones() -> None:
    benchmark = BENCHMARKS["lvbench"]
    items = benchmark.load(FIXTURES / "lvbench")
    assert items[0].text == "What number is on the invented door?"
    assert items[0].options == ("11", "12", "13", "14")
    assert [i.evidence_seconds for i in items] == [((15.0, 19.0),), ((1862.0, 1990.0),)]
    assert items[0].duration_seconds == pytest.approx(3672)
    found = benchmark.metrics(items, {"90002": "A"}, "strict")
    assert (found["accuracy"], found["accuracy question_type=Rea"], found["accuracy question_type=EU"]) == (
        50,
        100,
        100,
    )
    assert benchmark.metrics(items, {"90002": "A"}, "official")["accuracy"] == 100


def test_next_qa_counts_before_and_after_together() -> None:
    items = BENCHMARKS["next-qa"].load(FIXTURES / "nextqa")
    assert [i.groups for i in items] == [(("type", "CW"), ("kind", "causal")), (("type", "TN"), ("kind", "temporal"))]
    assert items[0].video == FIXTURES / "nextqa" / "videos" / "0900" / "9000000001.mp4"


def test_next_gqa_agrees_with_its_numbers_on_paper() -> None:
    benchmark = BENCHMARKS["next-gqa"]
    items = benchmark.load(FIXTURES / "nextgqa")
    said = {"9000000001_0": "C 2 - 6 seconds", "9000000001_3": "B 19 - 23 seconds"}
    # [2, 6] of [2, 5.5]: 3.5 of 4; [19, 23] of [20, 22.5]: 2.5 of 4; the second option is wrong
    found = benchmark.metrics(items, said, "official")
    assert (found["accuracy"], found["Acc@QA"]) == (50, 50)
    assert found["mIoU"] == found["mIoP"] == 75
    assert (found["TIoP@0.5"], found["TIoU@0.5"], found["mean span seconds"]) == (100, 100, 4)
    assert benchmark.metrics(items, {"9000000001_0": "C 2 - 6 seconds"}, "official")["accuracy"] == 100
    assert benchmark.metrics(items, {"9000000001_0": "C 2 - 6 seconds"}, "strict")["accuracy"] == 50


def test_a_moment_inside_a_gold_span_has_all_of_itself_in_it_and_no_iou() -> None:
    assert next_gqa.iou_and_iop((3.0, 3.0), ((2.0, 5.5),)) == (0.0, 1.0)
    assert next_gqa.iou_and_iop((9.0, 9.5), ((2.0, 5.5),)) == (0.0, 0.0)


def test_egoschema_sends_indices_and_scores_what_is_published() -> None:
    benchmark = BENCHMARKS["egoschema"]
    items = benchmark.load(FIXTURES / "egoschema")
    assert benchmark.submission is not None
    text = benchmark.submission.write(items, {items[0].id: "D"})
    assert benchmark.submission.read(text) == {items[0].id: "D", items[1].id: ""}
    assert ": 3" in text
    assert ": -1" in text
    assert [i.id for i in BENCHMARKS["egoschema-subset"].load(FIXTURES / "egoschema")] == [items[0].id]


@needs_parquet
def test_video_mmmu_takes_the_subject_from_the_id_and_open_numbers_in_any_dress() -> None:
    benchmark = BENCHMARKS["video-mmmu"]
    items = {i.id: i for i in benchmark.load(FIXTURES / "video_mmmu")}
    open_one = items["validation_Accounting_903"]
    assert dict(items["validation_Basic_Medical_Science_902"].groups)["subject"] == "Basic_Medical_Science"
    assert [benchmark.score(open_one, "1250.5", p).value for p in benchmark.profiles] == [1, 1, 1]
    assert [benchmark.score(open_one, "about 1250", p).value for p in benchmark.profiles] == [0, 0, 0]
    assert benchmark.prompt(open_one, "official", "").startswith("You should watch and learn the video content.")
    only = BENCHMARKS["video-mmmu-question-only"].load(FIXTURES / "video_mmmu")
    assert only[0].video.name == "validation_Basic_Medical_Science_902_image.mp4"


@needs_parquet
def test_video_mmmu_options_that_have_letters_already_get_no_second_ones(tmp_path: Path) -> None:
    pyarrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    row = {"id": "test_Art_1", "question": "Which?", "options": ["A. red", "B. teal"], "answer": "B", "image": None}
    for track in ("Perception", "Comprehension", "Adaptation"):
        (tmp_path / track).mkdir()
        path = tmp_path / track / "test-00000-of-00001.parquet"
        parquet.write_table(pyarrow.Table.from_pylist([{**row, "id": f"{track}_Art_1"}]), path)
    items = BENCHMARKS["video-mmmu"].load(tmp_path)
    assert {(i.options, i.right_letters) for i in items} == {(("red", "teal"), "B")}
    assert "\nA. red\nB. teal" in BENCHMARKS["video-mmmu"].prompt(items[0], "official", "")


def test_mmvu_has_disciplines_and_lmms_eval_lets_nothing_pass_as_an_open_answer() -> None:
    benchmark = BENCHMARKS["mmvu"]
    choice, open_one = benchmark.load(FIXTURES / "mmvu")
    assert [dict(i.groups)["discipline"] for i in (choice, open_one)] == ["Science", "Engineering"]
    assert choice.video == FIXTURES / "mmvu" / "videos" / "Chemistry" / "900.mp4"
    assert [benchmark.score(open_one, "", p).value for p in ("strict", "lmms")] == [0, 1]
    assert benchmark.score(open_one, "breadth-first search", "strict").value == 1


def test_video_holmes_wants_the_tag_officially_and_the_bare_letter_in_lmms_eval() -> None:
    benchmark = BENCHMARKS["video-holmes"]
    first = benchmark.load(FIXTURES / "video_holmes")[0]
    assert [benchmark.score(first, "E", p).value for p in benchmark.profiles] == [1, 1, 1, 0]
    tagged = benchmark.score(first, "<answer>E</answer>", "lmms")
    assert tagged.why == "no letter in it, one was drawn"


def test_cg_bench_has_bins_of_ten_minutes_and_clips_of_the_clue() -> None:
    items = BENCHMARKS["cg-bench"].load(FIXTURES / "cg_bench")
    assert [dict(i.groups)["minutes"] for i in items] == ["20 ~ 30", "60+"]
    assert items[1].evidence_seconds == ((20.0, 24.0), (1400.0, 1406.0))
    clue = BENCHMARKS["cg-bench-clue"].load(FIXTURES / "cg_bench")
    assert [i.video.name for i in clue] == ["9001.mp4", "9002.mp4"]
    assert [i.subtitles is None for i in BENCHMARKS["cg-bench-subtitles"].load(FIXTURES / "cg_bench")] == [False, True]


def test_cg_bench_intervals_are_fractions_only_if_all_end_by_one() -> None:
    block = '```json\n{"result": [[0.1, 0.2], [0.5, 1]]}\n```'
    assert official_cgbench_spans(block, 100.0) == ((10.0, 20.0), (50.0, 100.0))
    assert official_cgbench_spans(block.replace("1]]", "2]]"), 100.0) == ((0.1, 0.2), (0.5, 2.0))
    assert official_cgbench_spans("from 3 to 5.5 and 7", 100.0) == ((3.0, 5.5),)
    assert official_cgbench_spans("nowhere", 100.0) is None
    assert official_cgbench_spans('```json\n{"result": "3 to 5"}\n```', 100.0) is None
    assert official_cgbench_spans('```json\n{"result": [3, 5]}\n```', 100.0) == ((3.0, 5.0),)
    assert cg_bench.union_iou(((0.0, 4.0), (2.0, 6.0)), ((3.0, 9.0),)) == pytest.approx(3 / 9)


def test_charades_scores_the_first_span_and_lmms_eval_keeps_one_of_equal_queries() -> None:
    benchmark = BENCHMARKS["charades-sta"]
    items = benchmark.load(FIXTURES / "charades_sta")
    said = {items[0].id: "24.3 - 30.4 seconds", items[1].id: "0 - 6.9 seconds", items[2].id: "18.0 - 24.0 seconds"}
    found = benchmark.metrics(items, said, "strict")
    assert found["accuracy"] == found["R1@0.7"] == pytest.approx(200 / 3)
    again = (*items, replace(items[0], id="again"))
    assert benchmark.metrics(again, said, "strict")["R1@0.3"] == 50
    assert benchmark.metrics(again, said, "lmms")["R1@0.3"] == pytest.approx(100 / 3)  # the later one was not answered
    assert grounding.iou((0.0, 4.0), (2.0, 8.0)) == pytest.approx(2 / 8)
    assert grounding.iou((3.0, 3.0), (3.0, 3.0)) == 0.0


@pytest.mark.parametrize(
    "said", ["[24.3, 30.4]", '{"start": 24.3, "end": 30.4}', "30.4 - 24.3 seconds", "about 24 - 30"]
)
def test_the_strict_rule_takes_one_span_and_nothing_else(said: str) -> None:
    assert strict_span(said) is None
    assert strict_span("24.3 - 30.4 seconds") == strict_span(" 24.3 - 30.4 ") == (24.3, 30.4)
    assert lmms_charades("30.4 - 24.3 seconds") == (24.3, 30.4)


def test_activitynet_has_one_question_a_sentence() -> None:
    items = BENCHMARKS["activitynet-2"].load(FIXTURES / "activitynet_captions")
    assert [(i.id, i.text) for i in items] == [
        ("v_fxANetCap001#0", "An invented rower enters a boat."),
        ("v_fxANetCap001#1", "The rower lands."),
    ]
    assert items[0].question.text.endswith("24.3 - 30.4 seconds: An invented rower enters a boat.")


def test_a_gold_span_that_is_the_wrong_way_round_is_scored_as_meant() -> None:
    first = BENCHMARKS["charades-sta"].load(FIXTURES / "charades_sta")[0]
    turned = replace(first, evidence_seconds=((30.4, 24.3),))
    assert BENCHMARKS["charades-sta"].score(turned, "24.3 - 30.4 seconds", "strict").value == 1.0
