"""Boards at work whose heap is watched: the permitted combinations of role, link, chip and options.

Each board has its metering chip, a gateway on its bus or a real broker (Mosquitto), orders and
acknowledgements, and the heap of a chip; simulated time runs fast. What is free after a collection
the emulated chip says itself.
"""

import re
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ledger.clock import Clock
from truewatt.bench._heap_master import AREA, CHAIN, ROOT, START_S, Master
from truewatt.emulator.board import NO_CHARGES, BoardSpec, EmulatedBoard
from truewatt.emulator.physics.channel import Channel
from truewatt.emulator.wires.atm90e32 import Atm90e32Chip, Balanced
from truewatt.emulator.wires.bl0942 import Bl0942Chip, Bl0942Line
from truewatt.emulator.wires.cse7766 import Cse7766Chip, Cse7766Line
from truewatt.emulator.wires.hlw8012 import HLW8012, Hlw8012Pins
from truewatt.emulator.wires.pzem import PzemLine, PzemModule
from truewatt.emulator.wires.tty import Tty
from truewatt.lifeline import dies_with_us
from truewatt.toolchain.debian_tool import debian_tool

HEAP_KIB = 112
FREE_BYTES = 20 * 1024
_FREE = re.compile(r"^\[(\d+)\] chip: (\d+) bytes free", re.M)
_BUS = {"bus": {"address": 1, "uart": 1, "baud": 115200}}
_SWITCHES = {"lockout": {"pin": 4}, "tamper": {"pin": 18}}
_METER_SWITCHES = _SWITCHES | {"opt_out": {"pin": 5}}
_PULSES = {"cf": 35, "cf1": 34, "sel": 23}
_RELAYS = [{"pin": 26, "safe": "closed"}, {"pin": 27, "safe": "open"}]
_SENSED = [{**relay, "sense": 32 + at} for at, relay in enumerate(_RELAYS)]
_PAIR = [{"pin": 26, "safe": "open"}, {"pin": 27, "safe": "open"}]


@dataclass(frozen=True)
class Combination:
    """What a board is configured to; `links` of "bus", "mqtt" and "tcp"."""

    name: str
    role: str
    driver: str
    links: tuple[str, ...] = ("bus",)
    options: dict[str, Any] = field(default_factory=dict)
    heap_kib: int = HEAP_KIB

    def config(self, broker_port: int) -> dict[str, Any]:
        """Its config.json."""
        found = {
            "role": self.role,
            "name": "b",
            "chain_id": CHAIN,
            "area": AREA,
            "operator_root": bytes(ROOT.verify_key).hex(),
            "interval_s": 60,
            "boundary_s": 300,
            "restore_delay_s": [0, 0],
        }
        if "bus" in self.links:
            found |= _BUS
        if "mqtt" in self.links:
            at = {"host": "127.0.0.1", "port": broker_port}
            found |= {"mqtt": {"ssid": "site", "psk": "secret", **at}}
        if "tcp" in self.links:
            found |= {"tcp": {"ssid": "site", "psk": "secret", "port": broker_port + 1}}
        return found | self._measuring() | self.options

    def _measuring(self) -> dict[str, Any]:
        if self.role == "mlmd":
            metering: dict[str, Any] = {"driver": self.driver}
            metering |= {"cs": 5} if self.driver == "atm90e32" else {"uart": 2}
            return {
                "metering": metering,
                "channels": [{"kind": "section", "energy": "grid", "sensor": 1}],
                "relays": [{"pin": 26, "safe": "closed"}],
                "fixed_limit_w": 20_000,
            }
        channels = [{"kind": "load", "energy": "grid", "sensor": 1}]
        if self.driver == "pzem004t":
            channels.append({"kind": "generation", "energy": "solar", "sensor": 2})
        metering = {"driver": self.driver, "uart": 2, "timeout_ms": 4000}
        if self.driver == "atm90e32":
            metering = {"driver": self.driver, "cs": 5}
        if self.driver == "hlw8012":
            metering = {"driver": self.driver, **_PULSES}
        return {"metering": metering, "channels": channels, "relays": _RELAYS}


