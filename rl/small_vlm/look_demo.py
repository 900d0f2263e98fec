"""What reward has taught the small packaged model: the same new videos before and after it, as a page.

    python -m rl.small_vlm.look_demo --videos 10
    python -m rl.small_vlm.look_demo --model FOLDER      # one that `rl.small_vlm.look_run --pack FOLDER` wrote
The videos are drawn now, with shapes and clips that no training has shown.
"""

from agent.ending import check_arguments_first, end_process
from agent.rendering.data_uri import make_jpeg_uri
from rl.small_vlm import command_lines

if __name__ == "__main__":  # before torch is imported
    check_arguments_first("rl.small_vlm.look_demo", command_lines.make_demo_parser(__doc__))

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from PIL import Image, ImageDraw

from agent.policies.local.picture_words import ADAPTER
from agent.terminal import escape_controls, tell
from agent.trajectory import Trajectory
from evals.controls.subject import ControlSubject
from evals.datasets.clips import open_clips
from evals.example import Example
from evals.scoring.scoring import score
from rl.small_vlm.look_plan import LookPlan
from rl.small_vlm.look_run import BEFORE, play_greedy
from rl.small_vlm.look_set import LookSet, write_look_set
from rl.small_vlm.zooms import count_zooms, find_zooms, is_hit, list_known, render_zooms
from tools.cache import write_atomically
from tools.observation import FULL_FRAME, Box, FrameRef
from tools.toolbox import open_toolbox

MODEL = Path(__file__).parent / "look_model"
"""The model of run 3 that comes with the package; `rl/LOG.md` says how it was trained."""
MODELS = {"before": BEFORE, "after": ADAPTER}
"""Folder of the adapter of each model."""
PAGE = "index.html"
SEED = 77
"""Seed of the videos, which no training or evaluation takes."""
_NEEDLE, _ZOOM = (0, 190, 90), (255, 140, 0)
_TEMPLATE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Before and after</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#1c2430}
section{display:grid;grid-template-columns:repeat(auto-fit,minmax(18rem,1fr));gap:0 1.5rem;margin:2rem 0}
h2{grid-column:1/-1;font-size:1.1rem;margin:.2rem 0}figure{margin:0}img{max-width:100%;border-radius:4px}
.part{width:9rem}figcaption{min-height:3rem}.right{color:#00692f}.wrong{color:#a3122b}</style>
<main><h1>Where a small model looks, before and after it was rewarded</h1>
<p>Green: the thing that is asked for. Orange: where the model zoomed, with what it saw there below.</p>
{% for question, answer, views in cards %}<section><h2>{{ question }} {{ answer }}.</h2>
{% for view in views %}<figure><figcaption>{{ view.name }}:
<b class="{{ 'right' if view.is_right else 'wrong' }}">{{ view.said }}</b>, {{ view.course }}</figcaption>
<img src="{{ view.whole }}" alt="the frame with both boxes">
{% if view.part %}<img class="part" src="{{ view.part }}" alt="what the zoom showed">{% endif %}</figure>
{% endfor %}</section>
{% endfor %}</main></html>
"""


@dataclass(frozen=True)
class LookView:
    """One model's run on one question, for the page."""

    name: str
    said: str
    is_right: bool
    course: str
    """Whether and where it zoomed, in words."""
    whole: str
    """Data URI of the frame that it zoomed into, else of that with the needle, in which both boxes are drawn."""
    part: str
    """Data URI of what the zoom showed; empty without one."""


def main(model: Path, out: Path, count: int, say: Callable[[str], None] = lambda _: None) -> str:
    """Asks the model before and after its training about new videos, and writes a page; gives back a table.

    Args:
        model: folder of the model with both adapters.
        out: folder for videos, runs and page.
        count: number of videos.
        say: prints a line of progress.

    Raises:
        ValueError: the folder holds something else.
        MissingPartError: a package is not installed.
    """
    plan = LookPlan(out=out, concurrency=8)
    videos = write_look_set(plan.videos_of("shown"), LookSet(count, SEED, "heldout"), say)
    subjects, examples = list_known(open_clips(videos))
    rows, views = [], {key: list[LookView]() for key in examples}
    for name, folder in MODELS.items():
        limits = plan.training().play.limits()
        runs = play_greedy(videos, out / name, str(model), plan.options(model / folder), limits, say=say)
        rows.append((name, "none", count_zooms(runs, examples, subjects)))
        for run in runs:
            key = run.question.id
            views[key].append(_make_view(name, run, examples[key], subjects[key]))
    page = Environment(autoescape=True, undefined=StrictUndefined).from_string(_TEMPLATE)
    cards = [(one.question.text, one.answer, views[key]) for key, one in examples.items()]
    write_atomically(out / PAGE, page.render(cards=cards))
    return render_zooms(rows)


def _make_view(name: str, run: Trajectory, example: Example, subject: ControlSubject) -> LookView:
    [shown] = subject.evidence or ()
    zooms = [frame for result in find_zooms(run) for frame in result.observation.frames]
    seconds = zooms[-1].seconds if zooms else shown.middle_seconds
    boxes = [(frame.box, _ZOOM) for frame in zooms if frame.seconds == seconds]
    if shown.box is not None and shown.start_seconds <= seconds < shown.stop_seconds:
        boxes.append((shown.box, _NEEDLE))
    with open_toolbox(run.question.video, encoder="hashing") as toolbox:
        width, height = toolbox.video.info.width, toolbox.video.info.height
        whole = toolbox.picture(FrameRef(seconds, height, width, FULL_FRAME))
        part = toolbox.picture(zooms[-1]) if zooms else None
    course = "without a zoom"
    if zooms:
        course = f"after a zoom at {seconds} s that {'shows' if is_hit(run, subject) else 'misses'} it"
    said = run.answer.text if run.answer is not None else "no answer"
    is_right = score(example, run).value == 1.0
    drawn = _draw_boxes(whole, boxes) if whole else b""
    return LookView(name, said, is_right, course, make_jpeg_uri(drawn), make_jpeg_uri(part) if part else "")


def _draw_boxes(jpeg: bytes, boxes: list[tuple[Box, tuple[int, int, int]]]) -> bytes:
    picture = Image.open(io.BytesIO(jpeg))
    pen = ImageDraw.Draw(picture)
    for (left, top, right, bottom), colour in boxes:
        sides = left * picture.width, top * picture.height, right * picture.width - 1, bottom * picture.height - 1
        pen.rectangle(sides, outline=colour, width=3)
    drawn = io.BytesIO()
    picture.save(drawn, "JPEG", quality=85)
    return drawn.getvalue()


def _command_line() -> None:
    given = command_lines.make_demo_parser(__doc__).parse_args()
    table = main(given.model or MODEL, given.out, given.videos, tell)
    print(escape_controls(f"{table}\n\nThe page with all of them: {given.out / PAGE}"))


if __name__ == "__main__":
    end_process("rl.small_vlm.look_demo", _command_line)
