"""Attested devices: meters that can't sign join as a lower trust class, and are counted once."""

from __future__ import annotations

import pytest

from ledger import setup
from ledger.contracts import errors, pricing, registry
from ledger.contracts.objects import ATTESTED, SIGNED, Device, Price
from ledger.tests.contracts.kit import Board, World
from wireformat import codes

BATTERY = ((codes.GENERATION, codes.BATTERY),)
CHARGER = ((codes.LOAD, codes.GRID),)
TRANSFORMER = ((codes.SECTION, codes.GRID),)


def head() -> Board:
    return Board("x1", codes.MLMD, ((codes.SECTION, codes.GRID),), fixed_limit_w=9000)


def attested(name: str, channels: tuple) -> Board:
    return Board(name, codes.ATTESTED, channels)


def test_an_attested_device_is_marked_as_such_for_good():
    world = World()
    x1 = world.enrol(head())
    battery = world.enrol(attested("b1", BATTERY), section=x1.address)
    meter = world.enrol(Board("m1"), section=x1.address)
    device = world.get(Device, registry.DEVICE + battery.address)
    assert (device.role, device.trust, device.section) == (codes.ATTESTED, ATTESTED, x1.address)
    assert world.get(Device, registry.DEVICE + meter.address).trust == SIGNED
    assert world.get(Device, registry.DEVICE + x1.address).trust == SIGNED


def interval_price(world: World) -> Price:
    world.block(after_s=300)
    return world.get(Price, pricing.now_key(1))


def test_its_readings_are_admitted_and_move_prices_like_a_meters():
    world = World()
    charger = world.enrol(attested("c1", CHARGER))
    assert world.send(charger.reading(50), charger.reading(50), after_s=120) == [0, 0]
    assert interval_price(world).load_wh == 50


def test_the_transformers_meter_counts_no_load_a_second_time():
    world = World()
    meter, transformer = world.enrol(Board("m1")), world.enrol(attested("t1", TRANSFORMER))
    world.send(*(board.reading(50) for board in (meter, transformer)), after_s=60)
    world.send(*(board.reading(50) for board in (meter, transformer)), after_s=60)
    price = interval_price(world)
    assert (price.load_wh, price.generated_wh) == (50, [[codes.SOLAR, 0]])


def test_the_transformers_meter_may_show_more_than_a_homes():
    world = World()
    transformer, charger = (
        world.enrol(attested(name, kind)) for name, kind in (("t1", TRANSFORMER), ("c1", CHARGER))
    )
    records = [board.reading(wh) for board in (transformer, charger) for wh in (0, 1000)]
    assert world.send(*records, after_s=120) == [0, 0, 0, 3]  # 60 kW on a charger can't be


def test_a_device_on_a_meters_own_circuit_is_counted_by_that_meter_alone():
    world = World()
    x1 = world.enrol(head())
    meter = world.enrol(Board("m1"), section=x1.address)
    charger = world.enrol(attested("c1", CHARGER), section=x1.address, behind=meter.address)
    for _ in range(2):
        assert world.send(meter.reading(60), charger.reading(40), after_s=60) == [0, 0]
    assert interval_price(world).load_wh == 60


@pytest.mark.parametrize(
    ("board", "section", "behind"),
    [
        (attested("b1", (*BATTERY, *TRANSFORMER)), "", ""),
        (attested("c1", CHARGER), "", "x1"),
        (attested("c1", CHARGER), "", "m1"),  # of another section than the meter
        (Board("m2"), "x1", "m1"),
    ],
)
def test_places_that_make_no_sense_are_refused(board, section, behind):
    world = World()
    known = {"x1": world.enrol(head())}
    known["m1"] = world.enrol(Board("m1"), section=known["x1"].address)
    body = setup.EnrolBody(
        enrolment=board.enrolment(),
        area=1,
        section=known[section].address if section else b"",
        behind=known[behind].address if behind else None,
    )
    assert world.run("installer", body).results[0].code == errors.BadEnrolment.code
