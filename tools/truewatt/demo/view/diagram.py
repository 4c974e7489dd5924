"""The one-line diagram: transformer, the sections behind their breakers, each home in a line."""

from __future__ import annotations

from rich.text import Text

from truewatt.demo.view.model import (
    EN50160_HIGH_V,
    EN50160_LOW_V,
    NOMINAL_V,
    Asset,
    Home,
    Section,
    Snapshot,
    World,
)
from truewatt.demo.view.text import (
    ALARM_SIGN,
    BAD,
    BREAKER_CLOSED,
    BREAKER_OPEN,
    CONTROL,
    DIM,
    GOOD,
    OFF,
    ON,
    SELECTED,
    SUN,
    TITLE,
    TWIN,
    WARN,
    clipped,
    joined,
    kw,
    line,
    percent,
)

NARROW, WIDE = 25, 46
"""Columns that a home's line takes at least, and with everything in it."""
_HEAD_LINES = 3
_LOCKED_OUT = 2
_LETTERS = {"water_heater": "W", "ev": "E", "heat_pump": "P", "battery": "B", "cooling": "C"}


def places(world: World | None) -> list[list[str]]:
    """What can be selected, a list for each section: the section, then its homes."""
    if world is None:
        return []
    return [[name, *(home.name for home in world.behind(name))] for name in world.sections]


def height_of(world: World | None) -> int:
    """Lines that show every home."""
    columns = places(world)
    return _HEAD_LINES + max((len(column) - 1 for column in columns), default=1)


