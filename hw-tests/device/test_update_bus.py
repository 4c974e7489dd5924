"""A release over a board's RS-485 bus, by the gateway's own code, while the board works."""

import asyncio
import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey
from release_shop import CHAIN, ROOT_SEED, Shop, events

from gateway.collect.bus import Bus
from gateway.collect.errors import CollectError
from gateway.collect.inbox import deliver
from gateway.collect.link import BoardLink
from gateway.config import BusConfig
from gateway.updates.errors import ReleaseRefused
from gateway.updates.push import Push
from gateway.updates.release_file import read
from gateway.updates.ways import OverBus
from ledger.clock import Clock
from ledger.setup import certify, seal
from truewatt.device import image, profiles
from truewatt.emulator.physics.channel import Channel
from truewatt.emulator.wires.atm90e32 import Atm90e32Chip, Balanced
from truewatt.emulator.wires.tty import Tty
from wireformat import codes
from wireformat.control import Beacon, Certificate

ACK_SEED = bytes([7]) * 32
NOW_S = 1_790_000_000
PATIENCE_S = 60.0
pytestmark = pytest.mark.slow


@contextmanager
def cable(one: Tty, other: Tty) -> Iterator[None]:
    """Two ends of a line."""
    going = threading.Event()

    def pump() -> None:
        while not going.is_set():
            for end in select.select([one.fd, other.fd], [], [], 0.1)[0]:
                near, far = (one, other) if end == one.fd else (other, one)
                far.write(near.read())

    thread = threading.Thread(target=pump, daemon=True)
    thread.start()
    try:
        yield
    finally:
        going.set()
        thread.join()


class Gateway:
    """As much of a gateway as a board needs to hear and to be updated."""

    def __init__(self, port: Path) -> None:
        self.bus = Bus(BusConfig("bus", str(port), 9600, "N", 2000, 0, ()))
        self.link = BoardLink(self.bus, 11)
        self.clock = Clock.starting_at(NOW_S * 1000, 60)
        self.way = OverBus(self.link, self.clock)
        self.wrong, self.heard = "", False

    async def certify(self) -> None:
        """Have the board know the key of its acks and beacons."""
        public = bytes(SigningKey(ACK_SEED).verify_key)
        data = certify(
            ROOT_SEED,
            CHAIN,
            role=codes.ACK,
            area=1,
            public_key=public,
            serial=1,
            expires_s=NOW_S + 10**7,
        )
        await deliver(self.link, self.clock, Certificate.CODE, data)

    async def beacon(self) -> None:
        status = await self.link.status()
        beacon = Beacon(nonce=status.nonce, time_ms=NOW_S * 1000)
        await deliver(self.link, self.clock, Beacon.CODE, seal(beacon, ACK_SEED, CHAIN))

    async def bring(self, push: Push, until: Callable[[Push], bool]) -> None:
        """Visit the board until then."""
        end = time.monotonic() + PATIENCE_S
        while not until(push):
            assert time.monotonic() < end, f"{codes.UP_STATES[push.state]}, {self.wrong}"
            try:
                if not self.bus.is_open:
                    await self.bus.open()
                status = await self.link.status()
                if push.state == codes.UP_TRIAL and not self.heard:
                    await self.certify()
                    await self.beacon()
                    self.heard = True
                more = await push.step(status)
            except CollectError as error:
                self.wrong, more = str(error), False  # it restarts
            if not more:
                await asyncio.sleep(0.1)


def gateway_of(made: Any, folder: Path) -> tuple[Gateway, Tty]:
    line = Tty(folder / "gateway-end")
    return Gateway(line.path), line


def test_a_board_at_work_is_updated_over_its_bus(
    meter_desk: Any, shop: Shop, tmp_path: Path
) -> None:
    made = meter_desk
    changed = {f"drivers/new_{n}.py": os.urandom(3000) for n in range(2)}
    path = shop.build(2, changed)
    release = read(path.read_bytes(), str(path))
    gateway, line = gateway_of(made, tmp_path)

    async def scenario() -> Push:
        push = Push(gateway.way, release)
        # Cut off in the middle, another gateway asks the board and goes on.
        await gateway.bring(push, lambda push: push.sent > 6000)
        again = Push(gateway.way, release)
        await gateway.bring(again, lambda push: push.done)
        gateway.bus.close()
        return again

    with cable(made.bus, line):
        push = asyncio.run(scenario())
    assert push.done
    # Only what changed was sent: listing and two files, at most one of them twice.
    assert push.sent < 3 * 3000 + len(release.listing)
    assert events(made) == [(codes.EV_UPDATED, [2])]
    line.close()


def test_an_mlmd_has_the_heap_for_it_too(desk: Callable[..., Any], tmp_path: Path) -> None:
    profile = tmp_path / "emulated.toml"
    chip = Atm90e32Chip(Balanced(Channel()), tmp_path / "spi", 5)
    section = {
        "role": "mlmd",
        "metering": {"driver": "atm90e32", "cs": 5},
        "channels": [{"kind": "section", "energy": "grid", "sensor": 1}],
        "fixed_limit_w": 20_000,
    }
    shops: list[Shop] = []

    def prepare(board: Any) -> None:
        profile.write_text((board.directory.parent / "emulated.toml").read_text())
        shops.append(Shop(image.build(profiles.load(str(profile)), "mlmd"), tmp_path))
        shops[0].install(board, **section)

    made = desk(speed=20, spi=chip.path, prepare=prepare)
    path = shops[0].build(2, {"drivers/new.py": os.urandom(3000)})
    gateway, line = gateway_of(made, tmp_path)

    async def scenario() -> None:
        push = Push(gateway.way, read(path.read_bytes(), str(path)))
        await gateway.bring(push, lambda push: push.done)
        gateway.bus.close()

    with cable(made.bus, line):
        asyncio.run(scenario())
    assert events(made) == [(codes.EV_UPDATED, [2])]
    line.close()
    chip.close()


def test_releases_that_are_not_for_it_are_refused_over_the_bus_too(
    meter_desk: Any, shop: Shop, tmp_path: Path
) -> None:
    made = meter_desk
    gateway, line = gateway_of(made, tmp_path)
    stranger = release_signer(shop)
    cases = [
        (shop.build(2, signer=stranger), codes.R_UNKNOWN_KEY),
        (shop.build(3, role=codes.MLMD), codes.R_FOREIGN_IMAGE),
        (shop.build(4, chip="ESP32C3"), codes.R_FOREIGN_IMAGE),
    ]

    async def scenario() -> list[int]:
        found = []
        for path, _ in cases:
            push = Push(gateway.way, read(path.read_bytes(), str(path)))
            with pytest.raises(ReleaseRefused) as refused:
                await gateway.bring(push, lambda push: push.done)
            found.append(refused.value.reason)
        # Pieces without a session go nowhere.
        frame = await gateway.link.send(codes.PIECE, bytes(100))
        await asyncio.sleep(0.5)
        fate = await gateway.link.fate(frame)
        found.append(fate[1] if fate else -1)
        gateway.bus.close()
        return found

    with cable(made.bus, line):
        found = asyncio.run(scenario())
    assert found == [reason for _, reason in cases] + [codes.R_MALFORMED]
    assert "'b'" not in str(os.listdir(made.board.directory))
    line.close()


def release_signer(shop: Shop) -> Any:
    from dataclasses import replace

    return replace(shop.signer, seed=bytes([9]) * 32, certificate=b"")
