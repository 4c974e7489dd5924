"""Bit errors of 1e-3 on the wire, both ways, over as many frames as planned.

The gateway's visits, bus, parser, admission and store are what they are; in place of a PTY there is
a client that flips bits and needs no real time for frames and timeouts. Several boards and a meter
that can't sign share each wire; replies come late, in another's turn. On every second wire some
replies are changed and their CRC made to fit, or come from another board in the asked one's name.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

from pymodbus.exceptions import ModbusIOException
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ModbusPDU
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadInputRegistersRequest,
    ReadWriteMultipleRegistersRequest,
    WriteMultipleRegistersRequest,
)

from gateway.attest.place import MeterPlace
from gateway.collect.bus import Bus
from gateway.collect.errors import CollectError
from gateway.collect.line import WRITE_MULTIPLE
from gateway.collect.link import BoardLink
from gateway.collect.tools import Tools
from gateway.collect.visit import Place
from gateway.config import BusConfig, DeviceConfig
from truewatt.bench.faults.collecting import GATEWAY_KEY, look, tools
from truewatt.bench.faults.metered import Meter, undetected
from truewatt.bench.faults.oracle import Device, Verdict
from truewatt.bench.faults.panel import Panel, crc, serve
from truewatt.bench.faults.tally import Plan, Progress, Tally

ERROR_RATE = 1e-3
LEAST_PLACES, MOST_PLACES, FRAMES_EACH = 16, 128, 1000
"""Boards side by side, so that waiting for one is time for the others."""

BOARDS, METER = 4, 9
"""On each wire; and the address of its meter."""

LATE_SHARE = 1 / 100
"""Of the replies, what comes when somebody else on the wire is asked."""

FORCED_SHARE = 1 / 20
"""Of the replies on every second wire, what is wrong although its CRC fits."""

CLEAR_VISITS = 400
"""Visits to each board over a clear wire at the end, for what is still to be fetched."""

_SPEED = 600.0
_NEW_RECORDS = 2
_REQUESTS = DecodePDU(True)


@dataclass
class Wire:
    """Spoils what passes over it. `frames` counts all, `spoiled` those with a flipped bit."""

    rng: random.Random
    rate: float
    panels: dict[int, Panel]
    meter: Meter
    forced: bool = False
    late: tuple[int, bytes] | None = None
    frames: int = 0
    spoiled: int = 0
    passed_crc: int = 0
    came_late: int = 0
    crossed: int = 0
    forced_values: int = 0
    expected: float = 0.0

    def serve(self, frame: bytes) -> bytes:
        """What comes back to a request as it arrived."""
        if frame[:1] == bytes((METER,)):
            return self._of_meter(self.meter.serve(frame))
        if not (self.forced and self.rate and self.rng.random() < FORCED_SHARE):
            return serve(self.panels, frame)
        return self._crossed(frame)

    def _of_meter(self, reply: bytes) -> bytes:
        if not reply or not self.rate:
            return reply
        self.expected += undetected(len(reply), self.rate)
        if not self.forced or self.rng.random() >= FORCED_SHARE:
            return reply
        self.forced_values += 1
        found = bytearray(reply[:-2])
        for _ in range(self.rng.randint(1, 4)):
            found[self.rng.randrange(3, len(found))] ^= 1 << self.rng.randrange(8)
        return bytes(found) + crc(bytes(found))

    def _crossed(self, frame: bytes) -> bytes:
        """Another board answers the question, in the name of the one that was asked."""
        is_read = len(frame) >= 8 and frame[1] != WRITE_MULTIPLE and frame[0] in self.panels
        if not is_read or crc(frame[:-2]) != frame[-2:]:
            return serve(self.panels, frame)
        other = self.rng.choice([at for at in self.panels if at != frame[0]])
        asked = bytes((other,)) + frame[1:-2]
        reply = serve(self.panels, asked + crc(asked))
        if not reply:
            return reply
        self.crossed += 1
        named = frame[:1] + reply[1:-2]
        return named + crc(named)

    def on_time(self, address: int, reply: bytes) -> bytes:
        """The reply, and before it what an earlier one's was late with; or nothing yet."""
        before = b""
        if self.late is not None and self.late[0] != address:
            before, self.late = self.late[1], None
        if reply and self.rate and self.rng.random() < LATE_SHARE:
            self.late, reply = (address, reply), b""
            self.came_late += 1
        return before + reply

    def spoil(self, frame: bytes) -> bytes:
        """The frame as it arrives."""
        self.frames += 1
        bits, at, found = 8 * len(frame), -1, bytearray(frame)
        while self.rate:
            # Gaps between errors at a fixed rate are geometric.
            at += 1 + int(self.rng.expovariate(self.rate))
            if at >= bits:
                break
            found[at // 8] ^= 1 << at % 8
        if found == frame:
            return frame
        self.spoiled += 1
        self.passed_crc += FramerRTU.compute_CRC(bytes(found[:-2])).to_bytes(2, "big") == found[-2:]
        return bytes(found)


class WireClient:
    """As much of a pymodbus client as `Bus` uses, with the framer of the real one."""

    def __init__(self, wire: Wire, trace: Callable[[bool, bytes], bytes]) -> None:
        self._wire, self._trace = wire, trace
        self._framer = FramerRTU(DecodePDU(False))
        self.connected = False
        self.ctx = SimpleNamespace(comm_params=SimpleNamespace(timeout_connect=0.0))

    async def connect(self) -> bool:
        """It is always there."""
        self.connected = True
        return True

    def close(self) -> None:
        """As the real one."""
        self.connected = False

    def read_holding_registers(
        self, address: int, *, count: int, device_id: int
    ) -> Awaitable[ModbusPDU]:
        """FC03."""
        return self._ask(
            ReadHoldingRegistersRequest(address=address, count=count, dev_id=device_id)
        )

    def read_input_registers(
        self, address: int, *, count: int, device_id: int
    ) -> Awaitable[ModbusPDU]:
        """FC04."""
        return self._ask(ReadInputRegistersRequest(address=address, count=count, dev_id=device_id))

    def write_registers(
        self, address: int, values: list[int], *, device_id: int
    ) -> Awaitable[ModbusPDU]:
        """FC16."""
        request = WriteMultipleRegistersRequest(address=address, registers=values, dev_id=device_id)
        return self._ask(request)

    def readwrite_registers(self, *, device_id: int, values: list[int], **where: int) -> Any:
        """FC23."""
        request = ReadWriteMultipleRegistersRequest(
            read_address=where["read_address"],
            read_count=where["read_count"],
            write_address=where["write_address"],
            write_registers=values,
            dev_id=device_id,
        )
        return self._ask(request)

    async def _ask(self, request: ModbusPDU) -> ModbusPDU:
        wire = self._wire
        # Others take their turn, as while a frame is on a wire.
        await asyncio.sleep(0)
        came = wire.serve(wire.spoil(self._framer.buildFrame(request)))
        came = wire.on_time(request.dev_id, wire.spoil(came) if came else b"")
        data = self._trace(False, came) if came else b""
        # As in the real client, what the framer can't make sense of is no answer.
        with suppress(Exception):
            while data:
                used, pdu = self._framer.handleFrame(data, request.dev_id, 0)
                if pdu is not None:
                    return pdu
                if not used:
                    break
                data = data[used:]
        raise ModbusIOException("no answer in time")


class WireBus(Bus):
    """The gateway's bus on a `Wire`."""

    def __init__(self, config: BusConfig, wire: Wire) -> None:
        super().__init__(config)
        self._wire = wire

    def _make_client(self) -> Any:
        return WireClient(self._wire, self._trace)


def run(plan: Plan, progress: Progress) -> Tally:
    """Frames as many as planned."""
    tally = Tally("bits")
    asyncio.run(_run(plan, progress, tally))
    return tally


async def _run(plan: Plan, progress: Progress, tally: Tally) -> None:
    devices = [Device(number) for number in range(_places(plan.count))]
    panels = [
        Panel(device, GATEWAY_KEY, random.Random(f"forge {plan.rng_name(plan.first + at)}"))
        for at, device in enumerate(devices)
    ]
    its = tools(plan.folder, devices, _SPEED)
    metering = replace(its, time_is_sound=lambda: True)
    wires, work = [], []
    for number in range(len(devices) // BOARDS):
        mine = range(BOARDS * number, BOARDS * (number + 1))
        wire = Wire(
            random.Random(plan.rng_name(plan.first + number)),
            ERROR_RATE,
            {at + 1: panels[board] for at, board in enumerate(mine)},
            Meter(metering, plan.folder, number, METER),
            forced=bool(number % 2),
        )
        wires.append(wire)
        places, metered = await _wired(its, metering, number, wire)
        work.append((wire, [devices[board] for board in mine], places, metered))

    def is_over() -> bool:
        tally.count = sum(wire.frames for wire in wires)
        progress(tally.count)
        return tally.count >= plan.count

    noisy = []
    for wire, owners, places, metered in work:
        visits = zip(owners, places, strict=True)
        noisy += [_noisy(device, place, tally, is_over) for device, place in visits]
        noisy.append(_metered(wire.meter, metered, tally, is_over))
    await asyncio.gather(*noisy)
    for wire in wires:
        tally.note("frames spoiled", wire.spoiled)
        tally.note("of them with a CRC that fits", wire.passed_crc)
        tally.note("replies in another's turn", wire.came_late)
        tally.note("replies from another board in the asked one's name", wire.crossed)
        wire.rate, wire.late = 0.0, None
    tally.note("acked by then", sum(device.acked + 1 for device in devices))
    clear = [pair for _, owners, places, _ in work for pair in zip(owners, places, strict=True)]
    await asyncio.gather(*(_clear(device, place, tally) for device, place in clear))
    tally.acked = sum(device.acked + 1 for device in devices)
    tally.note("forgeries among the records", sum(panel.forged for panel in panels))
    tally.tried |= {"misattributed", "unsigned"}
    foreign = sum(panel.foreign for panel in panels)
    others = [wire.meter.device for wire in wires]
    tally.found(look(its.store.store, devices, foreign, others), "the end")
    _account(its, wires, tally)
    for reason, count in its.store.store.refusals().items():
        tally.note(f"refused as {reason}", count)
    its.store.close()


def _account(its: Tools, wires: list[Wire], tally: Tally) -> None:
    """What was signed for meters: by chance, and where values were forced past the CRC."""
    tally.wrong = 0
    for wire in wires:
        verdict, wrong, readings = wire.meter.look(its)
        tally.found(verdict, "meters")
        tally.note("records of meters", readings)
        if wire.forced:
            tally.note("meters' replies forced past the CRC", wire.forced_values)
            tally.note("of them read with a wrong value", wire.meter.wrong_reads)
            tally.note("records that are wrong by that", wrong)
        else:
            tally.wrong += wrong
            tally.wrong_expected += wire.expected


def _places(frames: int) -> int:
    return min(max(frames // FRAMES_EACH, LEAST_PLACES), MOST_PLACES)


async def _wired(
    its: Tools, metering: Tools, number: int, wire: Wire
) -> tuple[list[Place], MeterPlace]:
    devices = tuple(DeviceConfig(at, f"b{number}-{at}", 0) for at in wire.panels)
    config = BusConfig(f"bus{number}", "wire", 115200, "N", 1000, 0, devices)
    bus = WireBus(config, wire)
    await bus.open()
    places = [Place(its, BoardLink(bus, device.address), device) for device in devices]
    return places, wire.meter.place(metering, bus)


async def _metered(
    meter: Meter, place: MeterPlace, tally: Tally, is_over: Callable[[], bool]
) -> None:
    """Read it over and over; it measures on between visits."""
    while not is_over():
        meter.step()
        await _visit(place, tally)


async def _noisy(device: Device, place: Place, tally: Tally, is_over: Callable[[], bool]) -> None:
    """Visit after visit, with new records before each, however it ends."""
    while not is_over():
        if len(device.journal) - device.acked < 20:
            for _ in range(_NEW_RECORDS):
                device.sign()
        await _visit(place, tally)


async def _visit(place: Place | MeterPlace, tally: Tally) -> None:
    try:
        await place.visit()
    except CollectError as error:
        tally.note(error.code)
    # Turns are given even where nothing waits.
    await asyncio.sleep(0)


async def _clear(device: Device, place: Place, tally: Tally) -> None:
    for _ in _visits():
        if device.acked == len(device.journal) - 1:
            return
        await _visit(place, tally)
    tally.found(Verdict(broken=1), f"{place.where}: not all was fetched over a clear wire")


def _visits() -> Iterator[int]:
    return iter(range(CLEAR_VISITS))
