"""What holds for every benchmark: it loads, gold is right by every rule, and no answer is wrong by the strict one."""

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.trajectory import Answer, Evidence
from evals.benchmarks.benchmark import Benchmark, score_strict_choice
from evals.benchmarks.catalogue import BENCHMARKS
from evals.benchmarks.item import Item, RawAnswer, reply_of
from evals.benchmarks.records import RecordPlace
from tests.evals.gold import gold_reply

FIXTURES = Path(__file__).parent / "fixtures"
PARQUET = {
    *("video-mme", "video-mme-subtitles", "video-mme-v2", "video-mmmu", "video-mmmu-question-only"),
    *("longvideo-reason", "lv-haystack", "videomathqa", "videomathqa-binary"),
}
FOLDERS = {
    "next-qa": "nextqa",
    "next-oe": "nextqa",
    "next-gqa": "nextgqa",
    "intent-qa": "intentqa",
    "activitynet-1": "activitynet_captions",
    "activitynet-2": "activitynet_captions",
}
"""Folders with another name than that of their benchmark, up to one of its dashes."""
RIGHT_WITHOUT_A_WORD = {
    ("mvbench", "official"),
    ("mvbench", "vlm"),
    ("mvbench-cut", "official"),
    ("mvbench-cut", "vlm"),
    ("tvbench", "official"),
}
"""The official MVBench, which TVBench follows: nothing is contained in everything."""

SECONDS = "mean span seconds"
"""The one metric that is no share."""

needs_parquet = pytest.mark.skipif(find_spec("pyarrow") is None, reason='needs pip install "videosleuth[evals]"')
LOADABLE = [
    pytest.param(name, marks=needs_parquet) if name in PARQUET else name
    for name in BENCHMARKS
    if name != "next-gqa-val"  # there is no record of that split: the file is like that of the test split
]


def folder_of(name: str) -> Path:
    parts = name.split("-")
    names = ["_".join(parts[:count]) for count in range(len(parts), 0, -1)]
    named = [folder for start, folder in FOLDERS.items() if name.startswith(start)]
    return next(path for folder in (*named, *names) if (path := FIXTURES / folder).is_dir())


def load(name: str) -> tuple[Benchmark, tuple[Item, ...]]:
    return BENCHMARKS[name], BENCHMARKS[name].load(folder_of(name))


@pytest.mark.parametrize("name", LOADABLE)
def test_official_files_load_and_every_question_can_be_asked(name: str) -> None:
    benchmark, items = load(name)
    assert items
    assert len({item.id for item in items}) == len(items)
    for item in items:
        assert item.question.id == item.id
        assert len(item.question.options) == len(item.options)
        for profile in benchmark.profiles:
            prompt = benchmark.prompt(item, profile, "")
            if (name, profile) != ("scivideobench", "lmms"):  # which writes times as numbers of frames
                assert item.text.casefold() in prompt.casefold()
            assert name == "tempcompass-yes-no" or all(option in prompt for option in item.options)


@pytest.mark.parametrize("name", LOADABLE)
def test_gold_answers_score_100_by_every_rule(name: str) -> None:
    benchmark, items = load(name)
    known = [item for item in items if item.gold is not None]
    for profile in benchmark.profiles:
        said = {item.id: benchmark.spell(item, gold_reply(item), profile) for item in known}
        found = benchmark.metrics(known, said, profile)
        shares = found.keys() - {SECONDS}
        if profile != "strict":  # which have other numbers too
            shares = {key for key in shares if key.startswith(("accuracy", "coverage"))}
        assert {key: found[key] for key in shares} == pytest.approx(dict.fromkeys(shares, 100)), profile
        assert bool(found) == bool(known)


@pytest.mark.parametrize("said", ["", None])
@pytest.mark.parametrize("name", LOADABLE)
def test_no_answer_scores_0_by_the_strict_rule(name: str, said: str | None) -> None:
    benchmark, items = load(name)
    for item in items:
        assert benchmark.score(item, said, "strict").value == (None if item.gold is None else 0.0)
    spelled = {item.id: benchmark.spell(item, RawAnswer(), "strict") for item in items if said is not None}
    found = benchmark.metrics([item for item in items if item.gold is not None], spelled, "strict")
    assert all(value == 0 for key, value in found.items() if key != SECONDS)


