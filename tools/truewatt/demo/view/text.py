"""Symbols, colours and numbers of the live view.

Colours are of the palette by Okabe and Ito, which the colour-blind can tell apart, and never stand
alone: each has a symbol or a word beside it. On 16 colours they become the nearest of those.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text

CONTROL, TWIN, LIMIT = "#56B4E9", "#E69F00", "#D55E00"
SUN, GOOD, BAD, WARN = "#F0E442", "#2DB591", "#FF6B4A", "#E69F00"
DIM, PLAIN, TITLE = "#8A94A6", "#E6EDF3", "bold #E6EDF3"
SELECTED = "reverse"

ON, OFF, NONE = "●", "○", "·"
BREAKER_CLOSED, BREAKER_OPEN = "[■]", "[/]"
ALARM_SIGN, DOWN_SIGN = "!", "?"
BLOCKS = " ▁▂▃▄▅▆▇█"


def kw(power_w: float | None, width: int = 5, signed: bool = False) -> str:
    """Watts as kW in `width` characters, with as many digits as fit; dashes if unknown."""
    if power_w is None:
        return "-".rjust(width)
    value = power_w / 1000
    for digits in (2, 1, 0):
        text = f"{value:{'+' if signed else ''}.{digits}f}"
        if len(text) <= width:
            return text.rjust(width)
    return "#" * width


def percent(share: float | None) -> str:
    """A share of 0 to 1 in three characters."""
    if share is None:
        return "  -"
    return f"{min(99, max(0, round(share * 100))):2d}%"


def price(micro_per_kwh: int | float | None) -> str:
    """Micro-units of currency per kWh as currency per kWh."""
    return "-" if micro_per_kwh is None else f"{micro_per_kwh / 1_000_000:.3f}"


def clipped(line: Text, width: int) -> Text:
    """Exactly `width` columns: cut with an ellipsis, or filled with blanks."""
    line.no_wrap = True
    if width <= 0:
        return Text("")
    line.truncate(width, overflow="ellipsis", pad=True)
    return line


def line(*parts: str | tuple[str, str]) -> Text:
    """A line of parts, each plain or (text, style)."""
    return Text.assemble(*parts, style=PLAIN, no_wrap=True, overflow="ellipsis", end="")


def joined(lines: Iterable[Text]) -> Text:
    """Lines below each other."""
    return Text("\n", no_wrap=True, overflow="crop", end="").join(lines)


def sparkline(values: Iterable[float | None]) -> str:
    """One character a value, between the lowest and the highest; blanks where unknown."""
    series = list(values)
    known = [value for value in series if value is not None]
    if not known:
        return " " * len(series)
    low, span = min(known), (max(known) - min(known)) or 1.0
    return "".join(
        " " if value is None else BLOCKS[1 + min(7, int((value - low) / span * 7.999))]
        for value in series
    )
