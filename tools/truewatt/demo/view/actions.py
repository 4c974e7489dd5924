"""What the keys do, each the honest way: through the rig, as a hand at the feeder would."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from truewatt.demo.view.model import Home, Snapshot, World

Ask = Callable[[dict[str, Any]], dict[str, Any]]

FAULT_W = 8_000
"""A lasting fault: about two kettles and an oven; the contract sheds what it can."""
_OVERLOAD_SHARE = 1.2
"""A trip is provoked with this much of what the breaker takes; it opens by itself within 1 s."""
BYPASS_SHARE = 0.5
_TRIP_LOOKS, _TRIP_LOOK_S = 40, 0.05


class NothingToDo(ValueError):
    """The action does not apply to what is selected; says why."""


class Actions:
    """Does one thing for each key; returns what to tell. `ask` may block and raise OSError.

    `fixed_limits_w`: by M-LMD, what its breaker never lets pass. `opt_out_pins`: by meter.
    """

    def __init__(
        self,
        ask: Ask,
        fixed_limits_w: Mapping[str, int],
        opt_out_pins: Mapping[str, int],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ask, self._pause = ask, pause
        self._fixed_limits_w = fixed_limits_w
        self._opt_out_pins = opt_out_pins
        self._dark = False
        self._faults: set[str] = set()
        self._opted_out: set[str] = set()
        self._tripping: set[str] = set()

    def trip(self, snapshot: Snapshot, selected: str) -> str:
        """Load a section beyond its breaker's fixed limit until protection has opened it."""
        world = _world(snapshot)
        home = world.homes.get(selected)
        section = home.section if home else selected
        if section not in world.sections:
            raise NothingToDo("select a section or a home behind it")
        if not world.sections[section].closed:
            raise NothingToDo(f"the breaker of {section} is open already")
        power_w = self._fixed_limits_w.get(section, 100_000) * _OVERLOAD_SHARE
        self._ask({"cmd": "fault", "section": section, "power_w": power_w})
        self._tripping.add(section)
        # At x60 a breaker recloses before the next refresh: a few of those and it locks out.
        for _ in range(_TRIP_LOOKS):
            if not self._ask({"cmd": "state"})["sections"][section]["closed"]:
                self._end_overload(section)
                return f"{section} tripped at {power_w / 1000:.0f} kW; the overload is gone"
            self._pause(_TRIP_LOOK_S)
        return f"overload of {power_w / 1000:.0f} kW on {section}: its breaker has to open"

    def after(self, snapshot: Snapshot) -> list[str]:
        """End the overloads that have opened their breakers; call with each new snapshot."""
        world = snapshot.world
        opened = [
            name for name in sorted(self._tripping) if world and not world.sections[name].closed
        ]
        for name in opened:
            self._end_overload(name)
        return [f"{name} has tripped; the overload is gone" for name in opened]

    def _end_overload(self, section: str) -> None:
        self._ask({"cmd": "fault", "section": section, "power_w": 0})
        self._tripping.discard(section)

    def fault(self, snapshot: Snapshot, selected: str) -> str:
        """Add a lasting fault to what is selected, or clear it."""
        what = "home" if selected in _world(snapshot).homes else "section"
        on = selected not in self._faults
        self._ask({"cmd": "fault", what: selected, "power_w": FAULT_W if on else 0})
        self._faults ^= {selected}
        return (
            f"fault of {FAULT_W / 1000:.0f} kW at {selected}" if on else f"{selected}: fault gone"
        )

    def cut(self, snapshot: Snapshot, selected: str) -> str:
        """Cut the bus cable of the selected board, or mend it."""
        board = snapshot.board_of(selected)
        if board is None or not board.bus:
            raise NothingToDo(f"the gateway knows no bus of {selected} yet")
        cut = not _world(snapshot).bus_cut.get(board.bus, False)
        self._ask({"cmd": "inject", "bus": board.bus, "cut": cut})
        return f"{board.bus}: cable cut" if cut else f"{board.bus}: cable mended"

    def sun(self, snapshot: Snapshot, selected: str) -> str:
        """Switch the sun off, or on again."""
        self._ask({"cmd": "sun", "scale": 1.0 if self._dark else 0.0})
        self._dark = not self._dark
        return "the sun is gone" if self._dark else "the sun is back"

    def opt_out(self, snapshot: Snapshot, selected: str) -> str:
        """Press the opt-out switch of a home's board, or release it."""
        home = _home(snapshot, selected)
        pin = self._opt_out_pins.get(home.meter)
        if pin is None:
            raise NothingToDo(f"the board of {selected} has no opt-out switch in this scenario")
        out = selected not in self._opted_out
        # To ground with a pull-up: 0 is pressed.
        self._ask({"cmd": "pin", "board": home.meter, "pin": pin, "value": 0 if out else 1})
        self._opted_out ^= {selected}
        return f"{selected} opts out" if out else f"{selected} takes part again"

    def bypass(self, snapshot: Snapshot, selected: str) -> str:
        """Lead half of a home's load around its meter, or stop it."""
        home = _home(snapshot, selected)
        share = 0.0 if home.bypass else BYPASS_SHARE
        self._ask({"cmd": "bypass", "home": selected, "share": share})
        return (
            f"{selected}: half of the load flows around the meter"
            if share
            else (f"{selected}: all flows through the meter again")
        )

    def power(self, snapshot: Snapshot, selected: str) -> str:
        """Cut the power of the selected board for a moment."""
        board = snapshot.board_of(selected)
        name = board.name if board else selected
        self._ask({"cmd": "power", "board": name})
        return f"{name}: power cut"


def _world(snapshot: Snapshot) -> World:
    if snapshot.world is None:
        raise NothingToDo("the feeder has not answered yet")
    return snapshot.world


def _home(snapshot: Snapshot, selected: str) -> Home:
    home = _world(snapshot).homes.get(selected)
    if home is None:
        raise NothingToDo("select a home with the arrow keys")
    return home
