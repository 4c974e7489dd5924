"""All that is known of one board, for the detail screen and the panel of large terminals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rich.text import Text

from truewatt.demo.view.model import Asset, Board, Command, Home, Section, Snapshot
from truewatt.demo.view.text import BAD, CONTROL, DIM, GOOD, SUN, TITLE, WARN, clipped, kw, line
from wireformat import codes

_NAMES = {"water_heater": "hot water", "ev": "car"}


@dataclass(frozen=True)
class BoardDetail:
    """What is fetched for one board only."""

    device: str = ""
    head: str = ""
    commands: Sequence[Command] = field(default_factory=tuple)


def board_lines(snapshot: Snapshot, name: str, detail: BoardDetail, width: int) -> list[Text]:
    """The page of a section or home `name`."""
    world, board = snapshot.world, snapshot.board_of(name)
    lines = [line((name, TITLE), ("" if board is None else f"  board {board.name}", DIM))]
    if world is not None and name in world.homes:
        lines += _home(snapshot, world.homes[name], board)
    elif world is not None and name in world.sections:
        lines += _section(snapshot, world.sections[name])
    if board is not None:
        lines += [line(""), *_board(board, detail), line(""), *_commands(detail.commands)]
    return [clipped(one, width) for one in lines]


def _fact(what: str, *parts: str | tuple[str, str]) -> Text:
    return line((f"{what:10}", DIM), *parts)


def _home(snapshot: Snapshot, home: Home, board: Board | None) -> list[Text]:
    where = f"behind {home.section}" + (f", phase L{home.phase}" if home.phase else "")
    voltage = "" if home.voltage_v is None else f", {home.voltage_v:.1f} V"
    lines = [
        _fact("place", where + voltage),
        _fact("load", (f"{kw(home.load_w, 6).strip()} kW", CONTROL)),
        _fact("solar", (f"{kw(home.pv_w, 6).strip()} kW", SUN)),
    ]
    if home.bypass:
        lines.append(
            _fact("bypass", (f"! {home.bypass:.0%} flows around the meter", f"bold {BAD}"))
        )
    for number, asset in enumerate(home.assets.values()):
        why = ""
        if board is not None and snapshot.ledger is not None:
            why = snapshot.ledger.why(board.device, number)
        lines.append(
            _fact(_NAMES.get(asset.kind, asset.kind.replace("_", " ")), *_asset(asset, why))
        )
    return lines


def _asset(asset: Asset, why: str) -> list[str | tuple[str, str]]:
    parts: list[str | tuple[str, str]] = []
    if asset.on is not None:
        parts.append(("● closed" if asset.on else "○ open", GOOD if asset.on else WARN))
    if asset.mode is not None:
        parts.append(f" SG-Ready {asset.mode}")
    if why:
        parts.append((f" ({why})", DIM))
    parts.append(f"  {kw(asset.power_w, 6).strip()} kW")
    if asset.soc is not None and asset.connected:
        parts.append(f"  {asset.soc:.0%}")
    if not asset.connected:
        parts.append(("  away", DIM))
    if asset.temperature_c is not None:
        parts.append(f"  {asset.temperature_c:.1f} °C")
    if asset.unmet_wh >= 1:
        parts.append((f"  ! {asset.unmet_wh:.0f} Wh unmet", f"bold {BAD}"))
    return parts


def _section(snapshot: Snapshot, section: Section) -> list[Text]:
    gateway = snapshot.gateway
    state = ("■ closed", GOOD) if section.closed else ("/ open", f"bold {BAD}")
    lines = [
        _fact("breaker", state),
        _fact("load", (f"{kw(section.power_w, 6).strip()} kW", CONTROL)),
    ]
    if gateway is not None and section.name in gateway.limits_w:
        lines.append(_fact("limit", f"{kw(gateway.limits_w[section.name], 6).strip()} kW in force"))
    if gateway is not None and section.name in gateway.breakers:
        cause = codes.TRIP_CAUSES.get(gateway.breakers[section.name][1], "?")
        lines.append(_fact("last trip", cause))
    for what, values, unit in (
        ("phases", section.phase_w, "W"),
        ("", section.phase_a, "A"),
        ("", section.voltage_v, "V"),
    ):
        if values:
            digits = 0 if unit == "W" else 1
            lines.append(_fact(what, "  ".join(f"{v:.{digits}f}" for v in values), f" {unit}"))
    return lines


def _board(board: Board, detail: BoardDetail) -> list[Text]:
    good = board.state == "ok"
    trusted = ("trusted", GOOD) if board.clock_trusted else ("! untrusted", f"bold {WARN}")
    relays = " ".join(
        f"{number + 1}{'●' if board.relays >> number & 1 else '○'}" for number in range(2)
    )
    return [
        _fact(
            "gateway", ("● " if good else "! ", GOOD if good else BAD), board.held or board.state
        ),
        _fact("bus", f"{board.bus} address {board.address}"),
        _fact("address", board.device[:16] or "-"),
        _fact("chain", f"epoch {board.epoch}, next {board.next_seq}"),
        _fact("head", detail.head[:16] or "-"),
        _fact("journal", f"{board.unacked} not acked yet, {board.records} kept"),
        _fact("clock", trusted),
        _fact("relays", f"{relays}  by its own word"),
        _fact("commands", f"counter {board.counter}"),
    ]


def _commands(commands: Sequence[Command]) -> list[Text]:
    if not commands:
        return [line(("no command yet", DIM))]
    lines = [line(("last commands, and when the board acted", DIM))]
    return lines + [_command(command) for command in commands]


def _command(command: Command) -> Text:
    seen = datetime.fromtimestamp(command.seen_ms / 1000, UTC)
    state = "done" if command.state == "done" else command.reason or command.state
    return line(
        (f"{seen:%H:%M:%S} ", DIM),
        f"{command.action} {command.asset}".ljust(16),
        (f"{_after(command.seen_ms, command.ended_ms):>7} ", DIM),
        (state, GOOD if command.state == "done" else WARN),
    )


def _after(start_ms: int, at_ms: int | None) -> str:
    return "-" if at_ms is None else f"{(at_ms - start_ms) / 1000:+.1f}s"