COMBINATIONS = (
    Combination("meter, PZEM, bus", "meter", "pzem004t"),
    Combination(
        "meter, PZEM, bus, all switches",
        "meter",
        "pzem004t",
        options=_METER_SWITCHES | {"relays": _SENSED},
    ),
    Combination(
        "meter, PZEM, bus, heat pump",
        "meter",
        "pzem004t",
        options={"relays": _PAIR, "assets": [{"kind": "sg_ready"}]},
    ),
    Combination("meter, PZEM, MQTT", "meter", "pzem004t", ("mqtt",)),
    Combination("meter, PZEM, Modbus TCP", "meter", "pzem004t", ("tcp",)),
    Combination("meter, PZEM, bus and Modbus TCP", "meter", "pzem004t", ("bus", "tcp")),
    Combination(
        "meter, PZEM, Modbus TCP, SNTP, drift",
        "meter",
        "pzem004t",
        ("tcp",),
        {"sntp": {"host": "127.0.0.1", "port": 9}, "drift": True},
    ),
    Combination("meter, PZEM, bus and MQTT", "meter", "pzem004t", ("bus", "mqtt")),
    Combination("meter, BL0942, bus", "meter", "bl0942"),
    Combination("meter, CSE7766, bus", "meter", "cse7766"),
    Combination("meter, HLW8012, bus", "meter", "hlw8012"),
    Combination("meter, ATM90E32, bus", "meter", "atm90e32"),
    Combination("M-LMD, PZEM, bus", "mlmd", "pzem004t"),
    Combination("M-LMD, ATM90E32, bus", "mlmd", "atm90e32"),
    Combination(
        "M-LMD, ATM90E32, bus, all switches",
        "mlmd",
        "atm90e32",
        options=_SWITCHES
        | {
            "trip": {"pin": 19},
            "phase_limit_a": 100,
            "breaker": {"reset_pin": 34},
            "relays": [{"pin": 26, "safe": "closed", "sense": 32}],
        },
    ),
    Combination("M-LMD, ATM90E32, MQTT", "mlmd", "atm90e32", ("mqtt",)),
    # Works, below the bar: two links and the breaker are for chips that have more.
    Combination("M-LMD, ATM90E32, bus and MQTT", "mlmd", "atm90e32", ("bus", "mqtt")),
)


