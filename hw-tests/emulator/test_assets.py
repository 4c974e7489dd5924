"""Assets: energy is conserved, limits are kept, and what an owner missed is counted."""

from pathlib import Path
from random import Random
from typing import Any

import pytest

from truewatt.emulator.physics.ambient import Ambient, AmbientSpec
from truewatt.emulator.physics.battery import Battery, BatterySpec
from truewatt.emulator.physics.cooling import Cooling, CoolingSpec
from truewatt.emulator.physics.heat_pump import HeatPump, HeatPumpSpec
from truewatt.emulator.physics.vehicle import Vehicle, VehicleSpec
from truewatt.emulator.physics.water_heater import WaterHeater, WaterHeaterSpec
from truewatt.emulator.rig_config import RigConfigError, parse_rig_config
from truewatt.emulator.world import World

NOON = 1_782_864_000 // 86400 * 86400 + 12 * 3600  # a 1st of July
WINTER = NOON + 198 * 86400


def run(asset: Any, seconds: int, volts: float = 230.0, start: int = 0) -> list[float]:
    return [asset.step(start + second, volts) for second in range(seconds)]


def test_a_tank_is_as_warm_as_it_is_full() -> None:
    heater = WaterHeater(WaterHeaterSpec(), Random(1))
    heater.stored_wh = heater.spec.tank_wh
    assert heater.temperature_c == 60
    run(heater, 86400 * 2, volts=0.0)
    assert heater.temperature_c == 40
    assert heater.state()["unmet_wh"] == heater.unmet_wh > 3000


@pytest.mark.parametrize(
    ("limit_w", "power_w"),
    [(None, 3700), (5000, 3700), (2000, 2000), (1380, 1380), (1379, 0), (500, 0), (0, 0)],
)
def test_a_charger_pauses_below_six_amperes(limit_w: float | None, power_w: float) -> None:
    car = Vehicle(VehicleSpec(), 20 * 3600)
    car.limit_w = limit_w
    assert car.step(20 * 3600, 230.0) == power_w


def test_a_vehicle_that_was_held_back_leaves_with_less() -> None:
    spec = VehicleSpec(need_wh=8000, capacity_wh=40_000, target_soc=0.9)
    car = Vehicle(spec, 20 * 3600)
    assert car.soc == pytest.approx(0.7)
    car.limit_w = 1400
    run(car, 2 * 3600, start=20 * 3600)
    assert car.soc == pytest.approx(0.7 + 2800 / 40_000)
    car.limit_w = 0
    run(car, 10 * 3600, start=22 * 3600)
    assert not car.connected
    assert car.unmet_wh == pytest.approx(5200)
    run(car, 11 * 3600, start=32 * 3600)
    assert car.connected, "the next evening"
    assert car.remaining_wh == pytest.approx(8000)


def test_a_battery_gives_back_what_it_took_less_its_losses() -> None:
    battery = Battery(BatterySpec(soc=0.1, default="idle", revert_s=10**6))
    battery.set_w(3000)
    taken_wh = sum(run(battery, 6 * 3600)) / 3600
    assert battery.soc == pytest.approx(1.0)
    battery.set_w(-9000)
    powers = run(battery, 6 * 3600)
    assert min(powers) == -5000, "its rating"
    assert battery.soc == pytest.approx(0.1)
    assert -sum(powers) / 3600 == pytest.approx(0.92 * taken_wh)
    assert taken_wh * 0.92**0.5 == pytest.approx(9000)


def test_a_setpoint_lapses_and_the_battery_serves_its_home() -> None:
    battery = Battery(BatterySpec())
    battery.surplus_w = -700.0
    battery.set_w(2000, revert_s=60)
    powers = run(battery, 100)
    assert powers == [2000] * 60 + [-700] * 40
    assert battery.setpoint_w is None
    battery.set_w(0)
    assert run(battery, 5) == [0] * 5
    battery.set_w(None)
    battery.surplus_w = 800.0
    assert run(battery, 1) == [800]
    assert run(battery, 1, volts=0.0) == [0]


