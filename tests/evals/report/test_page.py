"""The page: words stay words, nothing is fetched, misses stand beside hits, and each leads to its own page."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from agent.trajectory import Answer
from evals.datasets.registry import open_set
from evals.report.__main__ import load_runs, main
from evals.report.gallery import draw_pairs, kind_of
from tests.evals.report.stored import RIGHT, WRONG, asked_by, played, write_run
from tests.evals.sets_drawn import row, write_set

HOSTILE = '<script>alert(1)</script><img src="http://x.example/a.png"> | \x07 & "'


class Seen(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_hostile_words_stay_words_on_the_page_and_in_markdown(tmp_path: Path) -> None:
    options = ["red", HOSTILE, "blue"]
    hostile = row(question=f"What {options[1]}?", options=options, answer="red", needs=["<b>need</b>"])
    data = write_set(tmp_path / "data", [hostile, hostile | {"needs": ["other"], "question": "And?"}])
    questions = open_set("clips", str(data))
    rows = [played(q, Answer(HOSTILE, 1, 0.5)) for q in asked_by(questions)]
    folder = write_run(tmp_path / "run", questions, data, rows, policy="<i>policy</i>")
    markdown = main([folder], tmp_path / "report.html", 2, "<u>command</u>")
    page = Seen((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert not page.all("script")
    assert {"i", "u"}.isdisjoint(tag for tag, _ in page.tags)
    assert options[1].replace("\x07", "\u2407") in page.text
    assert "<b>need</b>" in page.text
    assert "&lt;b>need" in markdown
    assert "<b>need" not in markdown


def test_the_page_fetches_nothing_and_runs_nothing(tmp_path: Path) -> None:
    data = write_set(tmp_path / "data", [row(), row()])
    questions = open_set("clips", str(data))
    folder = write_run(tmp_path / "run", questions, data, [played(q, RIGHT) for q in asked_by(questions)])
    main([folder], tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = Seen(text)
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "script-src" not in policy
    assert page.all("img")
    assert all((image["src"] or "").startswith("data:image/jpeg;base64,") for image in page.all("img"))
    assert not [attributes for _, attributes in page.tags if "style" in attributes or "onload" in attributes]
    assert text.count("<style") == 1  # the hash of the policy is of one: what brings its own is drawn without it
    assert "Dots on the dashed line" in text
    assert "url(" not in text
    assert {"script", "link", "iframe", "object"}.isdisjoint(tag for tag, _ in page.tags)


def test_every_figure_of_the_markdown_is_on_the_page(tmp_path: Path) -> None:
    data = write_set(tmp_path / "data", [row(), row("other.mp4")])
    questions = open_set("clips", str(data))
    rows = [played(q, x) for q, x in zip(asked_by(questions), (RIGHT, WRONG), strict=True)]
    markdown = main([write_run(tmp_path / "run", questions, data, rows)], tmp_path / "report.html")
    text = Seen((tmp_path / "report.html").read_text(encoding="utf-8")).text
    cells = {cell.strip() for line in markdown.splitlines() if line.startswith("| ") for cell in line.split("|")}
    assert not [cell for cell in cells if cell.replace("&lt;", "<") not in text]


def test_misses_take_the_kinds_in_turn_and_stand_beside_hits_of_their_kind(tmp_path: Path) -> None:
    needs = ["text"] * 6 + ["zoom"] * 2
    data = write_set(tmp_path / "data", [row(needs=[need]) for need in needs])
    questions = open_set("clips", str(data))
    answers = (WRONG, WRONG, WRONG, WRONG, RIGHT, RIGHT, WRONG, RIGHT)
    rows = [played(q, x) for q, x in zip(asked_by(questions), answers, strict=True)]
    run = load_runs([write_run(tmp_path / "run", questions, data, rows)])[0]
    pairs = draw_pairs(run, 3)
    kinds = [(kind_of(miss), kind_of(hit)) for miss, hit in pairs if miss is not None and hit is not None]
    assert kinds == [("text", "text"), ("zoom", "zoom"), ("text", "text")]
    assert pairs == draw_pairs(run, 3)
    assert [hit is None for _, hit in draw_pairs(run, 5)] == [False, False, False, True, True]
    assert len(draw_pairs(run, 100)) == 5


def test_where_nothing_is_wrong_there_are_hits_alone(tmp_path: Path) -> None:
    data = write_set(tmp_path / "data", [row(), row()])
    questions = open_set("clips", str(data))
    folder = write_run(tmp_path / "run", questions, data, [played(q, RIGHT) for q in asked_by(questions)])
    assert [miss for miss, _ in draw_pairs(load_runs([folder])[0], 2)] == [None, None]


def test_each_card_leads_to_the_page_of_its_trajectory(tmp_path: Path) -> None:
    data = write_set(tmp_path / "data", [row(), row("odd name %41 #1.mp4")])
    questions = open_set("clips", str(data))
    rows = [played(q, x) for q, x in zip(asked_by(questions), (RIGHT, WRONG), strict=True)]
    main([write_run(tmp_path / "run", questions, data, rows)], tmp_path / "my report.html", 4)
    page = Seen((tmp_path / "my report.html").read_text(encoding="utf-8"))
    links = [link["href"] or "" for link in page.all("a") if not (link["href"] or "").startswith("#")]
    assert len(links) == 2
    for link in links:
        assert re.fullmatch(r"my%20report_pages/[\w.-]+\.html", link)
        assert "Which colour is second?" in (tmp_path / unquote(link)).read_text(encoding="utf-8")


def test_without_the_video_there_are_figures_and_no_pictures(tmp_path: Path) -> None:
    data = write_set(tmp_path / "data", [row(), row()])
    questions = open_set("clips", str(data))
    folder = write_run(tmp_path / "run", questions, data, [played(q, RIGHT) for q in asked_by(questions)])
    (data / "drawn.mp4").unlink()
    said: list[str] = []
    main([folder], tmp_path / "report.html", say=said.append)
    page = Seen((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert not page.all("img")
    assert [line for line in said if "2 videos without pictures, for example: no video at" in line]


def test_under_a_control_no_picture_of_the_whole_video_is_shown(tmp_path: Path) -> None:
    data = write_set(tmp_path / "data", [row(), row()])
    questions = open_set("clips", str(data))
    rows = [played(q, RIGHT) for q in asked_by(questions, "shuffled-frames")]
    main([write_run(tmp_path / "run", questions, data, rows, control="shuffled-frames")], tmp_path / "report.html")
    page = Seen((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert not page.all("img")
    assert not (tmp_path / "report_pages").exists()


def test_a_page_that_can_not_be_written_is_known_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"can't write .*: .* is not a folder"):
        main([tmp_path / "nowhere"], tmp_path / "no" / "report.html")
