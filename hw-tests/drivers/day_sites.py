"""For each driver a chip at a metering point of the physics, and what a day does to it.

All answer to the same few calls, so that one test takes each of them through the same day.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from bench import UNITY, MeteringBoard

from gateway.profiles import find_profile
from ledger.clock import Clock
from truewatt.device.meter import line as meter_line
from truewatt.emulator.commercial.line import take_requests
from truewatt.emulator.commercial.meter import EmulatedMeter, Measured
from truewatt.emulator.physics.channel import Channel
from truewatt.emulator.wires.ade7953 import Ade7953Chip, Part
from truewatt.emulator.wires.atm90e32 import Atm90e32Chip, Balanced
from truewatt.emulator.wires.bl0942 import Bl0942Chip, Bl0942Line
from truewatt.emulator.wires.cse7766 import Cse7766Chip, Cse7766Line
from truewatt.emulator.wires.hlw8012 import Hlw8012Chip
from truewatt.emulator.wires.pzem import PzemLine, PzemModule, crc16
from truewatt.emulator.wires.tty import Tty


class Site:
    """A chip on `channel`. `exports`: its day has a sunny noon; `wraps`: its counter goes round.

    `poll_s`: as seldom as its counter allows. `serve`: what it does while the board waits.
    `faults_told`: how many polls fail at least, of a day in which it fails.
    """

    driver = ""
    exports = False
    wraps = False
    faults_told = 1
    poll_s = 60
    ticks = 0

    def __init__(self, tty: Tty, folder: Path) -> None:
        self.channel = Channel()
        self.uart = str(tty.path)
        self.metering: dict[str, Any] = {"uart": 2, "timeout_ms": 400}
        self.settings: dict[str, Any] = {"sensor": 1}
        self.serve: Callable[[], None] = lambda: None

    def setup(self) -> dict[str, Any]:
        """What the board is told, but for what an earlier life of it left."""
        return {
            "driver": self.driver,
            "uart": self.uart,
            "metering": self.metering | {"driver": self.driver},
            "channel": {"kind": "load", "energy": "grid"} | self.settings,
            "ticks": self.ticks,
        }

    def calibrated(self, check: str, **found: Any) -> None:
        """A calibration, as a person writes it into config.json."""
        self.settings["calibration"] = found | {"check": check}

    def step(self) -> None:
        """The chip's second."""

    def before_poll(self, board: MeteringBoard, booted_s: int) -> None:
        """What has happened at the board's pins since the last poll."""

    def after_poll(self, answer: dict[str, Any]) -> None:
        """What the board has driven to its pins by then, among others."""

    def cut(self) -> None:
        """The chip's supply fails."""

    def restore(self) -> None:
        """And is back."""

    def counted_before(self) -> int:
        """What the register holds from before this day, in Wh."""
        return 0

    def close(self) -> None:
        """Take it away."""


class Pzem(Site):
    driver = "pzem004t"
    wraps = True

    def __init__(self, tty: Tty, folder: Path) -> None:
        super().__init__(tty, folder)
        self.module = PzemModule(1, self.channel)
        self.module._counted_wh = 9_995_000.0
        self.step = self.module.step
        self.serve = PzemLine(tty, [self.module], False, Clock.system()).serve

    def cut(self) -> None:
        self.module.address = 99  # the counter survives; nobody answers

    def restore(self) -> None:
        self.module.address = 1

    def counted_before(self) -> int:
        return 9_995_000


class Bl0942(Site):
    driver = "bl0942"
    wraps = True

    def __init__(self, tty: Tty, folder: Path) -> None:
        super().__init__(tty, folder)
        counts = (1 << 24) - 2000.5
        self.chip = Bl0942Chip(self.channel, 1, power_error=0.03, counts=counts)
        self.calibrated("5fea3e98", power=[970874, 0], energy=970874)
        self.step = self.chip.step
        self.cut, self.restore = self.chip.cut_power, self.chip.restore_power
        self.serve = Bl0942Line(tty, [self.chip], False, Clock.system()).serve


class Cse7766(Site):
    driver = "cse7766"
    wraps = True

    def __init__(self, tty: Tty, folder: Path) -> None:
        super().__init__(tty, folder)
        self.chip = Cse7766Chip(self.channel, power_error=-0.04)
        self.calibrated("?", power=[1041667, 0], energy=1041667)
        self.step = self.chip.step
        self.cut, self.restore = self.chip.cut_power, self.chip.restore_power
        self.serve = Cse7766Line(tty, self.chip, Clock.system()).send


class Atm90e32(Site):
    driver = "atm90e32"
    exports = True

    def __init__(self, tty: Tty, folder: Path) -> None:
        super().__init__(tty, folder)
        self.chip = Atm90e32Chip(Balanced(self.channel), folder / "spi", 5)
        self.uart, self.metering = str(self.chip.path), {"cs": 5}
        self.step, self.close = self.chip.step, self.chip.close
        self.cut, self.restore = self.chip.cut_power, self.chip.restore_power