@pytest.mark.parametrize("name", LOADABLE)
def test_no_answer_is_right_only_where_the_published_rule_says_so(name: str) -> None:
    benchmark, items = load(name)
    for profile in benchmark.profiles:
        choices = [item for item in items if item.right is not None]
        values = {benchmark.score(item, "", profile).value for item in choices}
        if (name, profile) in RIGHT_WITHOUT_A_WORD:
            assert values == {1.0}
        elif profile == "official" and name not in ("longvideobench",):
            assert values <= {0.0, None}


@pytest.mark.parametrize(
    "name", [name for name in LOADABLE if not isinstance(name, str) or BENCHMARKS[name].submission]
)
def test_a_submission_keeps_every_answer(name: str) -> None:
    benchmark, items = load(name)
    if benchmark.submission is None:
        pytest.skip("no server holds its answers")
    said = {item.id: item.letters[-1] if item.options else "2 - 4.5 seconds" for item in items}
    text = benchmark.submission.write(items, said)
    assert benchmark.submission.read(text) == said
    assert benchmark.submission.write(items, benchmark.submission.read(text)) == text


def test_reading_all_benchmarks_imports_nothing_heavy() -> None:
    heavy = "torch cv2 av numpy transformers datasets lmms_eval pyarrow langgraph".split()
    code = "import sys, evals.benchmarks.catalogue, evals.datasets.lint, evals.benchmarks.cues\n"
    code += f"print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_without_the_reader_of_parquet_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # Python's own way to say that it is not there
    with pytest.raises(ValueError, match=r"parquet file: to read it, .*install .*\[evals\]"):
        load("video-mme")


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ValueError, match=r"lvb_val\.json does not exist: the data must be the folder"):
        BENCHMARKS["longvideobench"].load(FIXTURES / "egoschema")


DAMAGES = {
    "longvideobench lvb_val.json": [
        ('"correct_choice": 0', '"correct_choice": 5', "row 2: correct_choice: need an index of 5 candidates, got '5'"),
        ('"duration_group": 3600,', "", "row 2: the key 'duration_group' is missing"),
    ],
    "mlvu json/3_ego.json": [
        ('"answer": "four"', '"answer": "5"', "row 2: answer: need one of the candidates, got '5'")
    ],
    "mvbench json/state_change.json": [
        ('"candidates": [', '"candidates": [7, ', "row 1: candidates: need a list of texts")
    ],
    "lvbench video_info.meta.jsonl": [
        ('"answer": "A"', '"answer": "E"', "row 1: answer: need a letter of 4 options, got 'E'"),
        ('"qa": [', '"qa": 7, "x": [', "row 1: qa: need a list of objects, got '7'"),
    ],
    "next-qa mc/val.csv": [
        ("run over", "", "row 2: a4: need a text, got ''"),
        (",run over", "", "row 2: the key 'a4' is"),
    ],
    "next-qa map_vid_vidorID.json": [("9000000001", "1", "row 1: the key '9000000001' is missing")],
    "next-gqa gsub_test.json": [
        ("[2.0, 5.5]", "2.0, 5.5", "9000000001, row 1: 0: need a list of [start, end]"),
        ('"3":', '"4":', "9000000001, row 1: the key '3' is missing"),
    ],
    "egoschema questions.json": [
        ('"option 4": "invented behaviour 4"', '"option 4": null', "row 1: option 4: need a text, got 'None'")
    ],
    "egoschema subset_answers.json": [(": 3", ": 5", "row 1: 00000000-fake-4000-8000-000000000000: need 0 to 4")],
    "mmvu validation.json": [('"E": "none"', '"F": "none"', "row 1: choices: need options A, B and so on")],
    "video-holmes test_Video-Holmes.json": [('"E",', '"e",', "row 1: Answer: need a letter of 6 options, got 'e'")],
    "cg-bench cgbench.json": [("1700.0", '"long"', "row 1: duration: need a number, got 'long'")],
    "charades-sta charades_sta_test.txt": [("0.0 6.9##", "0.0 ", "row 2: need VIDEO START END##SENTENCE")],
    "activitynet-2 val_2.json": [
        (', " The rower lands."', "", "v_fxANetCap001, row 1: sentences: need one for each of 2 timestamps")
    ],
}
"""What is replaced in a file by what, and what the error then says after the name of the file."""


