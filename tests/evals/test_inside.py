"""Rows of data sets name files inside the folder that their user gave, whichever set they are of."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evals.benchmarks.catalogue import BENCHMARKS
from evals.datasets.clips import open_clips
from evals.inside import resolve_inside
from rl.data.published import read_llava_video, read_video_r1, read_videokr
from tests.evals.test_benchmarks import LOADABLE, folder_of

OUTSIDE = (
    "/etc/passwd",
    "../secret",
    "a/../../secret",
    "..",
    "C:\\secret",
    "c:secret",
    "\\\\server\\share\\secret",
    "//server/share/secret",
    "..\\secret",
    "a\\..\\..\\secret",
    "v\0",
    "v\n",
    "v\ud800",
    "v" * 300,
    "v/" * 600,
)


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_name_that_leads_out_is_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"set, row 3: need the name of a file inside .*, which ") as caught:
        resolve_inside(tmp_path, name, "set, row 3")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "name", ["v.mp4", "a/b/v.mp4", "./a/v.mp4", "a..b.mp4", "…/v.mp4", "ä:ö.mp4", " v .mp4", "~/v.mp4"]
)
def test_a_name_inside_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    assert resolve_inside(tmp_path, name) == tmp_path / name


def test_a_link_of_a_file_or_of_a_folder_that_leads_out_is_refused(tmp_path: Path) -> None:
    folder, other = tmp_path / "set", tmp_path / "other"
    folder.mkdir()
    other.mkdir()
    (other / "secret.mp4").write_bytes(b"")
    (folder / "link.mp4").symlink_to(other / "secret.mp4")
    (folder / "linked").symlink_to(other)
    (folder / "circle").symlink_to(folder / "circle")
    for name in ("link.mp4", "linked/secret.mp4", "linked/none.mp4", "circle/v.mp4"):
        with pytest.raises(ValueError, match=r"is a link that leads (out of it|nowhere)"):
            resolve_inside(folder, name)


def test_links_that_stay_inside_and_those_of_the_user_are_followed(tmp_path: Path) -> None:
    disk, folder = tmp_path / "disk", tmp_path / "set"
    (disk / "deep").mkdir(parents=True)
    (disk / "deep" / "v.mp4").write_bytes(b"")
    (disk / "again.mp4").symlink_to(Path("deep") / "v.mp4")
    folder.mkdir()
    (folder / "videos").symlink_to(disk)  # a folder of a set on another disk
    assert resolve_inside(folder / "videos", "deep/v.mp4").exists()
    assert resolve_inside(folder / "videos", "again.mp4").exists()


def test_a_snapshot_in_the_hugging_face_cache_may_link_to_its_own_blobs_and_no_others(tmp_path: Path) -> None:
    repository = tmp_path / "datasets--own--set"
    snapshot, blobs = repository / "snapshots" / "abc", repository / "blobs"
    (snapshot / "videos").mkdir(parents=True)
    blobs.mkdir()
    (blobs / "hash").write_bytes(b"")
    (snapshot / "videos" / "v.mp4").symlink_to(Path("../../../blobs/hash"))
    (snapshot / "videos" / "w.mp4").symlink_to(tmp_path / "datasets--other--set" / "blobs" / "hash")
    assert resolve_inside(snapshot / "videos", "v.mp4").exists()
    with pytest.raises(ValueError, match="is a link that leads out of it"):
        resolve_inside(snapshot / "videos", "w.mp4")


EACH_KEY, MAP = "(each key)", "map_vid_vidorID.json"
_NAMED = {
    "video-mme": ("videoID", "video_id"),
    "mvbench": ("video",),
    "longvideobench": ("video_path", "subtitle_path"),
    "mlvu": ("video",),
    "lvbench": ("key",),
    "next-qa": (MAP,),
    "next-gqa": (MAP,),
    "next-oe": (MAP,),
    "intent-qa": (MAP,),
    "egoschema": ("q_uid",),
    "video-mmmu": ("id",),
    "mmvu": ("video",),
    "video-holmes": ("video ID",),
    "cg-bench": ("video_uid",),
    "charades-sta": (),
    "activitynet-qa": ("video_name",),
    "activitynet-1": (EACH_KEY,),
    "activitynet-2": (EACH_KEY,),
    "ego4d-nlq": ("clip_uid",),
    "v-star": ("vid",),
    "lv-haystack": ("video_id",),
    "longvideo-reason": ("videos",),
    "scivideobench": ("video_id",),
    "videomathqa": ("videoID",),
    "tvbench": ("video",),
    "perception-test": (EACH_KEY,),
    "hourvideo": (EACH_KEY,),
    "minerva": ("video_id",),
    "vrbench": ("video_path",),
    "tempcompass": (EACH_KEY,),
    "videokr-eval": ("video_path",),
    "video-reason-bench": ("video",),
    "vcr-bench": ("video_path",),
    "clevrer": ("video_filename",),
}
"""The keys that name files, by how a benchmark begins; or the file that is all names, or the keys of an object."""
_NAMELESS = ("longvidsearch",)
"""Sets whose rows name no file: each has its video's name in its own."""
_PREFIXED = ("activitynet-qa", "scivideobench")
"""Sets whose files begin alike, as v_NAME, which is never a path from the root."""