def pump() -> HeatPump:
    return HeatPump(HeatPumpSpec(), Ambient(AmbientSpec(), 1), Random(1))


def test_sg_ready_states_and_what_they_do() -> None:
    used = {}
    for mode, contacts in {2: (False, False), 3: (False, True), 4: (True, True)}.items():
        machine = pump()
        machine.signal(*contacts)
        assert machine.mode == mode
        used[mode] = sum(run(machine, 6 * 3600, start=WINTER)) / 3600
    assert 0 < used[2] < used[3] < used[4]
    machine = pump()
    machine.signal(True, False)
    powers = run(machine, 3 * 3600, start=WINTER)
    assert machine.mode == 1
    assert sum(powers[:7200]) == 0, "locked"
    assert sum(powers[7200:]) > 0, "for two hours at most"


def test_a_heat_pump_rests_between_runs_and_counts_the_cold() -> None:
    machine = pump()
    powers = run(machine, 86400, start=WINTER)
    assert 0.1 < sum(1 for power in powers if power) / 86400 < 0.95
    assert machine.unmet_wh == 0
    starts = [i for i in range(1, 86400) if powers[i] and not powers[i - 1]]
    stops = [i for i in range(1, 86400) if powers[i - 1] and not powers[i]]
    assert len(starts) > 2
    for start in starts[1:]:
        assert start - max(stop for stop in stops if stop < start) >= machine.spec.rest_s
    run(machine, 86400, volts=0.0, start=WINTER)
    assert machine.unmet_wh > 1000
    assert machine.temperature_c == machine.spec.least_c


def test_cooling_keeps_its_deadband_and_its_rest() -> None:
    spec = CoolingSpec()
    room = Cooling(spec, Ambient(AmbientSpec(mean_c=25), 1), Random(1))
    run(room, 3600, start=NOON)
    powers, temperatures = [], []
    for second in range(6 * 3600):
        powers.append(room.step(NOON + 3600 + second, 230.0))
        temperatures.append(room.temperature_c)
    assert 23.4 < min(temperatures) < max(temperatures) < 24.8
    assert 0 < sum(powers) < spec.power_w * len(powers)
    assert room.unmet_wh == 0
    # A relay that drops for a second costs a rest.
    room.temperature_c = 25.5
    run(room, spec.rest_s + 1, start=NOON)
    assert room.running
    run(room, 1, volts=0.0, start=NOON)
    assert run(room, spec.rest_s, start=NOON)[-2:] == [0, 900]
    run(room, 12 * 3600, volts=0.0, start=NOON)
    assert room.unmet_wh > 0


def test_the_outside_has_seasons_and_days_and_repeats() -> None:
    def at(second: int, seed: int = 1) -> float:
        return Ambient(AmbientSpec(), seed).temperature_c(second)

    assert at(NOON + 3 * 3600) > at(NOON - 9 * 3600) + 5
    assert at(NOON) > at(WINTER) + 8
    assert at(NOON) == at(NOON) != at(NOON, seed=2)
    midnight = NOON + 12 * 3600
    assert at(midnight - 60) == pytest.approx(at(midnight), abs=0.1)


def plant(**changes: Any) -> dict[str, Any]:
    return {
        "boards": {
            "x1": {"role": "mlmd"},
            "m1": {
                "role": "meter",
                "home": "h1",
                "relays": [{"pin": 26, "asset": "sg1"}, {"pin": 27, "asset": "sg2"}],
            },
            "m2": {"role": "meter", "home": "h2"},
        },
        "buses": [{"name": "plant", "boards": []}],
        "homes": [
            {"name": "h1", "section": "x1", "assets": {"heat_pump": {}, "battery": {}}},
            {"name": "h2", "section": "x1"},
        ],
        "devices": [
            {"name": "t1", "bus": "plant", "address": 1, "profile": "sdm630", "at": "transformer"},
            {
                "name": "b1",
                "bus": "plant",
                "address": 21,
                "profile": "sunspec_storage",
                "at": "h1",
                "asset": "battery",
            },
        ],
        **changes,
    }


