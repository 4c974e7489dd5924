"""Screens above the main one: the keys explained, and all about one board."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from truewatt.demo.view.text import BAD, CONTROL, DIM, GOOD, SUN, TITLE, TWIN, WARN, joined, line

_CLOSE: list[BindingType] = [
    Binding("escape", "dismiss", "Close"),
    Binding("q", "dismiss", "Close", show=False),
    Binding("enter", "dismiss", "Close", show=False),
]


class Page(ModalScreen[None]):
    """A text over the main screen that scrolls if it must; `Esc` closes it."""

    BINDINGS: ClassVar[list[BindingType]] = _CLOSE
    CSS = """
    Page { align: center middle; }
    Page VerticalScroll {
        width: 78; max-width: 100%; height: auto; max-height: 100%;
        border: round #56B4E9; padding: 0 1; background: #10161f;
    }
    Page Static { width: 1fr; height: auto; }
    """

    def __init__(self, title: str, text: Callable[[int], Text]) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        """A frame with the text in it."""
        with VerticalScroll() as frame:
            frame.border_title = self._title
            frame.border_subtitle = "Esc closes"
            yield Static(self._text(74))

    def redraw(self) -> None:
        """Show what is true now."""
        for static in self.query(Static):
            static.update(self._text(max(10, self.size.width - 6 if self.size.width < 80 else 74)))


_KEYS = (
    ("arrows", "select a section (M-LMD) or a home"),
    ("Enter", "the selected board: registers, chain, relays, commands"),
    ("t", "overload the section until its M-LMD trips"),
    ("f", "add a lasting fault of 8 kW, or clear it: the contract sheds"),
    ("c", "cut the bus cable of the board, or mend it"),
    ("k", "cut the power of the board for a moment"),
    ("s", "switch the sun off or on"),
    ("o", "press or release the home's opt-out: it outranks every command"),
    ("b", "lead half of the home's load around its meter (theft)"),
    ("q", "end the run: the last records arrive, then the report"),
)
_SIGNS = (
    ("●", GOOD, "contact closed", "○", WARN, "contact open"),
    ("[■]", GOOD, "breaker closed", "[/]", BAD, "breaker open, tripped"),
    ("2.1", CONTROL, "kW drawn by a home", "1.4", SUN, "kW of its solar panels"),
    ("↓", GOOD, "battery charges", "↑", GOOD, "battery discharges"),
    ("?", WARN, "the meter does not answer", "≠", BAD, "load flows around the meter"),
    ("!", BAD, "outside its limits", "━", TWIN, "load if nobody controlled"),
)


def help_text(width: int) -> Text:
    """The keys and the signs."""
    lines = [line(("Keys", TITLE))]
    lines += [line((f"  {key:8}", CONTROL), what) for key, what in _KEYS]
    lines += [line(""), line(("Signs", TITLE))]
    for sign, style, what, sign2, style2, what2 in _SIGNS:
        lines.append(
            line(("  " + sign.ljust(5), style), what.ljust(30), (sign2.ljust(5), style2), what2)
        )
    lines += [
        line("  W hot water  E car (% charged)  B battery  P heat pump  C cooling"),
        line(
            (f"  Time runs on all the while; nothing here pauses it.{'':{max(0, width - 54)}}", DIM)
        ),
    ]
    return joined(lines)
