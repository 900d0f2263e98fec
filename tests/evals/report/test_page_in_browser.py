"""The page in a real browser, on a telephone and on a screen: `make test-browser`."""

from pathlib import Path

import pytest

from agent.trajectory import Answer, Usage
from evals.datasets.registry import open_set
from evals.report.__main__ import main
from tests.browser import look, needs_browser
from tests.evals.report.stored import RIGHT, WRONG, asked_by, played, write_run
from tests.evals.sets_drawn import row, write_set

pytestmark = needs_browser

LONG = "averylongwordwithoutanybreak" * 12
HOSTILE = f"<script>window.hacked = 1</script><img src=http://127.0.0.1:9/a.png> {LONG}"

COUNTED = """
  said.fetched = view.performance.getEntriesByType("resource").map((one) => one.name).filter((n) => !/^data:/.test(n));
  said.scripts = page.scripts.length;
  said.pictures = [...page.images].filter((one) => one.naturalWidth > 0).length;
  said.charts = [...page.querySelectorAll("svg.chart")].filter((c) => c.getBoundingClientRect().height > 40).length > 0;
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs, one of them of a model under a control, whose names, words and labels are all long and hostile."""
    folder = tmp_path_factory.mktemp("page")
    asked = row(question=HOSTILE, options=["red", "green", HOSTILE], needs=[HOSTILE])
    data = write_set(folder / "data", [asked, asked | {"question": f"{HOSTILE}?"}, asked | {"video": "other.mp4"}])
    questions = open_set("clips", str(data))
    answers = (RIGHT, WRONG, Answer(HOSTILE, 2, 0.3, WRONG.evidence))
    paid = Usage(2.0, 90_000, 3_000, cost_usd=0.01)
    rows = [played(q, a) for q, a in zip(asked_by(questions), answers, strict=True)]
    shown = [played(q, a, usage=paid) for q, a in zip(asked_by(questions, "blind"), answers, strict=True)]
    runs = [
        write_run(folder / LONG[:200], questions, data, rows, policy=HOSTILE),
        write_run(folder / "blind", questions, data, shown, control="blind", policy="http:model"),
    ]
    main(runs, folder / "report.html", 4, HOSTILE)
    return folder / "report.html"


@pytest.mark.parametrize("width", [320, 400, 1280])
def test_it_fits_its_width_fetches_nothing_and_runs_nothing(page: Path, width: int) -> None:
    looked = look(page, width, COUNTED)
    assert looked.said == {
        "overflow": 0,
        "hacked": False,
        "fetched": [],
        "scripts": 0,
        "pictures": 3,  # each answer rests on the same frame of its video
        "charts": True,
    }
    assert looked.logged == ""