def world(**changes: Any) -> World:
    return World(parse_rig_config(plant(**changes), Path("/nowhere")), NOON)


def test_two_relays_set_the_heat_pumps_state() -> None:
    made = world()
    machine = made.feeder.homes["h1"].assets["heat_pump"]
    assert machine.mode == 2, "open contacts: normal, whatever boards do"
    for pin, level, mode in ((26, 1, 1), (27, 1, 4), (26, 0, 3), (27, None, 2)):
        made.drive_pin("m1", pin, level)
        assert machine.mode == mode


def test_a_device_measures_its_own_circuit_and_the_meter_does_not() -> None:
    made = world()
    made.step()
    home, battery = made.feeder.homes["h1"], made.devices["b1"].asset
    before_w, section_w = home.load.power_w, made.feeder.sections["x1"].net.power_w
    battery.set_w(-3000)
    made.step()
    assert made.devices["b1"].channel.power_w == -3000
    assert made.devices["b1"].channel.export_wh > 0
    assert home.load.power_w == pytest.approx(before_w, abs=300)
    assert made.feeder.sections["x1"].net.power_w < section_w - 1000
    assert made.devices["t1"].three_phase is made.feeder.transformer


def test_a_bypass_hides_load_from_the_meter_and_not_from_the_section() -> None:
    honest, thief = world(), world()
    thief.set_bypass("h2", 0.6)
    for made in (honest, thief):
        for _ in range(600):
            made.step()
    assert thief.feeder.total.energy_wh == pytest.approx(honest.feeder.total.energy_wh)
    hidden = honest.feeder.homes["h2"].load.energy_wh - thief.feeder.homes["h2"].load.energy_wh
    assert hidden == pytest.approx(0.6 * honest.feeder.homes["h2"].load.energy_wh)
    assert thief.feeder.homes["h2"].bypassed_wh == pytest.approx(hidden)


def test_sun_faults_and_frequency_reach_the_world_and_its_twin() -> None:
    schedule = [{"after_s": 20, "hz": 50.1}, {"after_s": 10, "hz": 49.2}]
    made = world(feeder={"frequency_schedule": schedule})
    made.step()
    assert made.feeder.homes["h2"].pv_w > 100
    made.set_sun(0.0)
    made.set_home_fault("h2", 5000.0)
    made.step()
    assert made.feeder.homes["h2"].pv_w == made.twin.homes["h2"].pv_w == 0
    assert made.feeder.homes["h2"].load.power_w > 5000
    assert made.twin.homes["h2"].load_w > 5000
    seen = []
    for _ in range(25):
        made.step()
        seen.append(made.places["m2"].modules[0].channel.frequency_hz)
    assert sorted(set(seen)) == [49.2, 50.0, 50.1]
    assert seen[-1] == made.feeder.transformer.frequency_hz == 50.1


@pytest.mark.parametrize(
    ("device", "key"),
    [
        ({"bus": "nowhere"}, "devices.b1.bus"),
        ({"at": "h2"}, "devices.b1.asset"),
        ({"at": "h9"}, "devices.b1.at"),
        ({"asset": "heat_pump"}, "devices.b1.asset"),
        ({"address": 1}, "devices.b1"),
        ({"profile": "toaster"}, "devices[1].profile"),
    ],
)
def test_a_wrong_device_names_its_key(device: dict[str, Any], key: str) -> None:
    devices = plant()["devices"]
    with pytest.raises(RigConfigError) as caught:
        world(devices=[devices[0], devices[1] | device])
    assert caught.value.key == key


def test_old_keys_of_a_battery_still_make_a_daily_load() -> None:
    made = world(
        devices=[],
        homes=[
            {"name": "h1", "section": "x1", "assets": {"heat_pump": {}}},
            {"name": "h2", "section": "x1", "assets": {"battery": {"need_wh": 500}}},
        ],
        boards=plant()["boards"] | {"m2": {"role": "meter", "home": "h2", "relays": []}},
    )
    made.step()
    assert made.feeder.homes["h2"].asset_w == {"battery": 2500}
