"""The page of a training in a real browser, on a telephone and on a screen: `make test-browser`."""

from pathlib import Path

import pytest

from rl.monitor.alarms import Alarm, keep_alarm
from rl.monitor.page import PAGE, write_page
from tests.browser import look, needs_browser
from tests.rl.logged import HOSTILE, write_log

pytestmark = needs_browser

COUNTED = """
  said.fetched = view.performance.getEntriesByType("resource").map((one) => one.name).filter((n) => !/^data:/.test(n));
  said.scripts = page.scripts.length;
  const charts = [...page.querySelectorAll("svg.chart")].map((c) => c.getBoundingClientRect());
  said.charts = charts.filter((c) => c.height > 40).length;
  said.beside = charts.filter((c) => c.right > view.innerWidth).length;
  const words = [...page.querySelectorAll("svg.chart text")];
  said.small = words.filter((word) => word.getBoundingClientRect().height < 9).length;
  const left = (one) => one.getBoundingClientRect().left;
  said.cut = words.filter((word) => left(word) < left(word.ownerSVGElement)).length;
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    rows = write_log(folder, 60)
    keep_alarm(folder, Alarm("tool_collapse", 60, HOSTILE, HOSTILE))
    write_page(folder, [{**row, f"score/{HOSTILE}": 0.5, HOSTILE: 1.0} for row in rows])
    return folder / PAGE


@pytest.mark.parametrize("width", [320, 400, 1280])
def test_it_fits_its_width_fetches_nothing_and_runs_nothing(written: Path, width: int) -> None:
    looked = look(written, width, COUNTED)
    assert looked.said == {
        "overflow": 0,
        "hacked": False,
        "fetched": [],
        "scripts": 0,
        "charts": 20,
        "beside": 0,
        "small": 0,
        "cut": 0,
    }
    assert looked.logged == ""