class BoardAtWork:
    """One combination's board with its wires; `free` is what its chip said, by simulated ms."""

    def __init__(
        self, folder: Path, combination: Combination, clock: Clock, broker_port: int, report_s: int
    ) -> None:
        self.combination, self._clock = combination, clock
        self._lines = [Tty(folder / name) for name in ("uart1", "uart2")]
        self._channel = Channel(230.0, 800.0)
        self._chips: list[Any] = []
        self._spi: Atm90e32Chip | None = None
        self._pulsing: Hlw8012Pins | None = None
        self._serve = self._wire(folder)
        spec = BoardSpec(
            "b",
            self._lines[0].path,
            self._lines[1].path,
            spi=None if self._spi is None else self._spi.path,
            pins=None if self._pulsing is None else folder / "pins",
            counters=self._pulsing is not None,
            arch="32bit",
            heap_kib=combination.heap_kib,
            charges=NO_CHARGES,
            radio=bool({"mqtt", "tcp"} & set(combination.links)),
            report_heap_s=report_s,
        )
        self.board = EmulatedBoard(folder / "b", spec, {"TRUEWATT_CLOCK": clock.to_env()})
        self.board.provision(combination.config(broker_port))
        self.master = Master(self._lines[0], "sg_ready" not in str(combination.options))
        self._running = True
        self._threads = [threading.Thread(target=self._metering, daemon=True)]
        if "bus" in combination.links:
            self._threads.append(threading.Thread(target=self._bus, daemon=True))

    def start(self) -> None:
        """Power on."""
        if self._pulsing is not None:
            self._pulsing.start()
        self.board.start()
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Power off, and let go of every wire."""
        self._running = False
        for thread in self._threads:
            thread.join()
        self.board.kill()
        if self._pulsing is not None:
            self._pulsing.ending = True
            self._pulsing.join()
        if self._spi is not None:
            self._spi.close()
        for line in self._lines:
            line.close()

    def console(self) -> str:
        """All that the board said."""
        return self.board.log_path.read_text(errors="replace")

    def free(self) -> list[tuple[int, int]]:
        """(simulated ms since its start, bytes free after a collection), in order."""
        return [(int(ms), int(free)) for ms, free in _FREE.findall(self.console())]

    def usual_free(self) -> int:
        """The median of that: now and then a signature is under way, which takes 2 KiB."""
        figures = sorted(free for _, free in self.free())
        return figures[len(figures) // 2] if figures else 0

    def _wire(self, folder: Path) -> Callable[[], None]:
        driver, line = self.combination.driver, self._lines[1]
        if driver == "atm90e32":
            self._spi = Atm90e32Chip(Balanced(self._channel), folder / "spi", 5)
            self._chips = [self._spi]
            return lambda: None
        if driver == "hlw8012":
            load = Channel(230.0, 800.0)
            self._pulsing = Hlw8012Pins(folder / "pins", _PULSES, self._clock, load, HLW8012)
            return lambda: None
        if driver == "bl0942":
            chip = Bl0942Chip(self._channel, address=1)
            self._chips = [chip]
            return Bl0942Line(line, [chip], paced=False, clock=self._clock).serve
        if driver == "cse7766":
            single = Cse7766Chip(self._channel)
            self._chips = [single]
            return Cse7766Line(line, single, self._clock).send
        modules = [PzemModule(address, self._channel) for address in (1, 2)]
        self._chips = list(modules)
        return PzemLine(line, modules, paced=False, clock=self._clock).serve

    def _metering(self) -> None:
        seconds = self._clock.mono_ms() // 1000
        while self._running:
            while seconds < self._clock.mono_ms() // 1000:
                self._channel.step(230.0, 800.0, 0.0)
                for chip in self._chips:
                    chip.step()
                seconds += 1
            self._serve()
            time.sleep(0.003)

    def _bus(self) -> None:
        started_ms = self._clock.mono_ms()
        while self._running:
            self.master.turn((self._clock.mono_ms() - started_ms) / 1000)
            time.sleep(0.1)


class Broker:
    """Mosquitto on a free port of loopback."""

    def __init__(self, folder: Path, port: int) -> None:
        folder.mkdir(parents=True)
        config = folder / "mosquitto.conf"
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n")
        with (folder / "broker.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*debian_tool("mosquitto"), "-c", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=dies_with_us(),  # noqa: PLW1509 - nothing but system calls
            )

    def close(self) -> None:
        """Stop it."""
        self._process.kill()
        self._process.wait()


def run(
    folder: Path,
    combinations: Sequence[Combination],
    speed: int,
    simulated_s: int,
    report_s: int,
    broker_port: int,
) -> list[BoardAtWork]:
    """Let boards of all `combinations` work side by side; they are off again when it returns."""
    clock = Clock.starting_at(START_S * 1000, speed)
    broker = None
    if any("mqtt" in one.links for one in combinations):
        broker = Broker(folder / "broker", broker_port)
    boards = []
    try:
        for at, one in enumerate(combinations):
            boards.append(BoardAtWork(folder / str(at), one, clock, broker_port, report_s))
        for board in boards:
            board.start()
        deadline = time.monotonic() + simulated_s / speed
        while time.monotonic() < deadline and any(b.board.poll() is None for b in boards):
            time.sleep(0.2)
    finally:
        for board in boards:
            board.close()
        if broker is not None:
            broker.close()
    return boards
