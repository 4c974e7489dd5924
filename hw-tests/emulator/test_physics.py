"""The feeder: energies are conserved, relays move exactly their load, voltage follows the load."""

from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from truewatt.emulator.physics.feeder import Feeder
from truewatt.emulator.physics.home import Home
from truewatt.emulator.physics.vehicle import DailyCharge, DailyChargeSpec
from truewatt.emulator.physics.water_heater import WaterHeater, WaterHeaterSpec
from truewatt.emulator.rig_config import RigConfigError, parse_rig_config
from truewatt.emulator.world import World

EVENING = 1_700_000_000 // 86400 * 86400 + 18 * 3600


class Constant:
    """A home that always draws and generates the same."""

    def __init__(self, load_w: float, pv_w: float = 0.0) -> None:
        self.power = (load_w, pv_w)

    def minute(self, _: int) -> tuple[float, float]:
        return self.power


def plant(**changes: Any) -> dict[str, Any]:
    return {
        "seed": 3,
        "buses": [{"name": "bus0", "boards": ["x1", "m1", "m2"]}],
        "boards": {
            "x1": {"role": "mlmd"},
            "m1": {"role": "meter", "home": "h1"},
            "m2": {"role": "meter", "home": "h2"},
        },
        "homes": [{"name": "h1", "section": "x1"}, {"name": "h2", "section": "x1"}],
        **changes,
    }


def world(**changes: Any) -> World:
    return World(parse_rig_config(plant(**changes), Path("/nowhere")), EVENING)


def run(made: World, seconds: int) -> None:
    for _ in range(seconds):
        made.step()


