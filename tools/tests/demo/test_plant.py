"""The plan of a street with commercial devices and heat pumps: every part can read its share."""

from pathlib import Path

import pytest

from gateway.config import load_config
from ledger.contracts import kinds
from ledger.contracts.objects import Device
from truewatt.demo import plant, site, wishes
from truewatt.demo.homes import HomePlan
from truewatt.demo.scenario import Scenario, board_config, plan_homes, rig_config
from truewatt.emulator.rig_config import parse_rig_config
from wireformat import codes


@pytest.fixture(scope="module")
def street() -> Scenario:
    return Scenario(1, 3.0, 60.0, plan_homes(1, 30, 3), start_min=16 * 60)


def test_a_small_street_has_no_devices_unless_asked() -> None:
    assert not plant.devices(plan_homes(1, 3))
    assert not any(home.heat_pump_w for home in plan_homes(1, 27, 3))
    asked = plant.devices(plan_homes(1, 3, with_plant=True))
    assert [device.name for device in asked] == ["t1", "b1", "c1"]
    assert not plant.devices(plan_homes(1, 30, 3, with_plant=False))


def test_each_section_has_a_battery_a_charger_and_heat_pumps(street: Scenario) -> None:
    places = {device.name: (device.address, device.section) for device in street.devices}
    assert places == {
        "t1": (1, ""),
        "b1": (21, "x1"),
        "b2": (22, "x2"),
        "b3": (23, "x3"),
        "c1": (31, "x1"),
        "c2": (32, "x2"),
        "c3": (33, "x3"),
    }
    for section in street.sections:
        assert sum(bool(home.heat_pump_w) for home in section.homes) == 2


def test_of_many_sections_no_two_devices_share_an_address() -> None:
    addresses = [device.address for device in plant.devices(plan_homes(1, 300, 30))]
    assert len(set(addresses)) == len(addresses)


def test_the_rig_reads_its_share(street: Scenario, tmp_path: Path) -> None:
    rig = parse_rig_config(rig_config(street), tmp_path)
    assert {device.name for device in rig.devices} == {one.name for one in street.devices}
    for name, board in rig.boards.items():
        wired = [(relay.pin, relay.asset) for relay in board.relays]
        relays = board_config(street, name, bytes(32))["relays"]
        assert isinstance(relays, list)
        assert wired == [(relay["pin"], relay["name"]) for relay in relays]


def test_the_gateway_reads_its_share(street: Scenario, tmp_path: Path) -> None:
    built = site.Site(tmp_path, street, 1, {"operator": bytes(32)}, {})
    built.gateway_config.write_text(site._gateway_toml(built))
    config = load_config(built.gateway_config)
    (bus,) = [bus for bus in config.buses if bus.name == plant.BUS]
    told = [(m.name, m.address, m.profile, m.kind, m.energy) for m in bus.meters]
    assert told == [(d.name, d.address, d.profile, d.kind, d.energy) for d in street.devices]


def test_no_two_inputs_and_relays_of_a_board_share_a_pin(street: Scenario) -> None:
    for name in street.boards:
        config = board_config(street, name, bytes(32))
        pins = [config[key]["pin"] for key in ("opt_out", "lockout", "trip") if key in config]
        pins += [relay["pin"] for relay in config["relays"]]
        pins += [config["breaker"]["reset_pin"]] if "breaker" in config else []
        assert len(set(pins)) == len(pins)
        assert ("trip" in config) == (name in street.mlmds) != ("opt_out" in config)


def device(role: int, channels: list[list[int]], relays: int) -> Device:
    owner = bytes(20)
    return Device(bytes(32), role, channels, b"", "1", relays, 0, 1, bytes(20), owner, 1)


def home_with(street: Scenario, what: str) -> HomePlan:
    return next(home for home in street.homes if getattr(home, what))


def test_the_contract_takes_every_wish(street: Scenario) -> None:
    at = bytes(20)
    load = [codes.LOAD, codes.GRID]
    for home in street.homes:
        assets = 1 if home.heat_pump_w or home.charger else 2
        board = device(codes.METER, [load], assets)
        wanted = wishes.of_meter(home, at)
        assert [wish.asset for wish in wanted] == list(range(assets))
        for wish in wanted:
            kinds.check(board, wish)
    battery = device(codes.ATTESTED, [[codes.GENERATION, codes.BATTERY]], 1)
    kinds.check(battery, wishes.of_battery(at))
    charger = device(codes.ATTESTED, [load], 1)
    kinds.check(charger, wishes.of_charger(home_with(street, "charger"), at))


def test_what_a_section_may_lose_falls_with_its_homes(street: Scenario) -> None:
    assert {section.loss_mw_per_kw2 for section in street.sections} == {200}
    (small,) = Scenario(1, 1.0, 60.0, plan_homes(1, 3), start_min=960).sections
    assert small.loss_mw_per_kw2 == 600
