"""A serial adapter is pulled in the middle of its traffic, and put back under the same name.

Several buses side by side, each with boards that record all the time; the collector is the
gateway's own. On one more bus is a charger, whose commands end while it can't be reached.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import suppress

from gateway.collect.collector import Collector
from gateway.config import BusConfig, DeviceConfig
from truewatt.bench.faults.collecting import GATEWAY_KEY, look, tools
from truewatt.bench.faults.oracle import Device, Verdict
from truewatt.bench.faults.panel import Line, Panel
from truewatt.bench.faults.plant import PATIENCE_S, PLUGGED_S, Plant, gone_s
from truewatt.bench.faults.tally import Plan, Progress, Tally

BUSES, BOARDS = 4, 2
RECOVERY_LIMIT_MS = 5000
"""Issue: back in 5 s."""

_SPEED = 20.0
_RECORD_S = 0.05


def run(plan: Plan, progress: Progress) -> Tally:
    """As many times as planned, shared out over the buses."""
    tally = Tally("unplug", limit_ms=RECOVERY_LIMIT_MS)
    asyncio.run(_run(plan, progress, tally))
    return tally


async def _run(plan: Plan, progress: Progress, tally: Tally) -> None:
    devices = [Device(number) for number in range(BUSES * BOARDS)]
    panels = [
        Panel(device, GATEWAY_KEY, random.Random(f"forge {plan.rng_name(plan.first + at)}"))
        for at, device in enumerate(devices)
    ]
    lines = [
        Line(plan.folder / f"tty{bus}", panels[BOARDS * bus : BOARDS * (bus + 1)])
        for bus in range(BUSES)
    ]
    its = tools(plan.folder, devices, _SPEED)
    places = tuple(DeviceConfig(at + 1, f"b{at + 1}", 0) for at in range(BOARDS))
    configs = tuple(
        BusConfig(f"bus{at}", str(line.path), 115200, "N", 200, 0, places)
        for at, line in enumerate(lines)
    )
    for line in lines:
        line.plug()
    collector = Collector(its, configs)
    tasks = [asyncio.create_task(collector.run()), asyncio.create_task(_record(devices))]
    plant = Plant(plan.folder, its)
    tasks += plant.start()
    numbers = iter(range(plan.first, plan.first + plan.count))
    faults = [_bus(plan, line, numbers, tally, progress) for line in lines]
    await asyncio.gather(plant.faults(plan, numbers, tally, progress), *faults)
    await _drain(devices, tally)
    await plant.ends(tally)
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    plant.line.pull()
    for line in lines:
        line.pull()
    tally.note("forgeries among the records", sum(panel.forged for panel in panels))
    tally.tried |= {"misattributed", "unsigned"}
    tally.acked = sum(device.acked + 1 for device in devices)
    foreign = sum(panel.foreign for panel in panels)
    tally.found(look(its.store.store, devices, foreign, [plant.orders.address]), "the end")
    tally.found(plant.orders.look(its.store.store, tally), "commands")
    for reason, count in its.store.store.refusals().items():
        tally.note(f"refused as {reason}", count)
    its.store.close()


async def _record(devices: list[Device]) -> None:
    """Each board signs on, whatever the line does."""
    while True:
        await asyncio.sleep(_RECORD_S)
        for device in devices:
            device.sign()


async def _bus(
    plan: Plan, line: Line, numbers: Iterator[int], tally: Tally, progress: Progress
) -> None:
    for number in numbers:  # shared by the buses
        rng = random.Random(plan.rng_name(number))
        await asyncio.sleep(rng.uniform(0, PLUGGED_S))
        line.pull()
        await asyncio.sleep(gone_s(rng, tally))
        line.plug()
        took_s = await _until_acked(line)
        if took_s is None:
            tally.found(Verdict(broken=1), f"unplug {number}: no ack in {PATIENCE_S} s")
        tally.recoveries_ms.append(1000 * (took_s or PATIENCE_S))
        tally.count += 1
        progress(tally.count)


async def _until_acked(line: Line) -> float | None:
    """Until each board of the line has an ack for something new; None: too long."""
    before = {at: panel.progress for at, panel in line.panels.items()}
    started_s = time.monotonic()
    while any(panel.progress == before[at] for at, panel in line.panels.items()):
        await asyncio.sleep(0.005)
        if time.monotonic() - started_s > PATIENCE_S:
            return None
    return time.monotonic() - started_s


async def _drain(devices: list[Device], tally: Tally) -> None:
    """All that was signed up to the last fault arrives."""
    ends = [len(device.journal) - 1 for device in devices]
    for _ in range(int(PATIENCE_S / 0.05)):
        if all(d.acked >= end for d, end in zip(devices, ends, strict=True)):
            return
        await asyncio.sleep(0.05)
    tally.found(Verdict(broken=1), "not all was acked in the end")
