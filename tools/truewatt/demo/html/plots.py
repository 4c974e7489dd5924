"""The page's plots as SVG that takes its colours from the page's style, dark or light.

matplotlib can only write fixed colours, so each role is drawn in a colour of its own that is then
replaced by a variable of the style sheet.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

INK, GRID, CONTROL, TWIN = "#010101", "#020202", "#030303", "#040404"
LIMIT, SUN, GOOD, PALE = "#050505", "#060606", "#070707", "#080808"
_VARIABLES = {
    INK: "--ink-2",
    GRID: "--grid",
    CONTROL: "--control",
    TWIN: "--twin",
    LIMIT: "--limit",
    SUN: "--sun",
    GOOD: "--good",
    PALE: "--pale",
}
ENERGY_COLOURS = {"mix": CONTROL, "grid": TWIN, "solar": SUN}
DASHES = {"mix": "-", "grid": "--", "solar": ":"}

_WIDTH_IN, _HEIGHT_IN = 8.0, 3.1
_MOST_POINTS = 900
_DAY_MS = 86_400_000
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "truewatt",
    "font.family": "sans-serif",
    "font.size": 10.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GRID,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "figure.facecolor": "none",
    "legend.frameon": False,
}


def drawn(
    title: str, description: str, draw: Callable[[Axes], None], height_in: float = _HEIGHT_IN
) -> str:
    """An inline SVG with a title and a description for those who cannot see it."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH_IN, height_in), layout="constrained")
        axes = figure.add_subplot()
        draw(axes)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return _inlined(buffer.getvalue(), title, description)


def _inlined(svg: str, title: str, description: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # Ids are the same in every plot of matplotlib's; in one page each must be its own.
    prefix = re.sub(r"\W+", "-", title.lower())
    svg = re.sub(r'id="([^"]+)"', rf'id="{prefix}-\1"', svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    svg = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", svg)
    head, body = svg.split(">", 1)
    head = re.sub(r' (width|height)="[^"]*"', "", head)
    label = f'role="img" aria-labelledby="{prefix}-t {prefix}-d"'
    names = f'<title id="{prefix}-t">{escape(title)}</title>'
    names += f'<desc id="{prefix}-d">{escape(description)}</desc>'
    return f"{head} {label}>{names}{body}"


def times(axes: Axes) -> None:
    """Simulated time of day along x."""
    locator = AutoDateLocator(minticks=3, maxticks=9)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator, show_offset=False)  # type: ignore[no-untyped-call]
    formatter.formats[3:5] = ["%H:%M", "%H:%M"]
    formatter.zero_formats[3] = "%d %b"
    axes.xaxis.set_major_formatter(formatter)


def when(t_ms: float) -> float:
    """A simulated time as matplotlib counts it: in days since 1970."""
    return t_ms / _DAY_MS


def thinned(values: Sequence[float]) -> list[int]:
    """Indices that keep a long series' peaks: the lowest and the highest of each stretch."""
    if len(values) <= _MOST_POINTS:
        return list(range(len(values)))
    step = 2 * len(values) / _MOST_POINTS
    kept: set[int] = {0, len(values) - 1}
    for number in range(_MOST_POINTS // 2):
        part = range(int(number * step), min(len(values), int((number + 1) * step)))
        if part:
            kept |= {min(part, key=values.__getitem__), max(part, key=values.__getitem__)}
    return sorted(kept)


def curve(axes: Axes, t_ms: Sequence[float], values: Sequence[float], **style: object) -> None:
    """A line over time, thinned to what can be seen."""
    kept = thinned(values)
    axes.plot([when(t_ms[i]) for i in kept], [values[i] for i in kept], **style)  # type: ignore[arg-type]


def steps(axes: Axes, points: Sequence[tuple[int, float]], end_ms: int, **style: object) -> None:
    """A line that holds each value until the next one."""
    if not points:
        return
    series = [*points, (end_ms, points[-1][1])]
    axes.step([when(t) for t, _ in series], [v for _, v in series], where="post", **style)  # type: ignore[arg-type]


def legend(axes: Axes, columns: int = 4) -> None:
    """Above the plot, where it covers nothing."""
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=columns, borderaxespad=0.2)
