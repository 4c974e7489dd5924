"""Bit errors of 1e-3 on the wire, both ways, over as many frames as planned.

The gateway's visits, bus, parser, admission and store are what they are; in place of a PTY there is
a client that flips bits and needs no real time for frames and timeouts. At this rate more than half
of the replies are spoiled, and one spoiled frame of 65,536 has a CRC that fits all the same.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from pymodbus.exceptions import ModbusIOException
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ModbusPDU
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadWriteMultipleRegistersRequest,
    WriteMultipleRegistersRequest,
)

from gateway.collect.bus import Bus
from gateway.collect.errors import CollectError
from gateway.collect.link import BoardLink
from gateway.collect.visit import Place
from gateway.config import BusConfig, DeviceConfig
from truewatt.bench.faults.collecting import GATEWAY_KEY, look, tools
from truewatt.bench.faults.oracle import Device, Verdict
from truewatt.bench.faults.panel import Panel, serve
from truewatt.bench.faults.tally import Plan, Progress, Tally

ERROR_RATE = 1e-3
LEAST_PLACES, MOST_PLACES, FRAMES_EACH = 16, 128, 1000
"""Boards side by side, so that waiting for one is time for the others."""

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
    frames: int = 0
    spoiled: int = 0
    passed_crc: int = 0

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
        came = serve(wire.panels, wire.spoil(self._framer.buildFrame(request)))
        if came:
            data = self._trace(False, wire.spoil(came))
            # As in the real client, what the framer can't make sense of is no answer.
            with suppress(Exception):
                _, pdu = self._framer.handleFrame(data, request.dev_id, 0)
                if pdu is not None:
                    return pdu
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
    panels = [Panel(device, GATEWAY_KEY) for device in devices]
    its = tools(plan.folder, devices, _SPEED)
    wires = [
        Wire(random.Random(plan.rng_name(plan.first + at)), ERROR_RATE, {1: panel})
        for at, panel in enumerate(panels)
    ]
    places = [await _place(its, at, wire) for at, wire in enumerate(wires)]

    def is_over() -> bool:
        tally.count = sum(wire.frames for wire in wires)
        progress(tally.count)
        return tally.count >= plan.count

    visits = zip(devices, places, strict=True)
    await asyncio.gather(*(_noisy(device, place, tally, is_over) for device, place in visits))
    for wire in wires:
        tally.note("frames spoiled", wire.spoiled)
        tally.note("of them with a CRC that fits", wire.passed_crc)
        wire.rate = 0.0
    tally.note("acked by then", sum(device.acked + 1 for device in devices))
    await asyncio.gather(*(_clear(d, p, tally) for d, p in zip(devices, places, strict=True)))
    tally.acked = sum(device.acked + 1 for device in devices)
    tally.found(look(its.store.store, devices, sum(p.foreign for p in panels)), "the end")
    for reason, count in its.store.store.refusals().items():
        tally.note(f"refused as {reason}", count)
    its.store.close()


def _places(frames: int) -> int:
    return min(max(frames // FRAMES_EACH, LEAST_PLACES), MOST_PLACES)


async def _place(its: Any, at: int, wire: Wire) -> Place:
    config = BusConfig(f"bus{at}", "wire", 115200, "N", 1000, 0, (DeviceConfig(1, f"b{at}", 0),))
    bus = WireBus(config, wire)
    await bus.open()
    return Place(its, BoardLink(bus, 1), config.devices[0])


async def _noisy(device: Device, place: Place, tally: Tally, is_over: Callable[[], bool]) -> None:
    """Visit after visit, with new records before each, however it ends."""
    while not is_over():
        if len(device.journal) - device.acked < 20:
            for _ in range(_NEW_RECORDS):
                device.sign()
        await _visit(place, tally)


async def _visit(place: Place, tally: Tally) -> None:
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
