"""The whole world at a glance, as the rig's command `state` answers it: cheap, for live views."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from truewatt.emulator.physics.feeder import Section
from truewatt.emulator.physics.home import SG_CONTACTS, Home
from truewatt.emulator.wires.bus import Rs485Bus
from truewatt.emulator.world import World


def state(world: World, buses: Mapping[str, Rs485Bus]) -> dict[str, Any]:
    """Everything that changes, in W, V, A, Wh, C; `local` is local time without a zone."""
    feeder = world.feeder
    meters = {place.home.name: name for name, place in world.places.items() if place.home}
    return {
        "t_ms": world.unix_s * 1000,
        "local": datetime.fromtimestamp(world.local_s, UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "frequency_hz": feeder.frequency_hz,
        "ambient_c": round(world.ambient_c, 2),
        "sun": feeder.sun,
        "feeder": {
            "power_w": feeder.total.power_w,
            "twin_w": world.twin.total.power_w,
            "losses_w": feeder.losses_w,
            "losses_wh": feeder.losses_wh,
            "voltage_v": [phase.voltage_v for phase in feeder.transformer.phases],
            "phase_w": [phase.power_w for phase in feeder.transformer.phases],
            "neutral_a": feeder.transformer.neutral_a,
            "energy_wh": feeder.total.energy_wh,
            "twin_energy_wh": world.twin.total.energy_wh,
            "brownout_s": feeder.brownout_s,
        },
        "sections": {name: _section(section) for name, section in feeder.sections.items()},
        "homes": {name: _home(home, meters.get(name)) for name, home in feeder.homes.items()},
        "buses": {name: _bus(bus) for name, bus in buses.items()},
    }


def _section(section: Section) -> dict[str, Any]:
    phases = section.meter.phases
    return {
        "power_w": section.net.power_w,
        "closed": section.closed,
        "phase_w": [phase.power_w for phase in phases],
        "phase_a": [phase.current_a for phase in phases],
        "voltage_v": [phase.voltage_v for phase in phases],
        "neutral_a": section.meter.neutral_a,
        "fault_w": section.fault_w,
    }


def _home(home: Home, meter: str | None) -> dict[str, Any]:
    """`net_w` is `load_w` less `pv_w` and with what batteries draw or give."""
    return {
        "section": home.section,
        "meter": meter,
        "phase": home.phase,
        "load_w": home.wanted_w + home.pv_w - home.battery_w,
        "pv_w": home.pv_w,
        "net_w": home.wanted_w,
        "voltage_v": home.voltage_v,
        "bypass": home.bypass,
        "fault_w": home.fault_w,
        "assets": {
            name: {
                "closed": home.closed.get(name, True),
                "power_w": home.asset_w.get(name, 0.0),
                **asset.state(),
            }
            for name, asset in home.assets.items()
        },
        "contacts": {name: home.closed[name] for name in SG_CONTACTS if name in home.closed},
    }


def _bus(bus: Rs485Bus) -> dict[str, Any]:
    now = bus.disturbance
    return {"cut": now.cut, "noise_bit_error": now.noise_bit_error, "loss": now.loss}