def spoiled(value: Any, keys: tuple[str, ...], name: str) -> Any:
    """The value with the name in place of every text under one of the keys."""
    if isinstance(value, dict):
        return {
            key: name if key in keys and isinstance(inner, str) else spoiled(inner, keys, name)
            for key, inner in value.items()
        }
    return [spoiled(inner, keys, name) for inner in value] if isinstance(value, list) else value


def spoil(path: Path, keys: tuple[str, ...], name: str) -> None:
    if path.suffix == ".parquet":
        tables, pyarrow = pytest.importorskip("pyarrow.parquet"), pytest.importorskip("pyarrow")
        rows = spoiled(tables.read_table(path).to_pylist(), keys, name)
        tables.write_table(pyarrow.Table.from_pylist(rows), path)
        return
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".txt":
        rest = text.split(" ", 1)[1]
        path.write_text(f"{name} {rest}", encoding="utf-8")
    elif path.suffix == ".jsonl":
        rows = [spoiled(json.loads(line), keys, name) for line in text.splitlines() if line.strip()]
        path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    elif path.name in keys:
        path.write_text(json.dumps(dict.fromkeys(json.loads(text), name)), encoding="utf-8")
    elif EACH_KEY in keys:
        path.write_text(json.dumps({name: next(iter(json.loads(text).values()))}), encoding="utf-8")
    else:
        path.write_text(json.dumps(spoiled(json.loads(text), keys, name)), encoding="utf-8")


@pytest.mark.parametrize("name", ["/etc/passwd", "../../../etc/passwd", "C:\\a/b/secret", "a\x1b[2J/../../b"])
@pytest.mark.parametrize("benchmark", LOADABLE)
def test_each_adapter_refuses_a_row_that_names_a_file_elsewhere(tmp_path: Path, benchmark: str, name: str) -> None:
    if benchmark in _NAMELESS:
        pytest.skip("its rows name no file")
    if benchmark in _PREFIXED and ".." not in name:
        pytest.skip("its names are never absolute")
    keys = next(keys for start, keys in _NAMED.items() if benchmark.startswith(start))
    folder = Path(shutil.copytree(folder_of(benchmark), tmp_path / "set"))
    for path in sorted(folder.rglob("*.*")):
        if path.suffix not in (".csv", ".srt") and "subtitles" not in path.parts:
            spoil(path, keys, f"{name}_Art_1" if benchmark.startswith("video-mmmu") else name)
    with pytest.raises(ValueError, match=r"row \d+.*need the name of a file inside") as caught:
        BENCHMARKS[benchmark].load(folder)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["/etc/passwd", "../v.mp4", "v\0.mp4", "D:v.mp4"])
def test_our_own_format_refuses_it_and_names_the_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "questions.jsonl").write_text(
        json.dumps({"video": "v.mp4", "question": "What?", "answer": "a"})
        + "\n"
        + json.dumps({"video": name, "question": "What?", "answer": "a"}),
        encoding="utf-8",
    )
    with pytest.raises(ValueError, match=r"questions.jsonl, line 2: need the name of a file inside"):
        open_clips(tmp_path)


@pytest.mark.parametrize(
    ("read", "row", "key"),
    [
        (
            read_llava_video,
            {"id": "1", "conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]},
            "video",
        ),
        (
            read_video_r1,
            {"problem_id": 1, "problem": "q", "data_type": "video", "problem_type": "open-ended", "solution": "a"},
            "path",
        ),
        (read_videokr, {"problem_id": 1, "question": "q", "solution": "a"}, "file_name"),
    ],
)
@pytest.mark.parametrize("name", ["/etc/passwd", "../v.mp4", "v\0.mp4"])
def test_training_sets_refuse_it_and_name_the_row(
    tmp_path: Path, read: Callable[[Path, Path], object], row: dict[str, Any], key: str, name: str
) -> None:
    path = tmp_path / "set.json"
    text = json.dumps({**row, key: name})
    path.write_text(text if read is read_videokr else f"[{text}]", encoding="utf-8")
    with pytest.raises(ValueError, match=r"set.json, row 1: .*need the name of a file inside"):
        read(path, tmp_path)


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 100_000, "9" * 5000, "\0", "nope"])
def test_files_of_sets_that_are_no_json_are_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "questions.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"questions.jsonl, line 1"):
        open_clips(tmp_path)
    (tmp_path / "questions.json").write_text(text, encoding="utf-8")
    (tmp_path / "subset_answers.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match=r"questions.json"):
        BENCHMARKS["egoschema"].load(tmp_path)


def test_a_file_that_is_no_utf_8_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "questions.json").write_bytes(b'[{"q_uid": "v\xe9"}]')
    (tmp_path / "subset_answers.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match=r"questions.json is not UTF-8"):
        BENCHMARKS["egoschema"].load(tmp_path)
    (tmp_path / "questions.json").replace(tmp_path / "questions.jsonl")
    with pytest.raises(ValueError, match=r"questions.jsonl is not UTF-8"):
        open_clips(tmp_path)
