"""The metering chip of a board whose heap is watched, in a world that draws a steady 800 W."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.profiles import find_profile
from ledger.clock import Clock
from truewatt.emulator.commercial.line import take_requests
from truewatt.emulator.commercial.meter import EmulatedMeter, Measured
from truewatt.emulator.physics.channel import Channel
from truewatt.emulator.wires.ade7953 import Ade7953Chip
from truewatt.emulator.wires.atm90e32 import Atm90e32Chip, Balanced
from truewatt.emulator.wires.bl0942 import Bl0942Chip, Bl0942Line
from truewatt.emulator.wires.cse7766 import Cse7766Chip, Cse7766Line
from truewatt.emulator.wires.hlw8012 import HLW8012, Hlw8012Pins
from truewatt.emulator.wires.pzem import PzemLine, PzemModule, crc16
from truewatt.emulator.wires.tty import Tty

BOUGHT_METER = "sdm630"
"""Three phases, and most registers of all profiles."""
COUNTED = {"cf": 35, "cf1": 34, "sel": 23}
"""Pins of a chip whose pulses are counted in hardware."""
_VOLTS, _WATTS = 230.0, 800.0


class MeteringChip:
    """`step` is its second, `serve` what it does while the board waits, `path` its registers;
    `pins`: the socket of the board's pins, if that is how it speaks."""

    def __init__(self) -> None:
        self.channel = Channel(_VOLTS, _WATTS)
        self.serve: Callable[[], None] = lambda: None
        self.path: Path | None = None
        self.pins: Path | None = None
        self._parts: list[Any] = []

    def start(self) -> None:
        """It has its supply."""

    def step(self) -> None:
        """A second of the world."""
        self.channel.step(_VOLTS, _WATTS, 0.0)
        for part in self._parts:
            part.step()

    def close(self) -> None:
        """Take it away."""
        if self.path is not None:
            for part in self._parts:
                part.close()


class _Pzem(MeteringChip):
    def __init__(self, line: Tty, folder: Path, clock: Clock) -> None:
        super().__init__()
        modules = [PzemModule(address, self.channel) for address in (1, 2, 3, 4)]
        self._parts = list(modules)
        self.serve = PzemLine(line, modules, paced=False, clock=clock).serve


class _Bl0942(MeteringChip):
    def __init__(self, line: Tty, folder: Path, clock: Clock) -> None:
        super().__init__()
        chips = [Bl0942Chip(self.channel, address=address) for address in (1, 2)]
        self._parts = list(chips)
        self.serve = Bl0942Line(line, chips, paced=False, clock=clock).serve


class _Cse7766(MeteringChip):
    def __init__(self, line: Tty, folder: Path, clock: Clock) -> None:
        super().__init__()
        chip = Cse7766Chip(self.channel)
        self._parts = [chip]
        self.serve = Cse7766Line(line, chip, clock).send


class _Atm90e32(MeteringChip):
    def __init__(self, line: Tty, folder: Path, clock: Clock) -> None:
        super().__init__()
        chip = Atm90e32Chip(Balanced(self.channel), folder / "spi", 5)
        self._parts, self.path = [chip], chip.path


class _Ade7953(MeteringChip):
    def __init__(self, line: Tty, folder: Path, clock: Clock) -> None:
        super().__init__()
        chip = Ade7953Chip([self.channel, self.channel], folder / "i2c")
        self._parts, self.path = [chip], chip.path


class _BoughtMeter(MeteringChip):
    def __init__(self, line: Tty, folder: Path, clock: Clock) -> None:
        super().__init__()
        self._meter = EmulatedMeter(find_profile(BOUGHT_METER), 1)
        self._meter.watch(self._measured)
        self._line, self._received, self._polls = line, bytearray(), 0
        self.serve = self._serve

    def _measured(self) -> dict[str, int | None]:
        found = Measured([_VOLTS] * 3, [_WATTS / 3] * 3, self.channel.absolute_wh)
        return found.values(self._meter.profile)

    def _serve(self) -> None:
        self._received += self._line.read()
        take_requests(self._received, self._answer)

    def _answer(self, request: bytes) -> None:
        self._polls += 1
        answer = self._meter.answer(request[1:-2], self._polls)
        if answer is not None and request[0] == self._meter.address:
            body = bytes((self._meter.address,)) + answer
            self._line.write(body + crc16(body))


class _Hlw8012(MeteringChip):
    def __init__(self, line: Tty, folder: Path, clock: Clock) -> None:
        super().__init__()
        self.pins = folder / "pins"
        self._pulsing = Hlw8012Pins(self.pins, COUNTED, clock, Channel(_VOLTS, _WATTS), HLW8012)

    def start(self) -> None:
        """It has its supply."""
        self._pulsing.start()

    def close(self) -> None:
        """Take it away."""
        self._pulsing.ending = True
        if self._pulsing.is_alive():
            self._pulsing.join()


class _S0(MeteringChip):
    """Pins that nobody pulls: what pulses take is taken at the start."""

    def __init__(self, line: Tty, folder: Path, clock: Clock) -> None:
        super().__init__()


_KINDS: dict[str, type[MeteringChip]] = {
    "ade7953": _Ade7953,
    "atm90e32": _Atm90e32,
    "bl0942": _Bl0942,
    "cse7766": _Cse7766,
    "hlw8012": _Hlw8012,
    "pzem004t": _Pzem,
    "rs485_meter": _BoughtMeter,
    "s0": _S0,
}
DRIVERS = tuple(_KINDS)


def chip_of(driver: str, line: Tty, folder: Path, clock: Clock) -> MeteringChip:
    """What `driver` speaks to, on `line` or in registers under `folder`."""
    make: Callable[[Tty, Path, Clock], MeteringChip] = _KINDS[driver]
    return make(line, folder, clock)