@pytest.mark.parametrize(("where", "damage"), [(where, damage) for where in DAMAGES for damage in DAMAGES[where]])
def test_a_damaged_record_is_named_by_file_row_and_key(
    tmp_path: Path, where: str, damage: tuple[str, str, str]
) -> None:
    (name, file), (old, new, message) = where.split(), damage
    shutil.copytree(folder_of(name), tmp_path, dirs_exist_ok=True)
    text = (tmp_path / file).read_text()
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new))
    with pytest.raises(ValueError, match=re.escape(f"{Path(file).name}, {message}")):
        BENCHMARKS[name].load(tmp_path)


def test_a_cut_off_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "lvb_val.json").write_text('[{"id": "a"')
    with pytest.raises(ValueError, match=r"lvb_val\.json is not JSON: .*; fetch it again"):
        BENCHMARKS["longvideobench"].load(tmp_path)


def choice(options: tuple[str, ...], right: int) -> Item:
    place = RecordPlace("drawn", 1)
    gold = options[right]
    return Item("q", "choice", Path("v.mp4"), "v", "Which?", place, options, options.index(gold), gold)


@given(st.data())
def test_shuffled_options_leave_the_strict_score_as_it_is(data: st.DataObject) -> None:
    # three words for up to six options: equal options occur, as they do in published sets
    words = data.draw(st.lists(st.sampled_from(["red", "green", "blue"]), min_size=2, max_size=6))
    right, chosen = (data.draw(st.integers(0, len(words) - 1)) for _ in range(2))
    order = data.draw(st.permutations(range(len(words))))
    item = choice(tuple(words), right)
    moved = item.shuffled(order)
    before = score_strict_choice(item, item.letters[chosen])
    after = score_strict_choice(moved, moved.letters[order.index(chosen)])
    assert before.value == after.value == float(words[chosen] == words[right])


@pytest.mark.parametrize("name", LOADABLE)
def test_shuffling_keeps_what_is_right_in_every_benchmark(name: str) -> None:
    benchmark, items = load(name)
    for item in items:
        if item.right is None or item.kind != "choice":
            continue
        moved = item.shuffled(tuple(reversed(range(len(item.options)))))
        for reply, value in ((gold_reply(item), 1.0), (RawAnswer((item.right + 1) % len(item.options)), 0.0)):
            assert reply.option is not None
            there = RawAnswer(len(item.options) - 1 - reply.option, reply.text, reply.spans)
            for asked, given_reply in ((item, reply), (moved, there)):
                assert benchmark.score(asked, benchmark.spell(asked, given_reply, "strict"), "strict").value == value


def test_an_answer_of_the_agent_is_spelled_as_each_scorer_wants_it() -> None:
    _, items = load("video-holmes")
    reply = reply_of(Answer("E", option=4, evidence=(Evidence(1.0, 2.0),)))
    holmes = BENCHMARKS["video-holmes"]
    assert holmes.spell(items[0], reply, "strict") == holmes.spell(items[0], reply, "lmms") == "E"
    assert holmes.spell(items[0], reply, "official") == "<answer>E</answer>"
    assert reply_of(Answer("", not_shown=True)) == reply_of(None) == RawAnswer()


def test_equal_options_differ_for_the_agent_and_are_both_right() -> None:
    item = choice(("yes", "no", "yes"), 2)
    assert item.question.options == ("yes", "no", "yes (2)")
    assert item.right_letters == "AC"
    assert item.example is not None
    assert item.example.option == 0
