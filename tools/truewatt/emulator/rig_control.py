"""The rig's control socket: one JSON object a line in, one out."""

import asyncio
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from truewatt.emulator.physics.channel import Channel
from truewatt.emulator.physics.home import Home
from truewatt.emulator.rig_config import FREQUENCIES_HZ
from truewatt.emulator.rig_state import state
from truewatt.emulator.wires.bus import Rs485Bus
from truewatt.emulator.wires.pins import PinSocket, bind_unix, connect_unix
from truewatt.emulator.world import BoardPlace, World

_REPLY_TIMEOUT_S = 10.0
_MOST_FAULT_W = 1e6


class RigCommandError(ValueError):
    """A command that the rig does not understand."""


class RigControl:
    """Commands: status, state, energy, inject, pin, power, sun, frequency, fault, bypass, stop."""

    def __init__(
        self,
        world: World,
        buses: dict[str, Rs485Bus],
        pins: dict[str, PinSocket],
        stop: Callable[[], None],
    ) -> None:
        self._world = world
        self._buses = buses
        self._pins = pins
        self._stop = stop
        self._summary = world.summary()

    async def listen(self, path: Path) -> asyncio.Server:
        """Serve on a Unix socket."""
        return await asyncio.start_unix_server(self._serve, sock=bind_unix(path))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(self._answer(line)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            return {"ok": True, **self.command(json.loads(line))}
        except (ValueError, KeyError, TypeError) as error:
            return {"ok": False, "error": f"{type(error).__name__}: {error}"}

    def command(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do one command. Raises RigCommandError and KeyError for what is unknown."""
        actions = {
            "status": self._status,
            "state": self._state,
            "energy": self._energy,
            "inject": self._inject,
            "pin": self._pin,
            "power": self._power,
            "sun": self._sun,
            "frequency": self._frequency,
            "fault": self._fault,
            "bypass": self._bypass,
            "stop": self._stop_soon,
        }
        action = actions.get(request.get("cmd", ""))
        if action is None:
            raise RigCommandError(f"cmd: expected one of {', '.join(actions)}")
        return action(request)

    def _status(self, _: dict[str, Any]) -> dict[str, Any]:
        world = self._world
        return {
            "t_ms": world.unix_s * 1000,
            "feeder": _channel(world.feeder.total),
            "uncontrolled": _channel(world.twin.total),
            "peak_w": world.feeder.peak_w,
            "peak_uncontrolled_w": world.twin.peak_w,
            "boards": {n: self._board(place) for n, place in world.places.items()},
            "world": self._summary,
            "homes": {name: _home(home) for name, home in world.feeder.homes.items()},
            "buses": {name: _bus(bus) for name, bus in self._buses.items()},
        }

    def _board(self, place: BoardPlace) -> dict[str, Any]:
        return {
            "on": self._pins[place.name].board_is_on,
            "relays": {relay.config.asset: relay.closed for relay in place.relays},
            "channels": {name: _channel(channel) for name, channel in place.channels.items()},
            "modules": {module.address: module.energy_wh for module in place.modules},
        }

    def _energy(self, _: dict[str, Any]) -> dict[str, Any]:
        world = self._world
        return {
            "t_ms": world.unix_s * 1000,
            "feeder_wh": world.feeder.total.energy_wh,
            "uncontrolled_wh": world.twin.total.energy_wh,
            "boards": {
                name: {measure: c.absolute_wh for measure, c in place.channels.items()}
                for name, place in world.places.items()
            },
        }

    def _inject(self, request: dict[str, Any]) -> dict[str, Any]:
        bus = self._buses[request["bus"]]
        now = bus.disturbance
        cut, cut_nodes = now.cut, set(now.cut_nodes)
        if "cut" in request and "board" in request:
            change = cut_nodes.add if request["cut"] else cut_nodes.discard
            change(request["board"])
        elif "cut" in request:
            cut = bool(request["cut"])
        new = replace(
            now,
            noise_bit_error=float(request.get("noise_bit_error", now.noise_bit_error)),
            loss=float(request.get("loss", now.loss)),
            delay_ms=float(request.get("delay_ms", now.delay_ms)),
            cut=cut,
            cut_nodes=cut_nodes,
        )
        bus.disturb(new)
        return {"bus": bus.name, **vars(new), "cut_nodes": sorted(cut_nodes)}

    def _pin(self, request: dict[str, Any]) -> dict[str, Any]:
        self._pins[request["board"]].drive(int(request["pin"]), 1 if request["value"] else 0)
        return {}

    def _power(self, request: dict[str, Any]) -> dict[str, Any]:
        self._pins[request["board"]].cut_mains(bool(request.get("brown_out", False)))
        return {}

    def _state(self, _: dict[str, Any]) -> dict[str, Any]:
        return state(self._world, self._buses)

    def _sun(self, request: dict[str, Any]) -> dict[str, Any]:
        self._world.set_sun(_number(request, "scale", 0.0, 1.0))
        return {}

    def _frequency(self, request: dict[str, Any]) -> dict[str, Any]:
        self._world.set_frequency(_number(request, "hz", *FREQUENCIES_HZ))
        return {}

    def _fault(self, request: dict[str, Any]) -> dict[str, Any]:
        power_w = _number(request, "power_w", 0.0, _MOST_FAULT_W)
        if ("home" in request) == ("section" in request):
            raise RigCommandError("fault: expected a home or a section")
        if "home" in request:
            self._world.set_home_fault(request["home"], power_w)
        else:
            self._world.set_section_fault(request["section"], power_w)
        return {}

    def _bypass(self, request: dict[str, Any]) -> dict[str, Any]:
        self._world.set_bypass(request["home"], _number(request, "share", 0.0, 1.0))
        return {}

    def _stop_soon(self, _: dict[str, Any]) -> dict[str, Any]:
        self._stop()
        return {}


def ask_rig(control: Path, **request: Any) -> dict[str, Any]:
    """Send one command to a running rig: `ask_rig(path, cmd="status")`. Raises RigCommandError."""
    with connect_unix(control, _REPLY_TIMEOUT_S) as link:
        link.sendall(json.dumps(request).encode() + b"\n")
        with link.makefile("rb") as answers:
            answer: dict[str, Any] = json.loads(answers.readline() or b"{}")
    if not answer.pop("ok", False):
        raise RigCommandError(str(answer.get("error", "the rig closed the connection")))
    return answer


def _number(request: dict[str, Any], key: str, low: float, high: float) -> float:
    """A number of a command. Raises RigCommandError."""
    value = request.get(key)
    # NaN is in no range.
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if not low <= number <= high:
        raise RigCommandError(f"{key}: expected a number from {low:g} to {high:g}")
    return float(number)


def _channel(channel: Channel) -> dict[str, float]:
    return {
        "voltage_v": channel.voltage_v,
        "power_w": channel.power_w,
        "energy_wh": channel.energy_wh,
        "absolute_wh": channel.absolute_wh,
    }


def _home(home: Home) -> dict[str, Any]:
    return {
        "assets_w": dict(home.asset_w),
        "closed": dict(home.closed),
        "unmet_wh": {name: asset.unmet_wh for name, asset in home.assets.items()},
    }


def _bus(bus: Rs485Bus) -> dict[str, Any]:
    disturbance = {**vars(bus.disturbance), "cut_nodes": sorted(bus.disturbance.cut_nodes)}
    return {**vars(bus.counters), "disturbance": disturbance}
