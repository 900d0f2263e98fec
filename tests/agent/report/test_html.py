"""The report page, read back with the standard library's HTML parser: structure, escaping, honesty, no network."""

import base64
import hashlib
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from agent.report.html import build_meters, describe_confidence, render, write_report
from agent.report.images import gather_pictures
from agent.trajectory import (
    Answer,
    Calls,
    Evidence,
    Limits,
    Malformed,
    Question,
    Result,
    Setup,
    Statement,
    Step,
    Stop,
    ToolCall,
    Trajectory,
    Turn,
    Usage,
    Verification,
    VideoFacts,
    from_json,
    to_json,
)
from tools.observation import Finding, FrameRef, Observation

CROP = (0.25, 0.25, 0.75, 0.75)
WHOLE = FrameRef(12.0, 360, 640)
LARGE = FrameRef(12.0, 540, 960)
"""The same as an exhibit shows it, of a video of 1280x720."""
CLOSE = FrameRef(12.0, 180, 320, CROP)
HOSTILE = (
    '</script></style><script>alert(1)</script><img src="http://evil.example/x.png" onerror=alert(1)> {{ 7 * 7 }} %}'
)
SETUP = Setup("native", 0.0, 1.0, 0, 100, 100_000, None, "")
VOID = {"meta", "img", "br", "link", "input", "hr"}


def picture(ref: FrameRef) -> bytes:
    """A plain picture, its colour told by time and crop."""
    colour = (int(ref.seconds * 7) % 256, 90 if ref.box == CROP else 160, 120)
    coded = io.BytesIO()
    Image.new("RGB", (ref.width, ref.height), colour).save(coded, "JPEG")
    return coded.getvalue()


def played(text: str = "An unlucky bird") -> Trajectory:
    """One overview, one reading with a close-up, one broken turn, an answer."""
    overview = tuple(FrameRef(t, 180, 320) for t in (10.0, 30.0, 50.0))
    reading = Finding("text", 12.0, 12.04, text, 0.9, (0.5, 0.5, 0.625, 0.5625))
    speech = Finding("speech", 20.0, 22.0, "Thanks for watching", -0.4, None, 0.83, "nobody may be speaking")
    first = Step(
        Turn(f"Thinking of {text}", Calls((ToolCall("t1c1", "overview", {"count": 3}),)), Usage(0.5, 100, 20)),
        (Result("t1c1", Observation(text, overview), seconds=0.2),),
    )
    second = Step(
        Turn(
            "",
            Calls((ToolCall("t2c1", "zoom", {"seconds": 12.0, "box": CROP, "why": text}), ToolCall("t2c2", "s", {}))),
        ),
        (
            Result("t2c1", Observation("close", (WHOLE, CLOSE), (reading,))),
            Result("t2c2", Observation("speech", (), (speech,))),
        ),
    )
    broken = Step(Turn("", Malformed(text, "cut in half")), notice="Answer now.")
    evidence = (
        Evidence(11.0, 13.0, ("t2c1",), (CLOSE,), text, "screen text", "a note"),
        Evidence(20.0, 22.0, ("t2c2",), (), "Thanks for watching", "speech"),
    )
    last = Step(Turn("Sure.", Answer(text, None, 0.8, evidence)))
    return Trajectory(
        Question("/videos/bird.mp4", f"What is written? {text}"),
        VideoFacts("ab12", 60.0, 1280, 720),
        "scripted",
        Limits(max_turns=8),
        (first, second, broken, last),
        Stop.ANSWERED,
    )


