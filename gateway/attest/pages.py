"""Pages in `docs/meters` of the devices that are no table of registers, made from their drivers.

What they say is held against driver and emulated device by the walk over all models.
"""

import struct
from dataclasses import dataclass

from gateway.attest import relay_board, sunspec, sunspec_meter
from gateway.attest.p1 import FRESH_S, SPECIFICATIONS
from gateway.profiles.frames import Exchange, rtu
from gateway.profiles.page import HEAD, drawn
from wireformat import codes

_PACKAGES = "{} (`pip install 'truewatt[meters]'`)"
_PHASES = ("l1", "l2", "l3")
_COUNTERS = ("import_wh", "export_wh", "power_w")
_VOLTS = tuple(f"voltage_{phase}_dv" for phase in _PHASES)
_AMPERES = tuple(f"current_{phase}_ma" for phase in _PHASES)
_WATTS = tuple(f"power_{phase}_w" for phase in _PHASES)


@dataclass(frozen=True)
class Other:
    """`names`: what a configuration calls it; `measures`: keys of results; `port`: an example.

    `actions`, `left_alone`, `assets`: as its driver has them.
    """

    page: str
    title: str
    names: tuple[str, ...]
    link: str
    port: str
    needs: str
    measures: tuple[str, ...]
    sources: tuple[str, ...]
    notes: tuple[str, ...] = ()
    actions: frozenset[int] = frozenset()
    timeout_s: int = 0
    left_alone: str = ""
    assets: int = 0
    readable: bool = True


def relay_frames(address: int = 1) -> tuple[Exchange, ...]:
    """A relay board is found, relay 1 closed for a time, then opened; each is read back."""

    def coils(closed: int) -> Exchange:
        asked = struct.pack(">BHH", 1, 0, relay_board.RELAYS)
        return Exchange(rtu(address, asked), rtu(address, bytes((1, 1, closed))))

    def order(coil: int, value: int) -> Exchange:
        frame = rtu(address, struct.pack(">BHH", 5, coil, value))
        return Exchange(frame, frame)

    close = order(relay_board.TIMED_CLOSE, relay_board.TIMEOUT_S * relay_board.TENTHS)
    return (coils(0), close, coils(1), order(0, relay_board.OFF), coils(0))


OTHERS = (
    Other(
        "p1",
        "Smart meters' P1 port",
        tuple(SPECIFICATIONS),
        "P1, 115200 8N1, read only: the meter talks by itself",
        "/dev/ttyUSB2",
        _PACKAGES.format("dsmr_parser"),
        (*_COUNTERS, *_VOLTS, *_AMPERES),
        (
            "DSMR 5.0.2 P1, sections 5 and 6",
            "ndokter/dsmr_parser dsmr_parser/telegram_specifications.py",
        ),
        (
            "All tariffs are counted together; a quantity that a telegram hasn't got is left out.",
            "A telegram's CRC must be right; at a visit the newest one may be "
            f"{FRESH_S:.0f} s old.",
            f"Names: {', '.join(f'`{name}` ({value})' for name, value in SPECIFICATIONS.items())}.",
        ),
    ),
    Other(
        relay_board.RELAY_BOARD,
        "Waveshare Modbus RTU Relay",
        (relay_board.RELAY_BOARD,),
        "Modbus RTU, usually 9600 8N1; functions 01 and 05",
        "/dev/ttyUSB0",
        "nothing more",
        (),
        (
            "Waveshare's wiki: Modbus RTU Relay, development protocol V2",
            "icecoldfire/HomeAssistant-Waveshare-Relay",
            "nigelb/pymodbus-waveshare-relay",
        ),
        (
            "A relay is closed for a time only, by a write at `0x0200` + relay in tenths of a "
            "second, and each visit says so again.",
        ),
        frozenset({codes.OPEN, codes.CLOSE}),
        relay_board.TIMEOUT_S,
        "opens",
        relay_board.RELAYS,
        readable=False,
    ),
    Other(
        sunspec_meter.SUNSPEC_METER,
        "Meters that speak SunSpec",
        (sunspec_meter.SUNSPEC_METER,),
        "Modbus RTU, usually 9600 8N1, or TCP; function 03",
        "tcp://192.168.1.30:502",
        _PACKAGES.format("pysunspec2"),
        (*_COUNTERS, "reactive_var", "frequency_mhz", *_VOLTS, *_AMPERES, *_WATTS),
        ("SunSpec's own models, as pysunspec2 brings them", "evcc-io/evcc, template sunspec-meter"),
        (
            "Models, the best to have first: "
            f"{', '.join(str(number) for number in sunspec_meter.MODELS)}. The map is found "
            "wherever it begins, so its frames differ from device to device.",
            "A SolarEdge meter's power is turned round, by the maker's name in model 1.",
        ),
    ),
    Other(
        sunspec.SUNSPEC_STORAGE,
        "Battery inverters that speak SunSpec",
        (sunspec.SUNSPEC_STORAGE,),
        "Modbus RTU, usually 9600 8N1, or TCP; functions 03 and 16",
        "tcp://192.168.1.31:502",
        _PACKAGES.format("pysunspec2"),
        (*_COUNTERS, "voltage_dv", "current_ma", "frequency_mhz"),
        ("SunSpec's own models, as pysunspec2 brings them", "IEEE 1547-2018"),
        (
            f"Models: {sunspec.MEASURES} (measures), {sunspec.CONTROLS} (controls), and "
            f"{sunspec.RATING} (rating) if it has it. The map is found wherever it begins.",
        ),
        frozenset({codes.CHARGE, codes.DISCHARGE, codes.OPEN}),
        sunspec.TIMEOUT_S,
        "goes back to its own control",
        1,
        readable=False,
    ),
)


def other_page(device: Other) -> str:
    """Markdown that says what its driver does."""
    facts = [
        "| | |",
        "|---|---|",
        f"| `profile` | {', '.join(f'`{name}`' for name in device.names)} |",
        f"| Link | {device.link} |",
        f"| Needs | {device.needs} |",
        f"| Measures | {', '.join(f'`{key}`' for key in device.measures) or 'nothing'} |",
        f"| Commands | {_commands(device)} |",
    ]
    if device.timeout_s:
        facts.append(f"| Left alone for {device.timeout_s} s | {device.left_alone} |")
    blocks = [[HEAD, f"# {device.title}"]]
    if device.readable:
        name = device.names[0]
        blocks.append([f"    truewatt gateway read --profile {name} --port {device.port}"])
    blocks += [["\n".join(facts)], ["\n".join(f"- {note}" for note in device.notes)]]
    if device.page == relay_board.RELAY_BOARD:
        blocks.append(["## Frames", _FRAMES, "\n".join(drawn(relay_frames()))])
    blocks.append(["Configuration: [gateway.md](../gateway.md#commercial-devices)."])
    blocks.append(["## Sources", "\n".join(f"- {source}" for source in device.sources)])
    return "\n\n".join(part for block in blocks for part in block) + "\n"


_FRAMES = "At address 1: found with all relays open; relay 1 closed, read back, opened, read back."


def _commands(device: Other) -> str:
    if not device.actions:
        return "none"
    names = ", ".join(f"`{codes.ACTIONS[action]}`" for action in sorted(device.actions))
    return names if device.assets == 1 else f"{names}; {device.assets} assets"
