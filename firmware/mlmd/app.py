"""The M-LMD: measures its section of the feeder and breaks it on overload."""

from core import node
from mlmd.breaker import Breaker, holds_open
from wireformat import codes
from wireformat.chained import Feeder

_EVENT_OF = {
    "trip": codes.EV_TRIP,
    "lockout": codes.EV_LOCKOUT,
    "closed": codes.EV_BREAKER_CLOSED,
    "welded": codes.EV_RELAY_FAULT,
}
_RESET_HELD_MS = 3000


class Mlmd(node.Node):
    """A node whose asset 0 is a breaker on relay 0."""

    def __init__(self, board: object, config: object) -> None:
        super().__init__(board, config, Feeder)
        self.breaker = Breaker(self.relays[0], config, self.clock, self.store, self._happened)
        self.assets[0] = self.breaker
        self.commands.assets[0] = self.breaker
        self.relays[0].may_close = self.breaker.may_close
        self.poller.on_round = self._sampled
        self._button = board.reset_button()
        self._held_since_ms = None

    def _happened(self, what: str, detail: "list[int]") -> None:
        self.events.report(_EVENT_OF[what], detail)

    def _sampled(self) -> None:
        section = self.poller.channels[0]
        if section.last is None:
            return
        phase_w = 0
        if self.config.phase_limit_a is not None:
            # A phase at its limit counts as the section at its fixed one.
            worst_ma = section.last.current_ma
            phase_w = worst_ma * self.config.fixed_limit_w // (self.config.phase_limit_a * 1000)
        self.breaker.sample(abs(section.power_w()), phase_w)

    def trip(self, on: bool) -> None:
        """The test button."""
        if on:
            self.breaker.trip_by_hand()

    def protect(self) -> None:
        """Dead times, expiry of a lowered limit, the reset button."""
        self.breaker.tick()
        if self._button is None or self._button.value():
            self._held_since_ms = None
        elif self._held_since_ms is None:
            self._held_since_ms = self.clock.up_ms()
        elif self.clock.up_ms() - self._held_since_ms >= _RESET_HELD_MS:
            self.breaker.reset_lockout()

    def record_extra(self) -> dict:
        """The breaker's part of a feeder record."""
        return {
            "breaker": self.breaker.state(),
            "trip_cause": self.breaker.trip_cause,
            "reclose_count": self.breaker.reclose_count,
            "limit_w": self.breaker.limit_w,
        }


def run(config: object) -> None:
    """Work as an M-LMD; returns only by a restart of the board."""
    from board import reset

    node.run(_node(config), reset)


def _node(config: object) -> node.Node:
    # Not held here: what made the hardware objects leaves the heap after the start.
    from board import Board, open_store

    store = open_store()
    held_open = (0,) if holds_open(store) else ()
    return Mlmd(Board(config, store, held_open), config)