def diagram(snapshot: Snapshot, width: int, height: int, selected: str) -> Text:
    """The diagram in `width` x `height`; what does not fit scrolls with the selection."""
    world = snapshot.world
    if world is None:
        return joined([clipped(line(("waiting for the feeder", DIM)), width)])
    columns = places(world)
    shown = max(1, min(len(columns), (width + 1) // (NARROW + 1)))
    first = _first_column(columns, shown, selected)
    columns = columns[first : first + shown]
    each = (width - (shown - 1)) // max(1, shown)
    rows = max(0, height - _HEAD_LINES)
    lines = [_transformer(world, width), *_sections(snapshot, columns, each, selected)]
    top = _first_row(columns, rows, selected)
    for row in range(top, top + rows):
        cells = [_cell(snapshot, column, row, each, selected) for column in columns]
        lines.append(Text(" ").join(cells))
    return joined([clipped(one, width) for one in lines[:height]])


def _first_column(columns: list[list[str]], shown: int, selected: str) -> int:
    at = next((i for i, column in enumerate(columns) if selected in column), 0)
    return max(0, min(at - shown + 1, len(columns) - shown))


def _first_row(columns: list[list[str]], rows: int, selected: str) -> int:
    column = next((column for column in columns if selected in column), [])
    at = column.index(selected) - 1 if selected in column else 0
    return max(0, at - rows + 1)


def _transformer(world: World, width: int) -> Text:
    feeder = world.feeder
    drawn = line(
        ("T1 ", TITLE),
        (f"{kw(feeder.power_w, 6).strip()} kW", f"bold {CONTROL}"),
        (f"  without control {kw(feeder.twin_w, 6).strip()}", TWIN),
    )
    if feeder.losses_w is not None:
        drawn.append(f"  loss {feeder.losses_w:.0f} W", DIM)
    if feeder.voltage_v:
        drawn.append("  ")
        drawn.append_text(_volts(feeder.voltage_v))
    if world.frequency_hz is not None:
        drawn.append(f"  {world.frequency_hz:.2f} Hz", _hz_style(world.frequency_hz))
    drawn.append(" ")
    drawn.append("═" * max(0, width - drawn.cell_len), DIM)
    return drawn


def _hz_style(hz: float) -> str:
    return DIM if abs(hz - 50.0) < 0.2 else BAD


def _volts(volts: tuple[float, ...]) -> Text:
    drawn = line()
    for at, value in enumerate(volts):
        good = EN50160_LOW_V <= value <= EN50160_HIGH_V
        drawn.append(f"{' ' if at else ''}{value:.0f}", DIM if good else f"bold {BAD}")
        if not good:
            drawn.append(ALARM_SIGN, f"bold {BAD}")
    drawn.append(" V", DIM)
    return drawn


def _sections(
    snapshot: Snapshot, columns: list[list[str]], each: int, selected: str
) -> tuple[Text, Text]:
    assert snapshot.world is not None
    sections = [snapshot.world.sections[column[0]] for column in columns]
    heads = [clipped(_section_head(snapshot, s, selected), each) for s in sections]
    details = [clipped(_section_detail(snapshot, section, each), each) for section in sections]
    return Text(" ").join(heads), Text(" ").join(details)


def _section_head(snapshot: Snapshot, section: Section, selected: str) -> Text:
    limit = snapshot.gateway.limits_w.get(section.name) if snapshot.gateway else None
    over = limit is not None and section.power_w > limit
    breaker = (BREAKER_CLOSED, GOOD) if section.closed else (BREAKER_OPEN, f"bold {BAD}")
    drawn = line(("╤ ", DIM), (section.name, SELECTED if section.name == selected else TITLE), " ")
    drawn.append(*breaker)
    if not section.closed:
        drawn.append(f" {_open_word(snapshot, section.name)}", f"bold {BAD}")
        return drawn
    drawn.append(f"{kw(section.power_w, 6)}", f"bold {BAD if over else CONTROL}")
    if limit is not None:
        drawn.append(f"/{kw(limit, 4).strip()} kW", DIM)
    if over:
        drawn.append(ALARM_SIGN, f"bold {BAD}")
    return drawn


def _open_word(snapshot: Snapshot, name: str) -> str:
    breaker = snapshot.gateway.breakers.get(name, (0, 0))[0] if snapshot.gateway else 0
    return "LOCKED OUT" if breaker == _LOCKED_OUT else "OPEN"


def _section_detail(snapshot: Snapshot, section: Section, each: int) -> Text:
    board = snapshot.board_of(section.name)
    if board is not None and snapshot.world and snapshot.world.bus_cut.get(board.bus):
        return line(("│ ", DIM), (f"{board.bus} CUT", f"bold {BAD}"))
    drawn = line(("│ ", DIM))
    if section.phase_w:
        drawn.append("/".join(kw(power, 3).strip() for power in section.phase_w), DIM)
        drawn.append(" ")
    if section.voltage_v:
        worst = max(section.voltage_v, key=lambda volts: abs(volts - NOMINAL_V))
        drawn.append_text(_volts(section.voltage_v if each >= WIDE else (worst,)))
    return drawn


def _cell(snapshot: Snapshot, column: list[str], row: int, each: int, selected: str) -> Text:
    assert snapshot.world is not None
    if row + 1 >= len(column):
        return clipped(line(""), each)
    home = snapshot.world.homes[column[row + 1]]
    return clipped(_home(snapshot, home, each, selected), each)


def _home(snapshot: Snapshot, home: Home, each: int, selected: str) -> Text:
    drawn = line((f"{home.name:3}", SELECTED if home.name == selected else TITLE))
    drawn.append_text(_health(snapshot, home))
    drawn.append(kw(home.load_w, 4), f"bold {BAD}" if home.bypass else CONTROL)
    drawn.append(f" {kw(home.pv_w, 3)}" if home.pv_w >= 50 else "   -", SUN)
    wide = each >= WIDE
    for asset in home.assets.values():
        drawn.append_text(_asset(asset, wide))
    if wide and home.voltage_v is not None:
        drawn.append(" ")
        drawn.append_text(_volts((home.voltage_v,)))
    elif home.voltage_v is not None and not EN50160_LOW_V <= home.voltage_v <= EN50160_HIGH_V:
        drawn.append(f" V{ALARM_SIGN}", f"bold {BAD}")
    return drawn


def _health(snapshot: Snapshot, home: Home) -> Text:
    """One sign: the meter is silent, bypassed, or well."""
    board = snapshot.gateway.boards.get(home.meter) if snapshot.gateway else None
    if home.bypass:
        return line(("≠", f"bold {BAD}"))
    if board is not None and board.state != "ok":
        return line(("?", f"bold {WARN}"))
    return line(" ")


def _asset(asset: Asset, wide: bool) -> Text:
    letter = _LETTERS.get(asset.kind, asset.kind[:1].upper())
    drawn = line((f" {letter}", DIM))
    if asset.kind == "battery":
        drawn.append(_arrow(asset.power_w), GOOD if abs(asset.power_w) >= 50 else DIM)
    elif asset.mode is not None:
        drawn.append(str(asset.mode), CONTROL if asset.power_w >= 50 else DIM)
    elif asset.on is not None:
        drawn.append(ON if asset.on else OFF, _contact_style(asset))
    if asset.soc is not None and asset.connected:
        drawn.append(percent(asset.soc) if wide else percent(asset.soc)[:2], DIM)
    elif asset.kind == "ev" and not asset.connected:
        drawn.append(" -", DIM)
    if wide and asset.temperature_c is not None:
        drawn.append(f"{asset.temperature_c:.0f}°", DIM)
    if wide and abs(asset.power_w) >= 50:
        drawn.append(f" {kw(asset.power_w, 4).strip()}", CONTROL)
    return drawn


def _contact_style(asset: Asset) -> str:
    if asset.on and abs(asset.power_w) >= 50:
        return f"bold {CONTROL}"
    return GOOD if asset.on else WARN


def _arrow(power_w: float) -> str:
    """A battery charges (down into it), discharges (up out of it) or rests."""
    return "·" if abs(power_w) < 50 else "↓" if power_w > 0 else "↑"
