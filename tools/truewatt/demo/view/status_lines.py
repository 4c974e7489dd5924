"""The lines between diagram and log: the run's head, prices, counters."""

from __future__ import annotations

from dataclasses import dataclass

from rich.text import Text

from truewatt.demo.view.model import Snapshot
from truewatt.demo.view.text import BAD, CONTROL, DIM, GOOD, TITLE, WARN, clipped, line, price
from truewatt.demo.view.text import sparkline as spark
from truewatt.demo.view.trace import Trace

_WIDE = 110
_STALE_S = 3.0
"""A part that has not answered for so long is named."""
_ENERGY_ORDER = ("mix", "grid", "solar")


@dataclass(frozen=True)
class RunPlan:
    """What the view knows of the run beforehand. `real_s` 0: attached to one, length unknown."""

    title: str = "truewatt"
    speed: float = 0.0
    real_s: float = 0.0
    boards: int = 0


def head_line(snapshot: Snapshot, plan: RunPlan, spent_s: float, width: int) -> Text:
    """Time, progress, boards, chain; then who does not answer."""
    world, gateway, ledger = snapshot.world, snapshot.gateway, snapshot.ledger
    drawn = line((f" {plan.title} ", TITLE))
    if world is not None:
        drawn.append(f" {world.local[11:16]} ", f"bold {CONTROL}")
    if plan.speed:
        drawn.append(f"x{plan.speed:g} ", DIM)
    if plan.real_s:
        drawn.append(f"{min(1.0, spent_s / plan.real_s):4.0%} ", DIM)
    silent = [f"{part} {s:.0f} s" for part, s in snapshot.silent_s.items() if s >= _STALE_S]
    if silent:
        drawn.append(f" ? no answer: {', '.join(silent)}", f"bold {BAD}")
        return clipped(drawn, width)
    if gateway is not None:
        total = plan.boards or len(gateway.signing)
        good = gateway.answering == total
        drawn.append(f" {'●' if good else '!'} {gateway.answering}/{total} boards", _tone(good))
    if ledger is not None:
        drawn.append(f"  block {ledger.height}")
    if gateway is not None and gateway.notices:
        drawn.append(f"  ! {'; '.join(f'{k}: {v}' for k, v in gateway.notices.items())}", WARN)
    return clipped(drawn, width)


def price_line(snapshot: Snapshot, prices: Trace, width: int) -> Text:
    """Price of the mix, its course, and of each energy type."""
    if snapshot.ledger is None:
        return clipped(line((" price   - (the ledger has not answered yet)", DIM)), width)
    now = snapshot.ledger.prices
    others = [name for name in _ENERGY_ORDER if name in now]
    others += sorted(now.keys() - set(_ENERGY_ORDER))
    drawn = line((" price ", DIM))
    for name in others:
        style = f"bold {CONTROL}" if name == "mix" else ""
        drawn.append(f" {name} ", DIM)
        drawn.append(price(now[name]), style)
    drawn.append(" /kWh  ", DIM)
    room = width - drawn.cell_len - 1
    if room >= 8:
        drawn.append(spark(prices.columns(0, min(room, max(8, len(prices))))), CONTROL)
    return clipped(drawn, width)


def counter_line(snapshot: Snapshot, width: int) -> Text:
    """What became of every record and command."""
    gateway = snapshot.gateway
    if gateway is None:
        return clipped(line((" records - (the gateway has not answered yet)", DIM)), width)
    refused = sum(gateway.refusals.values())
    drawn = line((" signed ", DIM), f"{gateway.records + gateway.on_boards}")
    drawn.append(" = kept ", DIM)
    drawn.append(f"{gateway.records}", GOOD)
    wide = width >= _WIDE
    drawn.append(" + on boards " if wide else " + held ", DIM)
    drawn.append(f"{gateway.on_boards}")
    drawn.append("  lost ", DIM)
    drawn.append(f"{gateway.lost}", _tone(not gateway.lost))
    drawn.append("  refused ", DIM)
    drawn.append(f"{refused}", WARN if refused else "")
    commands = gateway.commands
    waiting = commands.get("open", 0) + commands.get("delivered", 0)
    drawn.append("  commands " if wide else "  cmd ", DIM)
    drawn.append(f"{commands.get('done', 0)} done")
    for name, count in (("waiting", waiting), *_ends(commands)):
        if count or wide:
            drawn.append(f" {count} {name}", WARN if count else DIM)
    return clipped(drawn, width)


def _ends(commands: object) -> list[tuple[str, int]]:
    assert isinstance(commands, dict)
    return [(name, commands.get(name, 0)) for name in ("refused", "expired")]


def _tone(good: bool) -> str:
    return GOOD if good else f"bold {BAD}"
