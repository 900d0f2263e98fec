"""Four curves of a training as one SVG file that needs no page, in light or dark colours."""

from collections.abc import Sequence
from html import escape

from rl.monitor.curves import HEIGHT, WIDTH, Curve, Lines, drawn
from rl.monitor.log import Row, known

_GAP, _HEAD = 24, 30
_STYLE = """
svg { --ink: #191b1d; --soft: #5b6066; --line: #dddcd5; --rule: #b9b8b0; --c1: #0b6a70; --paper: #fcfcfa; }
@media (prefers-color-scheme: dark) {
  svg { --ink: #e9e8e3; --soft: #a3a9ae; --line: #2c3034; --rule: #4a5056; --c1: #66cfc7; --paper: #121416; }
}
text { font: 11px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", Arial, sans-serif; fill: var(--soft); }
.name { fill: var(--ink); }
.head { font-size: 13px; font-weight: 600; fill: var(--ink); }
.paper { fill: var(--paper); }
.rule { stroke: var(--line); fill: none; }
.zero { stroke: var(--rule); fill: none; }
.c1 path { stroke: var(--c1); fill: none; stroke-linejoin: round; }
.c1 circle { fill: var(--c1); }
.raw { stroke-width: 1; opacity: .3; }
.line { stroke-width: 2.2; }
.tip { fill: none; }
"""
_WANTED = (
    ("Score", "score", False),
    ("Tool calls a question", "runs/calls", False),
    ("Turns that can be read", "runs/readable_turns", True),
    ("Tokens written a question", "runs/sampled_tokens", False),
)


def picture(rows: Sequence[Row]) -> str:
    """The text of the SVG file.

    Args:
        rows: a log, with at least one of the four measures.

    Raises:
        ValueError: the log has none of the four measures.
    """
    found = [(title, known(rows, name), is_share) for title, name, is_share in _WANTED]
    panels = [Lines(title, (Curve(title, points, 1),), is_share) for title, points, is_share in found if points]
    if not panels:
        raise ValueError(f"nothing to draw: the log has none of {', '.join(name for _, name, _ in _WANTED)}")
    first, last = rows[0]["step"], rows[-1]["step"]
    columns = min(2, len(panels))
    width = columns * WIDTH + (columns + 1) * _GAP
    height = -(-len(panels) // columns) * (HEIGHT + _HEAD) + _GAP
    parts = []
    for number, panel in enumerate(panels):
        left = _GAP + number % columns * (WIDTH + _GAP)
        top = _HEAD + number // columns * (HEIGHT + _HEAD)
        inner = drawn(panel, first, last).replace('<svg class="chart"', f'<svg width="{WIDTH}" height="{HEIGHT}"', 1)
        parts.append(
            f'<g transform="translate({left} {top})"><text class="head" y="-4">{escape(panel.title)}</text>{inner}</g>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f'<style>{_STYLE}</style><rect class="paper" width="{width}" height="{height}" rx="6"/>{"".join(parts)}</svg>\n'
    )