class Ade7953(Site):
    """Its current B, through a clamp that leads by 1.2 degrees."""

    driver = "ade7953"
    exports = True
    poll_s = 20

    def __init__(self, tty: Tty, folder: Path) -> None:
        super().__init__(tty, folder)
        part = Part(current_error=0.01, power_error=-0.03, phase_lead_deg=1.2)
        idle = Channel()
        self.chip = Ade7953Chip([idle, self.channel], folder / "i2c", (Part(), part))
        self.uart, self.metering = str(self.chip.path), {"scl": 25, "sda": 26}
        self.settings = {"sensor": 2}
        # 1.2 degrees at 50 Hz are 59.6 steps; 1 / (1.01 x 0.97).
        gain = round(UNITY / 1.01 / 0.97)
        self.calibrated("?", power=[gain, 0], energy=gain, phase=60)
        self.step, self.close = self.chip.step, self.chip.close
        self.cut, self.restore = self.chip.cut_power, self.chip.restore_power


class S0(Site):
    """1000 pulses a kWh of 90 ms each, with contacts that bounce; the ticks go round on the way."""

    driver = "s0"
    faults_told = 0
    ticks = (1 << 30) - 30_000_000

    def __init__(self, tty: Tty, folder: Path) -> None:
        super().__init__(tty, folder)
        self.metering = {"pins": [34], "pulses_per_kwh": [1000]}
        self._pulses = 0
        self._edges: list[list[int]] = []
        self._connected = True
        self.second = 0

    def step(self) -> None:
        self.second += 1
        due = int(self.channel.absolute_wh) - self._pulses
        self._pulses += due
        for number in range(due if self._connected else 0):
            at_ms = 1000 * self.second - 900 + 200 * number
            bounce = [(0, 0), (2, 1), (3, 0), (90, 1), (91, 0), (93, 1)]
            self._edges += [[at_ms + after_ms, 34, level] for after_ms, level in bounce]
        if self.second % 97 == 0:
            self._edges += [[1000 * self.second - 60, 34, 0], [1000 * self.second - 57, 34, 1]]

    def before_poll(self, board: MeteringBoard, booted_s: int) -> None:
        edges, self._edges = self._edges, []
        since = [
            [at_ms - 1000 * booted_s, pin, level]
            for at_ms, pin, level in edges
            if at_ms > 1000 * booted_s
        ]
        if since:
            board.move_pins(since)

    def cut(self) -> None:
        self._connected = False

    def restore(self) -> None:
        self._connected = True


class Hlw8012(Site):
    """The board's counters go round each minute and a half at the peaks."""

    driver = "hlw8012"
    faults_told = 0
    poll_s = 20
    pins: ClassVar = {"cf": 35, "cf1": 34, "sel": 23}

    def __init__(self, tty: Tty, folder: Path) -> None:
        super().__init__(tty, folder)
        self.metering = dict(self.pins)
        self.chip = Hlw8012Chip(self.channel, self._pulse, power_error=0.05)
        self.calibrated("?", power=[952381, 0], energy=952381)
        self.cut, self.restore = self.chip.cut_power, self.chip.restore_power
        self._second = 0
        self._pulses: list[tuple[int, int, int]] = []

    def _pulse(self, output: str, count: int) -> None:
        self._pulses.append((self._second, self.pins[output], count))

    def step(self) -> None:
        self._second += 1
        self.chip.step()

    def before_poll(self, board: MeteringBoard, booted_s: int) -> None:
        pulses, self._pulses = self._pulses, []
        now_ms = 1000 * (self._second - booted_s)
        counts: dict[int, int] = {}
        for second, pin, count in pulses:
            if second > booted_s:
                counts[pin] = counts.get(pin, 0) + count
        if counts:
            board.move_pins([[now_ms, pin, f"+{count}"] for pin, count in counts.items()])

    def after_poll(self, answer: dict[str, Any]) -> None:
        if "driven" in answer:
            self.chip.select(answer["driven"][str(self.pins["sel"])])


class Rs485(Site):
    """A bought meter, whose counter ends at 10,000 kWh."""

    driver = "rs485_meter"
    wraps = True

    def __init__(self, tty: Tty, folder: Path) -> None:
        super().__init__(tty, folder)
        self.metering |= meter_line("pzem004t")
        self.meter = EmulatedMeter(find_profile("pzem004t"), 1)
        self.meter.watch(self._measured)
        self._tty = tty
        self._received = bytearray()
        self._polls = 0
        self.serve = self._serve

    def _measured(self) -> dict[str, int | None]:
        channel = self.channel
        found = Measured(
            [channel.voltage_v],
            [channel.power_w],
            (9_995_000 + channel.absolute_wh) % 10_000_000,
        )
        return found.values(self.meter.profile)

    def _serve(self) -> None:
        self._received += self._tty.read()
        take_requests(self._received, self._answer)

    def _answer(self, request: bytes) -> None:
        self._polls += 1
        answer = self.meter.answer(request[1:-2], self._polls)
        if answer is not None and request[0] == self.meter.address:
            body = bytes((self.meter.address,)) + answer
            self._tty.write(body + crc16(body))

    def cut(self) -> None:
        self.meter.silent = True

    def restore(self) -> None:
        self.meter.silent = False

    def counted_before(self) -> int:
        return 9_995_000


_ALL = (Ade7953, Atm90e32, Bl0942, Cse7766, Hlw8012, Pzem, Rs485, S0)
SITES = {site.driver: site for site in _ALL}
