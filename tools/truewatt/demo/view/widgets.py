"""The parts of the screen: each draws one of the pure drawings in whatever size it has."""

from __future__ import annotations

from collections.abc import Callable

from rich.text import Text
from textual.widget import Widget

from truewatt.demo.view.text import joined

Draw = Callable[[int, int], Text]
"""(width, height) in cells to what fits them."""


class Drawing(Widget):
    """Shows what `draw` returns for its size; a size of nothing shows nothing."""

    DEFAULT_CSS = "Drawing { height: 1; width: 1fr; }"

    def __init__(self, draw: Draw, name: str) -> None:
        super().__init__(id=name)
        self._draw = draw

    def render(self) -> Text:
        """Called by textual whenever the widget is to be shown."""
        width, height = self.size
        if width < 1 or height < 1:
            return Text("")
        return self._draw(width, height)


def lines_drawing(lines: Callable[[int, int], list[Text]]) -> Draw:
    """A `Draw` of a function that returns lines."""
    return lambda width, height: joined(lines(width, height)[:height])
