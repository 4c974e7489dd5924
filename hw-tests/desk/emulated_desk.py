"""Emulated boards at serial ports: one at its prompt by its cable, one at work by its bus."""

import os
import pty
import select
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from truewatt.emulator.board import NO_CHARGES, BoardSpec, EmulatedBoard
from truewatt.emulator.wires.console import Console


@dataclass
class Wired:
    """A provisioned board that runs its firmware, and the serial port of its bus."""

    port: str
    address: int
    chain_id: str
    baud: int


@contextmanager
def at_prompt(folder: Path) -> Iterator[Path]:
    """The port of a board with MicroPython and nothing else on it."""
    (folder / "nothing").mkdir()
    spec = BoardSpec(
        "d1", arch="32bit", heap_kib=160, charges=NO_CHARGES, firmware=folder / "nothing"
    )
    console = Console(
        EmulatedBoard(folder / "board", spec), folder / "usb", "Emulated board with EMULATED"
    )
    console.plug()
    yield folder / "usb"
    console.pull()


@contextmanager
def at_work(folder: Path) -> Iterator[Wired]:
    """An emulated board that has recorded a few intervals, at an adapter of its own."""
    from workbench import CHAIN, Workbench, started, wait_for

    bench = Workbench(folder, {"interval_s": 1, "boundary_s": 60})
    bench.provision()
    adapter = None
    try:
        started(bench)
        wait_for(bench, lambda records: len(records) >= 4, 30)
        adapter = Adapter(bench.bus.master)
        yield Wired(adapter.port, 1, CHAIN, 9600)
    finally:
        if adapter is not None:
            adapter.close()
        bench.close()


class Adapter(threading.Thread):
    """The adapter of an emulated bus: a serial port at one end, the wires at the other."""

    def __init__(self, bus: int) -> None:
        super().__init__(daemon=True)
        self._bus = bus
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self._plugged = True
        self.start()

    def run(self) -> None:
        while self._plugged:
            ready, _, _ = select.select([self._bus, self._master], [], [], 0.05)
            for end, other in ((self._bus, self._master), (self._master, self._bus)):
                if end in ready:
                    os.write(other, os.read(end, 1024))

    def close(self) -> None:
        """Pull it."""
        self._plugged = False
        self.join()
        os.close(self._master)
        os.close(self._slave)