class Page(HTMLParser):
    """Elements, ids, addresses and text of a page; fails on a tag that is not closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] not in (["style"], ["script"]):
            self.text += data

    def all(self, tag: str, class_name: str = "") -> list[dict[str, str]]:
        wanted = [attrs for name, attrs in self.elements if name == tag]
        return [attrs for attrs in wanted if not class_name or class_name in attrs.get("class", "").split()]

    @property
    def words(self) -> str:
        return " ".join(self.text.split())


def page(trajectory: Trajectory) -> Page:
    return Page(render(trajectory, picture))


def test_the_page_is_well_formed_and_every_inner_link_leads_somewhere() -> None:
    read = page(played())
    ids = [attrs["id"] for _, attrs in read.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = {attrs["href"][1:] for _, attrs in read.elements if attrs.get("href", "").startswith("#")}
    assert links <= set(ids)
    assert len(read.all("h1")) == 1


def test_nothing_is_fetched_and_no_foreign_script_may_run() -> None:
    read = page(played(HOSTILE))
    for _, attrs in read.elements:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            assert attrs.get(name, "#").startswith(("#", "data:image/jpeg;base64,"))
        assert not [name for name in attrs if name.startswith("on") or name == "style"]
    style = [line for line in render(played(), picture).split("\n") if "url(" in line or "@import" in line]
    assert style == []


def test_the_content_policy_names_the_hash_of_the_only_script_and_style() -> None:
    html = render(played(HOSTILE), picture)
    policy = next(a["content"] for a in Page(html).all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:;")
    for tag in ("script", "style"):
        bodies = re.findall(rf"<{tag}\b[^>]*>(.*?)</{tag}>", html, re.DOTALL)
        assert len(bodies) == 1
        digest = base64.b64encode(hashlib.sha256(bodies[0].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_hostile_words_stay_words() -> None:
    read = page(played(HOSTILE))
    assert read.words.count(" ".join(HOSTILE.split())) >= 5  # question, answer, thought, observation, quote
    assert "{{ 7 * 7 }}" in read.words
    assert "49" not in read.words
    assert read.all("img") == []
    assert len(read.all("script")) == 1


def test_hostile_call_names_and_ids_do_not_become_markup_or_addresses() -> None:
    bad = '"><script>x</script>'
    step = Step(Turn("", Calls((ToolCall(bad, bad, {bad: bad}),))), (Result(bad, Observation("", is_error=True)),))
    read = page(replace(played(), steps=(step,), stop=Stop.TURN_LIMIT))
    assert len(read.all("script")) == 1
    assert bad in read.text


def test_control_characters_and_lone_surrogates_do_not_break_the_page(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    write_report(played("a\x00b\x1bc\ud800d"), target, picture)
    html = target.read_bytes().decode("utf-8")
    assert "\x00" not in html
    assert "a␀b␛c?d" in html


def test_the_chosen_option_is_marked_and_only_that_one() -> None:
    start = played()
    answer = Answer("blue", 1, 0.4)
    steps = (*start.steps[:-1], Step(Turn("", answer)))
    read = page(replace(start, question=replace(start.question, options=("red", "blue", "green")), steps=steps))
    assert len(read.all("li", "chosen")) == 1
    assert "Bbluechosen" in "".join(read.text.split())


def test_not_shown_is_an_answer_of_its_own_with_what_was_looked_at() -> None:
    start = played()
    read = page(replace(start, steps=(start.steps[0], Step(Turn("", Answer("", not_shown=True))))))
    assert "Not shown in this video" in read.words
    assert "in 3 frames" in read.words


def test_i_cant_tell_says_why_and_neither_claims_nor_rates_anything() -> None:
    start = played()
    why = "I can't tell, because <b>the sign</b> can't be read."
    read = page(replace(start, steps=(start.steps[0], Step(Turn("", Answer(why, cannot_tell=True))))))
    assert "I can't tell, because <b>the sign</b> can't be read." in read.words
    assert "Not shown" not in read.words
    assert "confiden" not in read.words


def test_what_could_not_be_seen_or_read_stands_beside_the_answer() -> None:
    start = played()
    facts = replace(start.facts, gaps=("the second half could not be decoded",))
    read = page(replace(start, facts=facts, steps=(start.steps[0], Step(Turn("", Answer("", not_shown=True))))))
    assert "Not established: the second half could not be decoded." in read.words


def test_no_answer_says_why() -> None:
    assert "Too many turns in a row could not be read." in page(replace(played(), steps=(), stop=Stop.MALFORMED)).words


def test_a_crash_shows_its_message() -> None:
    read = page(replace(played(), stop=Stop.CRASHED, error="ZeroDivisionError: <b>by zero</b>"))
    assert "ZeroDivisionError: <b>by zero</b>" in read.words
    assert "This is a bug of Video Sleuth" in read.words


def test_disagreement_of_the_second_look_is_shown_with_what_was_stated() -> None:
    words = page(replace(played(), verification=Verification(False, "A lucky bird"))).words
    assert "the policy says A lucky bird" in words
    assert "it had stated 80 %" in words
    # (2 * 0.8 + 1 of 2) / (2 + 2)
    assert "65 %" in words


def test_what_no_model_was_asked_for_has_no_price() -> None:
    start = played()
    free = replace(start, steps=tuple(replace(s, turn=replace(s.turn, usage=Usage())) for s in start.steps))
    assert [meter.name for meter in build_meters(free)] == ["Turns", "Frames", "Seconds"]


def test_lite_never_agrees_with_itself() -> None:
    """Runs saved long ago may hold a second look of its rules at the same lines."""
    saved = replace(played(), policy="lite", verification=Verification(True, "An unlucky bird"))
    words = page(saved).words
    assert "No second look." in words
    assert "same answer" not in words
    assert "80 % fairly sure, by the policy's own estimate" in words


def test_an_answer_that_was_sent_back_and_then_agreed_with_says_both() -> None:
    start = played()
    answered = start.steps[-1]
    steps = (*start.steps[:-1], replace(answered, notice="Look once more."), answered)
    run = replace(start, steps=steps, doubted=Verification(False, "no"), verification=Verification(True, "yes"))
    words = page(run).words
    assert "Asked again with the evidence alone, the policy gives the same answer." in words
    assert "An earlier answer was not borne out by its evidence, so it looked once more." in words


def test_a_second_look_without_an_answer_is_neither_for_nor_against() -> None:
    words = page(replace(played(), verification=Verification(None, ""))).words
    assert "The second look came to no answer." in words
    assert "80 % fairly sure, by the policy's own estimate" in words


def test_each_claim_stands_with_its_own_exhibits() -> None:
    start = played()
    answer = start.answer
    assert answer is not None
    claims = (Statement("A bird is named", answer.evidence[:1]), Statement("Thanks are given", answer.evidence[1:]))
    read = page(replace(start, steps=(*start.steps[:-1], Step(Turn("", replace(answer, claims=claims))))))
    assert "What it says" in read.words
    assert re.search(r"A bird is named Exhibit 1 .*Thanks are given Exhibit 2", read.words)


def test_the_video_plays_at_each_exhibit_where_it_lies_beside_the_page(tmp_path: Path) -> None:
    start = replace(played(), question=Question(str(tmp_path / "in" / "a bird#1.mp4"), "q"))
    (tmp_path / "out").mkdir()
    write_report(start, tmp_path / "out" / "page.html", picture)
    read = Page((tmp_path / "out" / "page.html").read_text(encoding="utf-8"))
    wanted = "../in/a%20bird%231.mp4"
    assert [attrs["src"] for attrs in read.all("video")] == [f"{wanted}#t=11.00,13.00", f"{wanted}#t=20.00,22.00"]
    assert "media-src 'self' file:;" in read.all("meta")[1]["content"]


@pytest.mark.parametrize("name", ["/videos/bird.avi", "/videos/bird"])
def test_what_no_browser_plays_gets_no_player(tmp_path: Path, name: str) -> None:
    write_report(replace(played(), question=Question(name, "q")), tmp_path / "page.html", picture)
    read = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert read.all("video") == []
    assert "media-src" not in read.all("meta")[1]["content"]


@pytest.mark.parametrize("text", ["", "not shown", "Not shown in this video."])
def test_not_shown_is_said_once(text: str) -> None:
    start = played()
    steps = (start.steps[0], Step(Turn("", Answer(text, not_shown=True))))
    (answer,) = re.findall(r"Answer (Not shown.*?) No confidence", page(replace(start, steps=steps)).words, re.I)
    assert answer.lower().count("not shown") == 1
    assert page(replace(start, steps=steps)).words.count("in 3 frames") == 1


def test_a_box_is_one_and_boxes_are_many() -> None:
    assert "1 box drawn" in str(page(played()).all("svg", "canvas"))


def test_what_was_not_measured_is_not_zero() -> None:
    start = played()
    unmeasured = replace(start, steps=tuple(replace(s, turn=replace(s.turn, usage=Usage())) for s in start.steps))
    unmeasured = replace(unmeasured, setup=SETUP)
    rows = {meter.name: meter for meter in build_meters(unmeasured)}
    assert (rows["Tokens"].used, rows["Cost"].used) == ("not measured", "not known")
    assert rows["Turns"].used == "4"
    assert rows["Turns"].limit == "of 8"
    assert "not measured" in page(unmeasured).words


def test_a_cost_known_for_some_turns_is_not_known() -> None:
    start = played()
    priced = replace(start.steps[0], turn=replace(start.steps[0].turn, usage=Usage(cost_usd=0.002)))
    rows = {meter.name: meter for meter in build_meters(replace(start, steps=(priced, *start.steps[1:]), setup=SETUP))}
    assert rows["Cost"].used == "not known"


def test_a_box_is_drawn_where_the_finding_is_also_within_a_close_up() -> None:
    # the box (0.5, 0.5, 0.625, 0.5625) of a 640x360 frame, and of its middle half shown at 320x180
    rects = page(played()).all("rect", "edge")
    places = {(r["x"], r["y"], r["width"], r["height"]) for r in rects}
    assert ("320.0", "180.0", "80.0", "22.5") in places
    assert ("160.0", "90.0", "80.0", "22.5") in places


def test_a_place_that_the_answer_points_at_is_drawn_on_its_exhibit_in_whatever_size_it_is_shown() -> None:
    start = played()
    seen = Evidence(29.0, 31.0, ("t1c1",), start.frames_seen[1:2], box=(0.25, 0.5, 0.5, 1.0))
    read = page(replace(start, steps=(start.steps[0], Step(Turn("", Answer("a bird", evidence=(seen,)))))))
    # of the exhibit, 960x540, and of the small frame of the overview, 320x180
    places = {(r["x"], r["y"], r["width"], r["height"]) for r in read.all("rect", "edge")}
    assert places == {("240.0", "270.0", "240.0", "270.0"), ("80.0", "90.0", "80.0", "90.0")}


def test_a_box_outside_a_close_up_is_not_drawn_in_it() -> None:
    start = played()
    elsewhere = replace(start.steps[1].results[0].observation.findings[0], box=(0.0, 0.0, 0.1, 0.1))
    result = Result("t2c1", Observation("", (CLOSE,), (elsewhere,)))
    step = replace(start.steps[1], results=(result, start.steps[1].results[1]))
    read = page(replace(start, steps=(start.steps[0], step), stop=Stop.TURN_LIMIT))
    assert read.all("rect", "edge") == []


def test_a_box_found_seconds_earlier_is_not_drawn_on_a_later_frame() -> None:
    start = played()
    earlier = Finding("text", 5.0, 20.0, "something else", 0.9, (0.1, 0.1, 0.2, 0.2))
    result = Result("t2c1", Observation("", (WHOLE,), (earlier,)))
    step = replace(start.steps[1], results=(result, start.steps[1].results[1]))
    read = page(replace(start, steps=(start.steps[0], step), stop=Stop.TURN_LIMIT))
    assert read.all("rect", "edge") == []


def test_a_close_up_in_evidence_comes_with_its_whole_frame() -> None:
    asked: list[FrameRef] = []

    def remembering(ref: FrameRef) -> bytes:
        asked.append(ref)
        return picture(ref)

    html = render(played(), remembering)
    assert asked[:2] == [LARGE, CLOSE]
    assert "exhibit-1-frame-2" in html


def test_text_evidence_without_a_frame_shows_the_frame_it_was_read_in() -> None:
    start = played()
    answer = start.answer
    assert answer is not None
    bare = replace(answer, evidence=(replace(answer.evidence[0], frames=()),))
    assert "exhibit-1-frame-1" in render(replace(start, steps=(*start.steps[:-1], Step(Turn("", bare)))), picture)


def test_doubtful_speech_is_marked_as_doubtful_in_evidence_and_in_its_turn() -> None:
    words = page(played()).words
    assert "Doubtful: nobody may be speaking (silence: 83 %)" in words
    assert "1 of these lines is doubtful, and may be invented" in words


def test_a_subtitle_is_not_called_doubtful() -> None:
    start = played()
    line = Finding("speech", 20.0, 22.0, "Thanks for watching")
    results = (start.steps[1].results[0], Result("t2c2", Observation("", (), (line,))))
    steps = (start.steps[0], replace(start.steps[1], results=results), *start.steps[2:])
    assert "doubtful" not in page(replace(start, steps=steps)).words.lower()


def test_the_same_picture_is_stored_once() -> None:
    read = page(played())
    stored = read.all("image")
    assert len(stored) == 6  # three of the overview, the whole frame as shown and as an exhibit, the close-up
    assert len({attrs["href"] for attrs in stored}) == 6
    assert len([1 for attrs in read.all("use") if attrs["href"] == f"#{stored[0]['id']}"]) >= 2


def test_a_picture_that_is_gone_leaves_its_place_marked() -> None:
    read = Page(render(played(), lambda ref: None))
    assert "picture not kept" in read.words
    assert read.all("image") == []


def test_a_repeat_points_to_the_first_call_instead_of_showing_everything_twice() -> None:
    start = played()
    again = Step(
        Turn("", Calls((ToolCall("t2c1", "overview", {"count": 3}),))),
        (replace(start.results[0], call_id="t2c1", repeat_of="t1c1"),),
    )
    read = page(replace(start, steps=(start.steps[0], again), stop=Stop.TURN_LIMIT))
    assert len(read.all("figure")) == 3
    assert "The same as the first call" in read.words


def test_the_timeline_has_a_lane_for_evidence_coverage_and_each_turn() -> None:
    read = page(played())
    assert len(read.all("div", "lane")) == 2 + 4
    evidence = read.all("rect", "evidence")[0]
    assert (evidence["x"], evidence["width"]) == ("18.333%", "3.333%")  # 11 s and 2 s of 60 s
    assert {"#turn-1-call-1-frame-1", "#turn-2-call-1-frame-2"} <= {a.get("href") for a in read.all("a")}


def test_a_video_of_no_length_and_a_run_without_turns_still_make_a_page() -> None:
    start = played()
    read = page(replace(start, steps=(), stop=None, facts=replace(start.facts, duration_seconds=0.0)))
    assert "No turn was played." in read.words


def test_a_saved_trajectory_gives_the_same_page() -> None:
    assert render(from_json(to_json(played())), picture) == render(played(), picture)


def test_pictures_over_the_budget_are_made_smaller_until_they_fit() -> None:
    def noisy(ref: FrameRef) -> bytes:
        coded = io.BytesIO()
        Image.effect_noise((ref.width, ref.height), 90).convert("RGB").save(coded, "JPEG", quality=95)
        return coded.getvalue()

    refs = [FrameRef(float(i), 360, 640) for i in range(4)]
    kept = gather_pictures(refs, noisy, budget_bytes=10**9)
    assert {picture.width for picture in kept.stored} == {640}
    fitted = gather_pictures(refs, noisy, budget_bytes=150_000)
    assert sum(len(picture.jpeg) for picture in fitted.stored) <= 150_000
    assert all(picture.width / picture.height == pytest.approx(16 / 9, rel=0.02) for picture in fitted.stored)


@pytest.mark.parametrize(
    ("confidence", "words"),
    [
        (None, "no confidence stated"),
        (1.0, "sure"),
        (0.65, "fairly sure"),
        (0.4, "unsure"),
        (0.0, "little more than a guess"),
    ],
)
def test_a_confidence_has_a_plain_label(confidence: float | None, words: str) -> None:
    assert describe_confidence(confidence) == words


def _luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("front", "back"),
    [
        *[(front, back) for front in ("ink", "soft", "mark", "look") for back in ("paper", "wash")],
        ("ink", "mark-wash"),
        ("mark", "mark-wash"),
        ("warn", "warn-wash"),
        ("warn", "paper"),
        ("bad", "paper"),
        ("good", "paper"),
        ("soft", "mark-wash"),
    ],
)
def test_text_has_the_contrast_of_wcag_aa(theme: int, front: str, back: str) -> None:
    css = re.search(r"<style>(.*?)</style>", render(played(), picture), re.DOTALL)
    assert css is not None
    blocks = re.findall(r":root \{(.*?)\}", css[1], re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[theme]))
    bright, dim = sorted((_luminance(colours[front]), _luminance(colours[back])), reverse=True)
    assert (bright + 0.05) / (dim + 0.05) >= 4.5
