"""The textual application of the live view: layout, keys, and a refresh twice a second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.geometry import Size
from textual.widgets import Footer

from truewatt.demo.view.actions import Actions, NothingToDo
from truewatt.demo.view.board_page import BoardDetail, board_lines
from truewatt.demo.view.diagram import diagram, height_of, places
from truewatt.demo.view.event_lines import event_lines
from truewatt.demo.view.gather import Gatherer
from truewatt.demo.view.model import ACTION, ALARM, Snapshot
from truewatt.demo.view.plot import load_plot
from truewatt.demo.view.screens import Page, help_text
from truewatt.demo.view.status_lines import RunPlan, counter_line, head_line, price_line
from truewatt.demo.view.text import joined
from truewatt.demo.view.widgets import Drawing, lines_drawing
from truewatt.emulator.rig_control import RigCommandError

REFRESH_S = 0.5
_FIXED_LINES = 4
"""Head, prices, counters, footer."""
_LEAST_BOTTOM, _PANEL_FROM_WIDTH = 5, 140
_DETAIL_EVERY = 4


class LiveView(App[None]):
    """The screen. `on_quit` is called once when the person wants the run to end."""

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    Screen { background: #0b0f16; color: #E6EDF3; layers: base; overflow: hidden; }
    #head { background: #16202e; }
    #bottom { height: 1fr; }
    #plot { width: 1fr; height: 1fr; }
    #log { width: 1fr; height: 1fr; margin-left: 1; }
    #panel { width: 54; height: 1fr; margin-left: 1; display: none; }
    Footer { background: #16202e; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(0,-1)", show=False),
        Binding("down", "move(0,1)", show=False),
        Binding("left", "move(-1,0)", show=False),
        Binding("right", "move(1,0)", show=False),
        Binding("t", "do('trip')", "Trip"),
        Binding("f", "do('fault')", "Fault"),
        Binding("c", "do('cut')", "Cable"),
        Binding("k", "do('power')", "Kill", show=True),
        Binding("s", "do('sun')", "Sun"),
        Binding("o", "do('opt_out')", "Opt"),
        Binding("b", "do('bypass')", "Bypass"),
        Binding("enter", "board", "Board", key_display="⏎"),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("q", "end", "Quit"),
        Binding("ctrl+c", "end", show=False, priority=True),
    ]

    def __init__(
        self,
        gatherer: Gatherer,
        actions: Actions,
        plan: RunPlan,
        on_quit: Callable[[], None],
        refresh_s: float = REFRESH_S,
    ) -> None:
        super().__init__()
        self.gatherer, self.actions, self.plan = gatherer, actions, plan
        self.selected = ""
        self.detail = BoardDetail()
        self._on_quit, self._refresh_s = on_quit, refresh_s
        self._started_s = time.monotonic()
        self._ticks, self._ending, self._busy = 0, False, False
        self.first_look = asyncio.Event()

    # ---- layout ---------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """From above: head, diagram, prices, counters, then plot, log and, if wide, a board."""
        yield Drawing(lambda w, h: self._head(w), "head")
        yield Drawing(lambda w, h: diagram(self.snapshot, w, h, self.selected), "diagram")
        yield Drawing(lambda w, h: price_line(self.snapshot, self.gatherer.prices, w), "price")
        yield Drawing(lambda w, h: counter_line(self.snapshot, w), "counters")
        with Horizontal(id="bottom"):
            yield Drawing(lines_drawing(self._plot), "plot")
            yield Drawing(
                lines_drawing(lambda w, h: event_lines(self.gatherer.events, w, h)), "log"
            )
            yield Drawing(lines_drawing(lambda w, h: self._board(w)), "panel")
        yield Footer(compact=True)

    @property
    def snapshot(self) -> Snapshot:
        """What was last gathered."""
        return self.gatherer.snapshot

    def on_mount(self) -> None:
        """Start to look."""
        self._arrange()
        self.set_interval(self._refresh_s, self.look)
        self.call_later(self.look)

    def on_resize(self, event: events.Resize) -> None:
        """Share the room out again; the application itself learns its new size only later."""
        self._arrange(event.size)

    def _arrange(self, size: Size | None = None) -> None:
        base = self.screen_stack[0]
        width, height = size or self.size
        room = max(1, height - _FIXED_LINES - _LEAST_BOTTOM)
        wanted = min(height_of(self.snapshot.world), room)
        widget = base.query_one("#diagram")
        if widget.styles.height is None or widget.styles.height.value != wanted:
            widget.styles.height = wanted
        base.query_one("#panel").display = width >= _PANEL_FROM_WIDTH

    # ---- looking --------------------------------------------------------------------------

    async def look(self) -> None:
        """Gather once and draw; a slow part delays the picture, never the keys."""
        if self._busy:
            return
        self._busy = True
        try:
            await self.gatherer.refresh()
            for said in await asyncio.to_thread(self._after):
                self.gatherer.tell(ACTION, said)
            if not self.selected and self.snapshot.world and self.snapshot.world.homes:
                self.selected = next(iter(self.snapshot.world.homes))
            if self._ticks % _DETAIL_EVERY == 0:
                await self._fetch_detail()
            self._ticks += 1
        finally:
            self._busy = False
        self.redraw()
        self.first_look.set()

    def _after(self) -> list[str]:
        try:
            return self.actions.after(self.snapshot)
        except (OSError, RigCommandError):
            return []

    async def _fetch_detail(self) -> None:
        board = self.snapshot.board_of(self.selected)
        if board is None or not board.device:
            self.detail = BoardDetail()
            return
        self.detail = await asyncio.to_thread(self.gatherer.detail, board.device)

    def redraw(self) -> None:
        """Show what is true now, on whichever screen is in front."""
        if not self.is_running:
            return
        base = self.screen_stack[0]
        self._arrange()
        for drawing in base.query(Drawing):
            drawing.refresh()
        if isinstance(self.screen, Page):
            self.screen.redraw()

    def _head(self, width: int) -> Text:
        return head_line(self.snapshot, self.plan, time.monotonic() - self._started_s, width)

    def _plot(self, width: int, height: int) -> list[Text]:
        start, end = (
            time.strftime("%H:%M", time.gmtime(t_ms / 1000)) for t_ms in self.gatherer.load.times()
        )
        return load_plot(self.gatherer.load, width, height, start, end)

    def _board(self, width: int) -> list[Text]:
        return board_lines(self.snapshot, self.selected, self.detail, width)

    # ---- keys -----------------------------------------------------------------------------

    async def action_move(self, right: int, down: int) -> None:
        """Select the neighbour."""
        columns = places(self.snapshot.world)
        if not columns:
            return
        at = next(
            (
                (number, column.index(self.selected))
                for number, column in enumerate(columns)
                if self.selected in column
            ),
            (0, 0),
        )
        column = columns[max(0, min(len(columns) - 1, at[0] + right))]
        self.selected = column[max(0, min(len(column) - 1, at[1] + down))]
        await self._fetch_detail()
        self.redraw()

    async def action_do(self, what: str) -> None:
        """Do what a key stands for, and say so in the log."""
        action = getattr(self.actions, what)
        try:
            said = await asyncio.to_thread(action, self.snapshot, self.selected)
            self.gatherer.tell(ACTION, said)
        except NothingToDo as error:
            self.gatherer.tell(ACTION, f"nothing done: {error}")
        except (OSError, RigCommandError) as error:
            self.gatherer.tell(ALARM, f"the rig did not do it: {error}")
        self.redraw()

    async def action_board(self) -> None:
        """Show all about the selected board."""
        await self._fetch_detail()
        page = Page(self.selected or "board", lambda width: joined(self._board(width)))
        await self.push_screen(page)

    def action_help(self) -> None:
        """Explain keys and signs."""
        self.push_screen(Page("help", help_text))

    def action_end(self) -> None:
        """End the run, once."""
        if not self._ending:
            self._ending = True
            self.gatherer.tell(ACTION, "ending: the last records arrive, then comes the report")
            self._on_quit()
            self.redraw()