actions = st.lists(
    st.tuples(
        st.sampled_from(["x1", "m1", "m2"]),
        st.sampled_from([26, 27]),
        st.sampled_from([0, 1, None]),
        st.integers(1, 90),
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(actions)
def test_energies_are_conserved_whatever_is_switched(switchings: list[tuple]) -> None:
    made = world()
    feeder = made.feeder
    total_ws = 0.0
    for board, pin, level, seconds in switchings:
        made.drive_pin(board, pin, level)
        for _ in range(seconds):
            made.step()
            total_ws += feeder.total.power_w
    homes = list(feeder.homes.values())
    assert feeder.total.energy_wh == pytest.approx(total_ws / 3600, abs=1e-6)
    net_wh = sum(home.load.energy_wh - home.pv.energy_wh for home in homes)
    assert net_wh + feeder.losses_wh == pytest.approx(feeder.total.energy_wh, abs=1e-6)
    section_wh = feeder.sections["x1"].net.energy_wh
    # Losses lie between transformer and section, and between section and homes.
    assert net_wh - 1e-3 <= section_wh <= feeder.total.energy_wh + 1e-3
    assert 0 <= feeder.losses_wh < 0.05 * feeder.total.energy_wh + 1e-3
    for place in made.places.values():
        for module, channel in zip(place.modules, place.channels.values(), strict=True):
            assert 0 <= channel.absolute_wh - module.energy_wh < 1.01


def test_an_opened_relay_drops_the_feeder_by_its_load_and_no_more() -> None:
    made = world()
    made.drive_pin("m1", 27, 1)
    run(made, 30)
    home = made.feeder.homes["h1"]
    before_w, asset_w = made.feeder.total.power_w, home.asset_w["ev"]
    assert asset_w == 3700
    made.drive_pin("m1", 27, 0)
    made.step()
    assert home.asset_w["ev"] == 0
    # Less load lifts the voltage, and with it the other homes' heaters, by a few watts.
    assert before_w - made.feeder.total.power_w == pytest.approx(asset_w, rel=0.05)


def test_voltage_follows_the_load_and_pv_lifts_it() -> None:
    def at(load_w: float, pv_w: float) -> float:
        home = Home("h", None, 0.1 + 0j, Constant(load_w, pv_w), {})
        feeder = Feeder([home], 230.0, source_ohm=0.1)
        for second in range(20):
            feeder.step(second)
        return home.load.voltage_v

    assert at(0, 0) == pytest.approx(230.0)
    assert at(2300, 0) == pytest.approx(228.0, abs=0.05)
    assert at(0, 4600) == pytest.approx(233.9, abs=0.1)
    assert at(9000, 0) < at(2300, 0)


def test_an_open_breaker_kills_its_section_and_its_modules() -> None:
    made = world()
    run(made, 10)
    made.drive_pin("x1", 26, 0)
    run(made, 3)
    assert made.feeder.total.power_w == 0
    assert made.feeder.homes["h1"].load.voltage_v == 0
    assert not made.places["m1"].modules[0].powered
    assert made.places["x1"].modules[0].powered, "the section is measured upstream"
    before_wh = made.feeder.total.energy_wh
    made.drive_pin("x1", 26, 1)
    made.step()
    assert made.feeder.total.energy_wh > before_wh


def test_the_twin_is_the_same_world_that_nobody_switches() -> None:
    made, other = world(), world()
    for each in (made, other):
        each.drive_pin("m1", 27, 1)
        each.drive_pin("m2", 27, 1)
    run(made, 300)
    assert made.feeder.total.energy_wh == made.twin.total.energy_wh
    made.drive_pin("x1", 26, 0)
    run(made, 300)
    run(other, 600)
    assert made.twin.total.energy_wh == other.twin.total.energy_wh
    assert made.feeder.total.energy_wh < made.twin.total.energy_wh


@pytest.mark.parametrize(
    ("rest", "active_high", "contacts"),
    [
        # Pin high, low, floating.
        ("open", True, [True, False, False]),
        ("closed", True, [True, False, True]),
        ("closed", False, [False, True, True]),
        ("hold", True, [True, False, False]),
    ],
)
def test_relay_contacts(rest: str, active_high: bool, contacts: list[bool]) -> None:
    relay = {"pin": 5, "asset": "ev", "rest": rest, "active_high": active_high}
    boards = {**plant()["boards"], "m1": {"role": "meter", "home": "h1", "relays": [relay]}}
    made = world(boards=boards)
    got = []
    for level in (1, 0, None):
        made.drive_pin("m1", 5, level)
        got.append(made.places["m1"].relays[0].closed)
    assert got == contacts
    assert made.feeder.homes["h1"].closed["ev"] is contacts[-1]


def test_a_water_heater_cut_off_in_the_morning_makes_up_for_it() -> None:
    def heated(cut_off: range) -> tuple[float, WaterHeater]:
        heater = WaterHeater(WaterHeaterSpec(), Random(1))
        stored_wh = heater.stored_wh
        used_wh = 0.0
        for second in range(0, 86400):
            voltage = 0.0 if second in cut_off else 230.0
            used_wh += heater.step(second, voltage) / 3600
        lost_wh = heater.spec.draw_wh_per_day + 24 * heater.spec.standby_w
        balance_wh = stored_wh + used_wh - lost_wh - heater.stored_wh + heater.unmet_wh
        assert balance_wh == pytest.approx(0, abs=1e-6)
        return used_wh, heater

    free_wh, _ = heated(range(0))
    cut_wh, heater = heated(range(6 * 3600, 10 * 3600))
    assert heater.unmet_wh == 0
    assert cut_wh == pytest.approx(free_wh, rel=0.25)
    _, cold = heated(range(0, 86400))
    assert cold.unmet_wh > 0


def test_a_vehicle_takes_what_it_needs_between_its_times() -> None:
    spec = DailyChargeSpec(3700.0, 7400.0, from_min=17 * 60, until_min=7 * 60)
    car = DailyCharge(spec, 12 * 3600)
    powers = [car.step(second, 230.0) for second in range(12 * 3600, 36 * 3600)]
    assert sum(powers) / 3600 == pytest.approx(7400)
    assert powers.index(3700.0) == 5 * 3600
    assert sum(1 for power in powers if power > 1e-3) == 7200
    assert car.unmet_wh == 0
    kept_off = DailyCharge(spec, 18 * 3600)
    for second in range(18 * 3600, 32 * 3600):
        kept_off.step(second, 0.0)
    assert kept_off.unmet_wh == 7400


def test_the_local_time_that_a_run_begins_at() -> None:
    assert world().local_s == EVENING
    assert world(start_local="06:30").local_s % 86400 == 6.5 * 3600
    assert world(start_local="2016-08-01T17:00").local_s == 1_470_070_800
    with pytest.raises(RigConfigError, match="start_local"):
        world(start_local="tea time")


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"sead": 1}, "sead"),
        ({"seed": "one"}, "seed"),
        ({"homes": [{"name": "h1", "section": "x9"}]}, "boards.x1"),
        ({"homes": [{"name": "h1", "section": "x1"}] * 2}, "homes"),
        ({"homes": [{"name": "h1", "section": "x1"}]}, "boards.m2.home"),
        ({"boards": {"m1": {"role": "toaster"}}}, "boards.m1.role"),
        ({"boards": {"m1": {"role": "meter"}}}, "boards.m1.home"),
        ({"buses": [{"name": "b", "boards": ["m7"]}]}, "buses.b.boards"),
        ({"buses": [{"name": "b", "loss": 2}]}, "buses[0].loss"),
        ({"feeder": {"voltage_v": True}}, "feeder.voltage_v"),
        ({"homes": [{"name": "h1", "assets": {"sauna": {}}}]}, "homes[0].assets.sauna"),
    ],
)
def test_a_wrong_rig_json_names_its_key(changes: dict[str, Any], key: str) -> None:
    with pytest.raises(RigConfigError) as caught:
        parse_rig_config(plant(**changes), Path("/nowhere"))
    assert caught.value.key.rstrip(".") == key
    assert caught.value.expected
