"""A release over every link, by the gateway's own code, while the board works: real firmware on
real MicroPython, a line that takes its time, sockets, Mosquitto or an emulated BlueZ; cut links,
a gateway that starts anew and a power cut half-way."""

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from air_site import AirSite, Ble, Bus, Mqtt, Tcp
from release_shop import Shop, events

from gateway import cli
from gateway.collect.errors import FrameRefused
from gateway.updates.queue import enqueue
from wireformat import codes
from wireformat.chained import Reading

SPEED = 10
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(params=[Bus, Tcp, Mqtt, Ble])
def radio(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    link = request.param(tmp_path)
    yield link
    link.close()


def board_on(desk: Callable[..., Any], shop: Shop, radio: Any) -> tuple[Any, dict[str, str]]:
    said: dict[str, str] = {}

    def prepare(board: Any) -> None:
        said.update(shop.install(board, **{"bus": None} | radio.config))

    made = desk(speed=SPEED, prepare=prepare, **radio.spec)
    radio.desk = made
    return made, said


def run(folder: Path, radio: Any, said: dict[str, str], scenario: Any) -> AirSite:
    async def whole() -> AirSite:
        site = AirSite(folder, SPEED, said)
        async with radio.joined(site, said):
            try:
                await scenario(site)
            finally:
                await site.close()
        return site

    return asyncio.run(whole())


async def ordered(site: AirSite, data: bytes) -> None:
    """As the enforcer: a board whose inbox is full of pieces may say busy, and is asked again."""
    for _ in range(60):
        try:
            return await site.collector.command(site.device, data)
        except FrameRefused as error:
            if error.reason != codes.R_BUSY:
                raise
        await asyncio.sleep(0.2)
    pytest.fail("busy for twelve seconds")


def test_a_board_on_the_air_is_updated_through_cuts_of_link_power_and_gateway(
    desk: Callable[..., Any], shop: Shop, tmp_path: Path, radio: Any, capsys: Any
) -> None:
    changed = {f"drivers/new_{n}.py": os.urandom(4000) for n in range(4)}
    file = shop.build(2, changed)
    made, said = board_on(desk, shop, radio)
    took: dict[str, float] = {}
    found: list[tuple[int, int, int, bytes]] = []

    async def scenario(site: AirSite) -> None:
        await site.until(site.well)
        started = time.monotonic()
        ask = ["update", "--config", str(site.config), "--device", site.name, str(file)]
        told = asyncio.create_task(asyncio.to_thread(cli.main, ask))
        await site.begin_updates()
        await site.until(lambda: site.progress()["sent"] > 2000)
        await radio.cut()
        await site.until(lambda: site.status.update >> 8 == codes.UP_WANTS)
        at = site.progress()["sent"]
        await site.until(lambda: site.progress()["sent"] > at + 3000)
        before = site.status.epoch
        await ordered(site, site.order(1, codes.OPEN))
        await site.until(lambda: site.status.relays & 1 == 0)
        await site.begin_updates()  # the gateway was restarted
        made.board.kill()  # the power failed
        await site.until(lambda: site.status and site.status.epoch > before)
        await site.until(told.done, 120)
        assert told.result() == 0
        # Asked once more, the board says that it runs it, and takes no byte.
        enqueue(site.queue, site.name, file.read_bytes())
        await site.until(lambda: site.progress()["state"] == "done")
        assert site.progress()["sent"] == 0
        took["s"] = (time.monotonic() - started) * SPEED
        found.extend(site.stored())

    run(tmp_path, radio, said, scenario)
    said_last = capsys.readouterr()
    assert "runs it, confirmed" in said_last.out
    assert "sending, " in said_last.err
    assert events(made) == [(codes.EV_UPDATED, [2])]
    # Readings kept their schedule in between: within a start none is missing, nor a place.
    for epoch in {row[0] for row in found}:
        rows = [row for row in found if row[0] == epoch]
        assert [row[1] for row in rows] == list(range(rows[0][1], rows[0][1] + len(rows)))
    assert sum(row[2] == Reading.CODE for row in found) > 5
    with capsys.disabled():
        print(f"{type(radio).__name__}: {took['s']:.0f} s of simulated time")


def test_releases_that_are_not_for_it_are_refused_by_name_on_the_air(
    desk: Callable[..., Any], shop: Shop, tmp_path: Path
) -> None:
    radio = Mqtt(tmp_path)
    made, said = board_on(desk, shop, radio)
    stranger = replace(shop.signer, seed=bytes([9]) * 32, certificate=b"")
    cases = [
        (shop.build(2, signer=stranger), "unknown key"),
        (shop.build(3, role=codes.MLMD), "foreign image"),
        (shop.build(4, chip="ESP32C3"), "foreign image"),
    ]

    async def scenario(site: AirSite) -> None:
        await site.until(site.well)
        await site.begin_updates()
        for path, named in cases:
            enqueue(site.queue, site.name, path.read_bytes())
            await site.until(lambda: site.progress()["state"] == "failed")
            assert named in site.progress()["what"]

    run(tmp_path, radio, said, scenario)
    radio.close()
    assert "'b'" not in str(os.listdir(made.board.directory))
