"""The feeder's load over the run in characters: with control filled, without it a line, the limit.

Each series has a mark of its own, so that it can be read without colours.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from truewatt.demo.view.text import BLOCKS, CONTROL, DIM, LIMIT, TWIN, clipped, line
from truewatt.demo.view.trace import Trace

Values = Sequence[float | None]

_AXIS = 6
_TWIN_MARK, _LIMIT_MARK, _SOLID = "━", "╌", "█"


def load_plot(trace: Trace, width: int, height: int, start: str = "", end: str = "") -> list[Text]:
    """`height` lines of `width` columns; `start` and `end` name the times at its edges."""
    columns, rows = max(1, width - _AXIS), max(1, height - 2)
    control, twin, limit = (trace.columns(which, columns) for which in range(3))
    if not len(trace):
        empty = [clipped(line(("no load heard yet", DIM)), width)]
        return (empty + [clipped(line(""), width)] * height)[:height]
    low, high = _range([*control, *twin], limit)
    body = [
        _row(number, rows, (low, high), (control, twin, limit), width) for number in range(rows)
    ]
    return [_legend(width), *body, _time_axis(start, end, width)][:height]


def _legend(width: int) -> Text:
    return clipped(
        line(
            ("kW ".rjust(_AXIS), DIM),
            (f"{_SOLID}", CONTROL),
            " control ",
            (f"{_TWIN_MARK}{_TWIN_MARK}", TWIN),
            " without ",
            (f"{_LIMIT_MARK}{_LIMIT_MARK}", LIMIT),
            " limit",
        ),
        width,
    )


def _time_axis(start: str, end: str, width: int) -> Text:
    gap = max(1, width - _AXIS - len(start) - len(end))
    return clipped(line((f"{'':{_AXIS}}{start}{'':{gap}}{end}", DIM)), width)


def _range(loads: Values, limit: Values) -> tuple[float, float]:
    known = [value for value in loads if value is not None]
    low, high = min([0.0, *known]), max([1.0, *known])
    # A limit far above all loads would flatten them, and tells nothing there.
    high = max([high, *(value for value in limit if value is not None and value < 1.5 * high)])
    return low, high + (high - low) * 0.02


def _row(
    number: int,
    rows: int,
    bounds: tuple[float, float],
    series: tuple[Values, Values, Values],
    width: int,
) -> Text:
    low, high = bounds
    step = (high - low) / rows
    bottom = high - (number + 1) * step
    labelled = number in (0, rows - 1) or (rows > 6 and number == rows // 2)
    at_w = bottom + step if number == 0 else bottom
    # Adding 0.0 turns a rounded -0.0 into 0.0.
    label = f"{round(at_w / 1000, 1) + 0.0:{_AXIS - 1}.1f} "
    drawn = line((label if labelled else " " * _AXIS, DIM))
    for control, twin, limit in zip(*series, strict=True):
        drawn.append(*_cell(control, twin, limit, bottom, step))
    return clipped(drawn, width)


def _cell(
    control: float | None, twin: float | None, limit: float | None, bottom: float, step: float
) -> tuple[str, str]:
    def is_here(value: float | None) -> bool:
        return value is not None and bottom <= value < bottom + step

    filled = _filled(control, bottom, step)
    if is_here(twin):
        return _TWIN_MARK, f"{TWIN} on {CONTROL}" if filled == _SOLID else TWIN
    if filled != " ":
        return filled, CONTROL
    if is_here(limit):
        return _LIMIT_MARK, LIMIT
    return " ", ""


def _filled(value: float | None, bottom: float, step: float) -> str:
    """How much of this cell a column from zero to `value` covers."""
    if value is None:
        return " "
    if value < 0:
        # Export hangs below zero; blocks grow upwards only, so it is drawn in whole cells.
        return "▒" if bottom < 0 and bottom + step > value else " "
    if bottom + step <= 0:
        return " "
    base = max(bottom, 0.0)
    return BLOCKS[max(0, min(8, round((value - base) / step * 8)))]
