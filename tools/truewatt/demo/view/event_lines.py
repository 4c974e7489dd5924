"""The log of events, each in a line with a sign of its kind; the newest at the bottom."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.text import Text

from truewatt.demo.view.model import ACTION, ALARM, MOVE, Event
from truewatt.demo.view.text import BAD, CONTROL, DIM, PLAIN, WARN, clipped, line

_SIGNS = {ALARM: ("!", f"bold {BAD}"), ACTION: (">", WARN), MOVE: ("~", CONTROL)}


def event_lines(events: Sequence[Event], width: int, height: int) -> list[Text]:
    """The last events that fit `height` lines; a long one is folded, not cut."""
    lines: list[Text] = []
    for event in reversed(events):
        folded = _folded(event, width)
        if len(lines) + len(folded) > height:
            break
        lines = folded + lines
    if not events:
        lines = [clipped(line(("nothing has happened yet", DIM)), width)]
    return lines


def _folded(event: Event, width: int) -> list[Text]:
    sign, style = _SIGNS.get(event.kind, ("-", DIM))
    at = datetime.fromtimestamp(event.t_ms / 1000, UTC)
    first = line((f"{at:%H:%M} ", DIM), (f"{sign} ", style))
    indent = first.cell_len
    room = max(8, width - indent)
    body = style if event.kind == ALARM else PLAIN
    pieces = _wrapped(event.text, room) or [""]
    first.append(pieces[0], body)
    rest = [line((" " * indent + piece, body)) for piece in pieces[1:3]]
    return [clipped(one, width) for one in (first, *rest)]


def _wrapped(text: str, room: int) -> list[str]:
    """Words in lines of at most `room` columns."""
    lines: list[str] = []
    for word in text.replace("\n", " ").split():
        if lines and len(lines[-1]) + 1 + len(word) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
