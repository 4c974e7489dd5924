"""What a rig writes for those who check a run: physics.csv and switches.jsonl."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from truewatt.emulator.physics.home import Home
from truewatt.emulator.world import Relay, World

_CSV_EVERY_S = 10


@dataclass
class _Switching:
    """A contact that moved; its effect is known after the next step of the world."""

    entry: dict[str, Any]
    home: str | None


_RECORDED = ("soc", "temperature_c", "unmet_wh")


def _assets(home: Home) -> list[tuple[str, float]]:
    """What of a home's assets is worth a column."""
    return [
        (f"{name}.{key}", float(value))
        for name, asset in home.assets.items()
        for key, value in asset.state().items()
        if key in _RECORDED
    ]


class RigLog:
    """Appends to files in `out`, flushed line by line. Times are simulated Unix milliseconds."""

    def __init__(self, out: Path, world: World) -> None:
        self._world = world
        self._csv = (out / "physics.csv").open("w", encoding="utf-8")
        self._switches = (out / "switches.jsonl").open("w", encoding="utf-8")
        self._pending: list[_Switching] = []
        self._csv.write(",".join(self._columns()) + "\n")
        self.write_row()

    def _columns(self) -> list[str]:
        columns = ["t_ms", "feeder_w", "feeder_uncontrolled_w"]
        columns += ["feeder_wh", "feeder_uncontrolled_wh"]
        for name, place in self._world.places.items():
            for measure in place.channels:
                columns += [f"{name}.{measure}_w", f"{name}.{measure}_wh"]
        return columns + [name for name, _ in self._extra()]

    def _extra(self) -> list[tuple[str, float]]:
        """Columns that no board measures: the feeder's phases, devices, assets, thefts."""
        feeder = self._world.feeder
        found = [("losses_w", feeder.losses_w), ("losses_wh", feeder.losses_wh)]
        found += [("frequency_hz", feeder.frequency_hz), ("ambient_c", self._world.ambient_c)]
        points = {"feeder": feeder.transformer}
        points |= {name: section.meter for name, section in feeder.sections.items()}
        for name, point in points.items():
            for number, phase in enumerate(point.phases, 1):
                found += [
                    (f"{name}.l{number}_w", phase.power_w),
                    (f"{name}.l{number}_v", phase.voltage_v),
                ]
        for name, place in self._world.devices.items():
            channel = place.channel if place.three_phase is None else place.three_phase.net
            if channel is not None:
                found += [(f"{name}.import_wh", channel.import_wh)]
                found += [(f"{name}.export_wh", channel.export_wh)]
        for name, home in feeder.homes.items():
            found += [(f"{name}.net_w", home.wanted_w), (f"{name}.bypassed_wh", home.bypassed_wh)]
            found += [(f"{name}.{what}", value) for what, value in _assets(home)]
        return found

    def write_row(self) -> None:
        """One line of physics.csv. A channel's Wh are absolute, as its module counts them."""
        world = self._world
        feeder, twin = world.feeder.total, world.twin.total
        values = [feeder.power_w, twin.power_w, feeder.energy_wh, twin.energy_wh]
        for place in world.places.values():
            for channel in place.channels.values():
                values += [channel.power_w, channel.absolute_wh]
        values += [value for _, value in self._extra()]
        row = ",".join(f"{value:.6g}" if abs(value) < 1 else f"{value:.4f}" for value in values)
        self._csv.write(f"{world.unix_s * 1000},{row}\n")
        self._csv.flush()

    def after_step(self) -> None:
        """Call after each step of the world."""
        for switching in self._pending:
            switching.entry["after"] = self._loads(switching.home)
            self._switches.write(json.dumps(switching.entry) + "\n")
        if self._pending:
            self._pending.clear()
            self._switches.flush()
        if self._world.unix_s % _CSV_EVERY_S == 0:
            self.write_row()

    def switched(self, t_ms: int, board: str, relay: Relay) -> None:
        """A contact moved; written when its effect is known."""
        home = self._world.places[board].home
        entry = {
            "t_ms": t_ms,
            "board": board,
            "relay": relay.config.asset,
            "pin": relay.config.pin,
            "state": "closed" if relay.closed else "open",
            "before": self._loads(None if home is None else home.name),
        }
        self._pending.append(_Switching(entry, None if home is None else home.name))

    def _loads(self, home: str | None) -> dict[str, float]:
        feeder = self._world.feeder
        # The twin lives through the same second: what both show, the relay did not do.
        twin_w = self._world.twin.total.power_w
        loads = {"feeder_w": feeder.total.power_w, "uncontrolled_w": twin_w}
        if home is not None:
            loads["home_w"] = feeder.homes[home].load.power_w
            loads |= {f"{name}_w": w for name, w in feeder.homes[home].asset_w.items()}
        return {name: round(value, 3) for name, value in loads.items()}

    def close(self) -> None:
        """Write what is known and close the files."""
        for switching in self._pending:
            self._switches.write(json.dumps(switching.entry) + "\n")
        self.write_row()
        self._csv.close()
        self._switches.close()
