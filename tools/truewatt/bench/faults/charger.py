"""A charger that is commanded while the gateway's clock jumps: no command may run after its time.

The gateway's half is real (bus, Modbus, the attested device and what it obeys); the charger is the
emulated one; commands are signed by the control key. True time is the run's own clock.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from nacl.signing import SigningKey

from gateway.attest.devices import make_bus, places
from gateway.attest.keys import device_signer
from gateway.attest.obey import Trust
from gateway.collect.collector import Collector
from gateway.collect.errors import CollectError
from gateway.config import BusConfig, MeterConfig
from gateway.guarded_clock import GuardedClock
from gateway.profiles import find_profile
from ledger import setup
from ledger.clock import Clock
from truewatt.bench._ingest_load import START_S
from truewatt.bench.faults.collecting import tools
from truewatt.bench.faults.oracle import CHAIN, Verdict
from truewatt.bench.faults.orders import LEAST_DA, MOST_DA, trusted
from truewatt.bench.faults.tally import Plan, Progress, Tally
from truewatt.bench.faults.zygote import Shift, shifted
from truewatt.emulator.commercial import EmulatedActuator, Measured, MeterLine
from truewatt.emulator.wires.tty import Tty
from wireformat import codes
from wireformat.chained import Outcome
from wireformat.control import Command
from wireformat.registry import open_signed

_ROOT, _CONTROL = b"r" * 32, b"c" * 32
_SPEED, _AREA = 60.0, 1
VALID_S = 40
"""Of the run's clock; at this speed less than a second."""

GRACE_S = 30
"""Within this a command that has ended must be undone: one visit, of the run's clock."""

_CHARGER = MeterConfig(31, "c1", "ev_charger", phases=1, max_power_w=11_040)
_VOLTS = 230


class _World:
    """The charger, its line, and the gateway's half of it."""

    def __init__(self, folder: Path) -> None:
        self.shift = Shift()
        self.true = Clock.starting_at((START_S + 10**6) * 1000, _SPEED)
        clock = GuardedClock.over(shifted(self.true, self.shift))
        # No newer block speaks against a jump: the guard stands alone.
        block_ms = self.true.unix_ms()
        clock.watch(lambda: (block_ms, False))
        self.tools = replace(tools(folder, [], _SPEED), clock=clock, time_is_sound=lambda: True)
        self.signer = device_signer(folder, "c1", CHAIN)
        trusted(self.tools.directory, self.signer, _ROOT, _CONTROL, _AREA)
        self.device = EmulatedActuator(find_profile("ev_charger"), 31, self.true.mono_ms, phases=1)
        values = Measured([230.0], [1000.0], 50_000).values(self.device.profile)
        self.device.measure(values)
        self.line = MeterLine(Tty(folder / "charger"), [self.device])
        root = bytes(SigningKey(_ROOT).verify_key)
        trust = Trust(CHAIN, _AREA, root)
        port = str(folder / "charger")
        config = BusConfig("plant", port, 115200, "N", 300, 0, (), (_CHARGER,))
        self.stale: set[int] = set()
        self.collector = Collector(
            self.tools,
            (config,),
            lambda its, bus, config: places(its, folder, trust, bus, config),
            make_bus,
        )

    def now_s(self) -> int:
        """The true time."""
        return self.true.unix_ms() // 1000

    def command(self, number: int, value_w: int, valid_s: int) -> tuple[Command, bytes]:
        """An order that ends `valid_s` from now."""
        record = Command(
            id=number.to_bytes(8, "big"),
            counter=number,
            target=self.signer.address,
            asset=0,
            action=codes.SET_LIMIT,
            value=value_w,
            not_before_s=self.now_s() - 3600,
            expires_s=self.now_s() + valid_s,
            height=2,
            index=0,
        )
        return record, setup.seal(record, _CONTROL, CHAIN)

    def outcomes(self) -> list[Outcome]:
        """What the gateway signed of its commands."""
        rows = self.tools.store.store.records(self.signer.address)
        records = [open_signed(row[2], row[3], CHAIN).record for row in rows]
        return [record for record in records if isinstance(record, Outcome)]


def run(
    plan: Plan,
    count: int,
    jump_ms: Callable[[random.Random], int],
    tally: Tally,
    progress: Progress,
) -> None:
    """`count` jumps, each in the life of one command."""
    folder = plan.folder / "charger"
    folder.mkdir()
    asyncio.run(_run(_World(folder), plan, count, jump_ms, tally, progress))


async def _run(
    world: _World,
    plan: Plan,
    count: int,
    jump_ms: Callable[[random.Random], int],
    tally: Tally,
    progress: Progress,
) -> None:
    world.line.attach()
    task = asyncio.create_task(world.collector.run())
    while not list(world.tools.store.store.records(world.signer.address)):
        await asyncio.sleep(0.05)
    for at in range(count):
        number = plan.first + at
        await _one(world, number + 1, random.Random(plan.rng_name(number)), jump_ms, tally)
        tally.count += 1
        progress(tally.count)
    world.shift.set(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    _account(world, count, tally)
    world.line.detach()
    world.tools.store.close()


async def _one(
    world: _World,
    number: int,
    rng: random.Random,
    jump_ms: Callable[[random.Random], int],
    tally: Tally,
) -> None:
    """A command that is over already, or ends soon; the clock jumps before, during or after it."""
    stale = rng.random() < 0.4
    # No two in a row are the same.
    value_w = (LEAST_DA + number * 7 % (MOST_DA - LEAST_DA)) * _VOLTS // 10
    command, data = world.command(number, value_w, -rng.randint(1, 300) if stale else VALID_S)
    shift_ms = jump_ms(rng) if rng.random() < 0.8 else 0
    delay_s = rng.uniform(0, 0.03)
    asyncio.get_running_loop().call_later(delay_s, world.shift.set, shift_ms)
    if rng.random() < 0.5:
        await asyncio.sleep(delay_s)
    if stale:
        world.stale.add(number)
    for _ in range(3):
        try:
            await world.collector.command(world.signer.address, data)
        except CollectError as error:
            tally.note(f"command {error.code}")
            await asyncio.sleep(0.01)
        else:
            tally.note("commands done")
            break
    if stale and world.device.limit_w == value_w:
        tally.found(Verdict(expired=1), f"command {number}, over before it came, set its limit")
    if not stale and number % 8 == 0:
        await _ends(world, command, tally)


async def _ends(world: _World, command: Command, tally: Tally) -> None:
    """What it set is undone once its time is over, by true time."""
    while world.now_s() <= command.expires_s + GRACE_S:
        await asyncio.sleep(0.02)
    if world.device.limit_w == command.value:
        what = f"command {command.counter} still holds {GRACE_S} s after its end"
        tally.found(Verdict(expired=1), what)


def _account(world: _World, count: int, tally: Tally) -> None:
    """Each outcome is of one command, and none was done that was over before it came."""
    outcomes = world.outcomes()
    for outcome in outcomes:
        if outcome.status == codes.DONE and outcome.counter in world.stale:
            what = f"command {outcome.counter}, over before it came, was run"
            tally.found(Verdict(expired=1), what)
    counters = [outcome.counter for outcome in outcomes]
    doubled = len(counters) - len(set(counters))
    tally.found(Verdict(duplicated=doubled), "outcomes")
    tally.acked += len(outcomes)
    tally.note("outcomes signed", len(outcomes))
    tally.note("commands", count)
    tally.tried |= {"expired"} if world.stale else set()
