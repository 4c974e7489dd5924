"""Boards at work whose heap is watched: the permitted combinations of role, link, chip and options.

Each board has its metering chip, a gateway on its bus or a real broker (Mosquitto), orders and
acknowledgements, and the heap of a chip; simulated time runs fast. What is free after a collection
the emulated chip says itself.
"""

import re
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from gateway.mqtt.setup import Setup
from ledger.clock import Clock
from truewatt.bench._heap_chips import chip_of
from truewatt.bench._heap_combinations import TLS_FILES, Combination
from truewatt.bench._heap_master import AREA, CHAIN, START_S, Master, Way
from truewatt.bench._heap_ways import Ble, Bus, Mqtt, Tcp
from truewatt.emulator.board import NO_CHARGES, BoardSpec, EmulatedBoard
from truewatt.emulator.wires.tty import Tty
from truewatt.lifeline import dies_with_us
from truewatt.toolchain.debian_tool import debian_tool
from wireformat import identity
from wireformat.control import Enrolment
from wireformat.registry import open_signed

FREE_BYTES = 20 * 1024
_FREE = re.compile(r"^\[(\d+)\] chip: (\d+) bytes free", re.M)


class Broker:
    """Mosquitto on two ports of loopback: for all, and over TLS for boards with a certificate."""

    def __init__(self, folder: Path, port: int, tls_port: int) -> None:
        self.ports = {"mqtt": port, "mqtts": tls_port}
        self._tls = folder / "tls"
        self._setup = Setup(self._tls, "127.0.0.1", AREA, "gw", tls_port, str(folder))
        self._setup.write([])
        files = (("cafile", "ca.crt"), ("certfile", "server.crt"), ("keyfile", "server.key"))
        config = folder / "mosquitto.conf"
        config.write_text(
            f"allow_anonymous true\nuser root\nlistener {port} 127.0.0.1\n"
            f"listener {tls_port} 127.0.0.1\nrequire_certificate true\n"
            + "".join(f"{key} {self._tls / name}\n" for key, name in files)
        )
        with (folder / "broker.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*debian_tool("mosquitto"), "-c", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=dies_with_us(),  # noqa: PLW1509 - nothing but system calls
            )

    def certify(self, board: EmulatedBoard, device: bytes) -> None:
        """Put the board's certificate on its flash, and whose it believes."""
        self._setup.write([device])
        mine = f"devices/{device.hex()}"
        names = ("ca.der", f"{mine}.crt.der", f"{mine}.key.der")
        for name, target in zip(names, TLS_FILES.values(), strict=True):
            data = (self._tls / name).read_bytes()
            board.execute(f"with open({target!r}, 'wb') as file: file.write({data!r})")

    def close(self) -> None:
        """Stop it."""
        self._process.kill()
        self._process.wait()


class BoardAtWork:
    """One combination's board with its wires; `free` is what its chip said, by simulated ms."""

    def __init__(
        self,
        folder: Path,
        combination: Combination,
        clock: Clock,
        broker: Broker,
        port: int,
        report_s: int,
    ) -> None:
        """`port`: its own on Modbus TCP."""
        ports = broker.ports | {"tcp": port}
        self.combination, self._clock = combination, clock
        self._lines = [Tty(folder / name) for name in ("uart1", "uart2")]
        self.chip = chip_of(combination.driver, self._lines[1], folder, clock)
        self._air = Ble(folder / "air") if "ble" in combination.links else None
        spec = BoardSpec(
            "b",
            self._lines[0].path,
            self._lines[1].path,
            spi=self.chip.path if combination.driver == "atm90e32" else None,
            i2c=self.chip.path if combination.driver == "ade7953" else None,
            pins=self.chip.pins,
            counters=self.chip.pins is not None,
            arch="32bit",
            heap_kib=combination.heap_kib,
            charges=NO_CHARGES,
            radio=bool({"mqtt", "tcp"} & set(combination.links)),
            ble=folder / "air" if self._air else None,
            report_heap_s=report_s,
        )
        self.board = EmulatedBoard(folder / "b", spec, {"TRUEWATT_CLOCK": clock.to_env()})
        data = self.board.provision(combination.config(ports))
        enrolled = open_signed(Enrolment.CODE, data, CHAIN).record
        assert isinstance(enrolled, Enrolment)
        self._device = identity.address(enrolled.public_key)
        if combination.tls:
            broker.certify(self.board, self._device)
        self.masters = [
            Master(self._way(link, ports), orders=at == 0 and "assets" not in combination.options)
            for at, link in enumerate(combination.links)
        ]
        self._running = True
        self._threads = [threading.Thread(target=self._metering, daemon=True)]
        self._threads += [
            threading.Thread(target=self._gateway, args=(one,), daemon=True) for one in self.masters
        ]

    def start(self) -> None:
        """Power on."""
        self.chip.start()
        self.board.start()
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Power off, and let go of every wire."""
        self._running = False
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        self.board.kill()
        for master in self.masters:
            master.way.close()
        self.chip.close()
        for line in self._lines:
            line.close()

    def console(self) -> str:
        """All that the board said."""
        return self.board.log_path.read_text(errors="replace")

    def free(self) -> list[tuple[int, int]]:
        """(simulated ms since its start, bytes free after a collection), in order."""
        return [(int(ms), int(free)) for ms, free in _FREE.findall(self.console())]

    def usual_free(self, start_ms: int = 0, end_ms: int | None = None) -> int:
        """The median of that: now and then a signature is under way, which takes 2 KiB."""
        figures = sorted(
            free for ms, free in self.free() if start_ms <= ms and (end_ms is None or ms < end_ms)
        )
        return figures[len(figures) // 2] if figures else 0

    def _way(self, link: str, ports: dict[str, int]) -> Way:
        if link == "ble":
            assert self._air is not None
            return self._air.serve(self.board)
        if link == "tcp":
            return Tcp(ports["tcp"], self.combination.connections - 1)
        return Mqtt(ports["mqtt"], self._device) if link == "mqtt" else Bus(self._lines[0])

    def _metering(self) -> None:
        seconds = self._clock.mono_ms() // 1000
        while self._running:
            while seconds < self._clock.mono_ms() // 1000:
                self.chip.step()
                seconds += 1
            self.chip.serve()
            time.sleep(0.003)

    def _gateway(self, master: Master) -> None:
        started_ms = self._clock.mono_ms()
        while self._running and self.board.poll() is None:
            master.turn((self._clock.mono_ms() - started_ms) / 1000)
            time.sleep(0.1)


def run(
    folder: Path, combinations: Sequence[Combination], speed: int, simulated_s: int, report_s: int
) -> list[BoardAtWork]:
    """Let boards of all `combinations` work side by side; they are off again when it returns."""
    clock = Clock.starting_at(START_S * 1000, speed)
    ports = free_ports(2 + len(combinations))
    broker = Broker(folder, ports[0], ports[1])
    boards = []
    try:
        for at, one in enumerate(combinations):
            boards.append(
                BoardAtWork(folder / str(at), one, clock, broker, ports[2 + at], report_s)
            )
        for board in boards:
            board.start()
        deadline = time.monotonic() + simulated_s / speed
        while time.monotonic() < deadline and any(b.board.poll() is None for b in boards):
            time.sleep(0.2)
    finally:
        for board in boards:
            board.close()
        broker.close()
    return boards


def free_ports(count: int) -> list[int]:
    """So many ports of loopback that nobody listens on."""
    asked = [socket.socket() for _ in range(count)]
    try:
        for one in asked:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in asked]
    finally:
        for one in asked:
            one.close()
