"""HTML from plain values: every text is escaped here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape


@dataclass(frozen=True)
class Raw:
    """Markup of our own, not to be escaped."""

    markup: str


DASH, MINUS, THIN = "\u2013", "\u2212", "\u202f"

Cell = str | int | float | Raw | None


def text(value: Cell) -> str:
    """A value as markup: thin groups of digits, a dash for what is not there."""
    if value is None or value == "":
        return DASH
    if isinstance(value, Raw):
        return value.markup
    if isinstance(value, int):
        return grouped(value)
    return escape(str(value))


def grouped(value: int) -> str:
    """Digits in groups of three, parted by narrow blanks that do not break."""
    return f"{value:,}".replace(",", THIN).replace("-", MINUS)


def number(value: float | None, digits: int = 1) -> Raw | None:
    """A decimal number with a fixed count of digits."""
    if value is None:
        return None
    # Adding 0.0 makes the zero that a small negative value rounds to a plain one.
    shown = round(value, digits) + 0.0
    return Raw(f"{shown:,.{digits}f}".replace(",", THIN).replace("-", MINUS))


def clock(t_ms: int | None, seconds: bool = True) -> str:
    """Simulated time of day."""
    if t_ms is None:
        return ""
    return f"{datetime.fromtimestamp(t_ms / 1000, UTC):{'%H:%M:%S' if seconds else '%H:%M'}}"


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    caption: str,
    name: str = "",
    tall: bool = False,
) -> str:
    """A table; a head that ends with `>` stands over numbers, one that ends with `~` over prose."""
    kinds = [{">": "n", "~": "wrap"}.get(head[-1:], "") for head in heads]
    titles = "".join(
        f'<th scope="col"{_class(kind)}>{escape(head.rstrip(">~"))}</th>'
        for head, kind in zip(heads, kinds, strict=True)
    )
    body = "\n".join(
        "<tr>"
        + "".join(
            f"<td{_class(kind)}>{text(cell)}</td>" for cell, kind in zip(row, kinds, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    identity = f' id="{name}"' if name else ""
    # Focusable, so that it can be scrolled from the keyboard.
    frame = f'<div class="table{" tall" if tall else ""}" tabindex="0" role="region"'
    return (
        f'{frame} aria-label="{escape(caption)}"><table{identity}>'
        f"<thead><tr>{titles}</tr></thead><tbody>\n{body}\n</tbody></table></div>"
    )


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


def bar(share: float) -> Raw:
    """A bar of `share` of the widest one, 0 to 1."""
    return Raw(f'<span class="bar" style="width:{max(0.0, min(1.0, share)) * 7:.2f}rem"></span>')


def good(is_good: bool, words: str) -> Raw:
    """A word with a sign and a colour."""
    kind, sign = ("ok", "\u2713") if is_good else ("bad", "\u2717")
    return Raw(f'<span class="{kind}">{sign} {escape(words)}</span>')


def tiles(items: Iterable[tuple[str, str]]) -> str:
    """Figures that matter most: (value, what it is)."""
    shown = "".join(f"<li><b>{escape(v)}</b><span>{escape(what)}</span></li>" for v, what in items)
    return f'<ul class="tiles">{shown}</ul>'


def figure(svg: str) -> str:
    """A plot in its frame."""
    return f'<figure tabindex="0" role="group" aria-label="plot">{svg}</figure>'


def filtered(name: str, label: str) -> str:
    """A box that filters the table `name`; hidden unless scripts run."""
    return (
        f'<div class="filter" hidden><label for="{name}-box">{escape(label)}</label>'
        f'<input id="{name}-box" type="search" data-filters="{name}" autocomplete="off">'
        f'<span id="{name}-count" class="note" aria-live="polite"></span></div>'
    )
