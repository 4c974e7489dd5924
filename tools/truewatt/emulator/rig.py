"""The rig: one process that is the electrical world of a run (`python -m truewatt.emulator.rig`).

Makes, below `out` of rig.json: tty/<bus>, tty/<board>.uart1, tty/<board>.uart2, <board>.pins,
<board>.spi (of boards with a chip on SPI), tty/<bus>.devices, control.sock, physics.csv,
switches.jsonl, world.json, and last of all `ready`.
"""

import asyncio
import json
import signal
import sys
from functools import partial
from pathlib import Path

from ledger.clock import Clock
from truewatt.emulator.commercial.bind import DeviceBuses
from truewatt.emulator.physics.profiles import ProfileError
from truewatt.emulator.rig_config import BusConfig, RigConfig, RigConfigError, load_rig_config
from truewatt.emulator.rig_control import RigControl
from truewatt.emulator.rig_log import RigLog
from truewatt.emulator.wires.bus import Disturbance, Rs485Bus
from truewatt.emulator.wires.pins import PinSocket
from truewatt.emulator.wires.pzem import PzemLine
from truewatt.emulator.wires.tty import Tty
from truewatt.emulator.world import World

_USAGE = 2
_MOST_STEPS_AT_ONCE = 200
_SHORTEST_SLEEP_S = 0.002


class Rig:
    """The world of a run and everything that is wired to it."""

    def __init__(self, config: RigConfig, clock: Clock) -> None:
        self.config = config
        self.clock = clock
        self.world = World(config, clock.unix_ms() // 1000)
        self._stopping = asyncio.Event()
        self._ttys: list[Tty] = []
        self._buses: dict[str, Rs485Bus] = {}
        self._modules: list[PzemLine] = []
        self._pins: dict[str, PinSocket] = {}
        self._devices = DeviceBuses(
            self.world.devices.values(), lambda: clock.mono_ns() // 1_000_000
        )
        self._log: RigLog | None = None

    def stop(self) -> None:
        """End `run` soon."""
        self._stopping.set()

    async def run(self) -> None:
        """Build everything, say `ready`, and let time pass until `stop`."""
        out = self.config.out
        out.mkdir(parents=True, exist_ok=True)
        (out / "ready").unlink(missing_ok=True)
        self._log = RigLog(out, self.world)
        control = RigControl(self.world, self._buses, self._pins, self.stop)
        try:
            await self._wire_up()
            (out / "world.json").write_text(json.dumps(self.world.summary(), indent=1) + "\n")
            server = await control.listen(out / "control.sock")
            (out / "ready").write_text("ready\n")
            await self._pass_time()
            server.close()
        finally:
            self._tear_down()

    async def _wire_up(self) -> None:
        paced = {name: bus.paced for bus in self.config.buses for name in bus.boards}
        for name, place in self.world.places.items():
            for sensor in self.config.boards[name].sensors:
                if sensor.chip == "atm90e32":
                    self.world.chip_for(name, sensor, self.config.out / f"{name}.spi")
            pins = PinSocket(self.config.out / f"{name}.pins", partial(self._on_pin, name))
            await pins.open()
            self._pins[name] = pins
            line = self._tty(f"{name}.uart2")
            modules = PzemLine(line, place.modules, paced.get(name, False), self.clock)
            modules.attach()
            self._modules.append(modules)
        for bus in self.config.buses:
            self._wire_bus(bus)

    def _wire_bus(self, config: BusConfig) -> None:
        bus = Rs485Bus(config.name, config.baud, config.paced, self.config.seed, self.clock)
        bus.disturb(Disturbance(config.noise_bit_error, config.loss, config.delay_ms))
        bus.attach("master", self._tty(config.name))
        self._devices.attach(bus, self.config.out / "tty")
        for name in config.boards:
            bus.attach(name, self._tty(f"{name}.uart1"))
        self._buses[config.name] = bus

    def _tty(self, name: str) -> Tty:
        line = Tty(self.config.out / "tty" / name)
        self._ttys.append(line)
        return line

    def _on_pin(self, board: str, pin: int, level: int | None) -> None:
        relay = self.world.drive_pin(board, pin, level)
        if relay is not None and self._log is not None:
            self._log.switched(self.clock.unix_ms(), board, relay)

    async def _pass_time(self) -> None:
        """Step the world up to now; a stall of the machine is caught up, never skipped."""
        while not self._stopping.is_set():
            now_s = self.clock.unix_ms() / 1000
            behind = int(now_s) - self.world.unix_s
            for _ in range(min(behind, _MOST_STEPS_AT_ONCE)):
                self._devices.set_out()
                self.world.step()
                if self._log is not None:
                    self._log.after_step()
            if behind > _MOST_STEPS_AT_ONCE:
                await asyncio.sleep(0)
                continue
            wait_s = self.clock.wall(self.world.unix_s + 1 - now_s)
            try:
                await asyncio.wait_for(self._stopping.wait(), max(wait_s, _SHORTEST_SLEEP_S))
            except TimeoutError:
                continue

    def _tear_down(self) -> None:
        for bus in self._buses.values():
            bus.detach_all()
        self._devices.close()
        for modules in self._modules:
            modules.detach()
        for place in self.world.places.values():
            for chip in place.chips:
                chip.close()
        for pins in self._pins.values():
            pins.close()
        for line in self._ttys:
            line.close()
        if self._log is not None:
            self._log.close()
        (self.config.out / "ready").unlink(missing_ok=True)
        (self.config.out / "control.sock").unlink(missing_ok=True)


async def run_rig(config: RigConfig, clock: Clock) -> None:
    """Run a rig until SIGTERM, SIGINT or its `stop` command."""
    rig = Rig(config, clock)
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, rig.stop)
    await rig.run()


def main(argv: list[str]) -> int:
    """`rig RIG_JSON`; 2 if the configuration or a profile is unusable."""
    if len(argv) != 1:
        print("usage: python -m truewatt.emulator.rig RIG_JSON", file=sys.stderr)
        return _USAGE
    try:
        config = load_rig_config(Path(argv[0]))
        asyncio.run(run_rig(config, Clock.from_env()))
    except (RigConfigError, ProfileError) as error:
        print(f"rig: {error}", file=sys.stderr)
        return _USAGE
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
