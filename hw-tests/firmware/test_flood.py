"""Fifty forged frames a second on a board's bus: readings and commands go on."""

import threading
import time
from collections.abc import Callable

import pytest
from flood import Flood, Forger, Measure, inbox_write, under_flood
from workbench import Workbench

from truewatt.emulator.board import Charges
from wireformat import codes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


class Shared:
    """A line with two masters that let each other finish: whoever does not, jams it for both."""

    def __init__(self, bench: Workbench) -> None:
        self._ask, self._turn = bench.ask, threading.Lock()
        self._waits = False
        bench.ask = self.ask  # type: ignore[method-assign]

    def ask(self, pdu: bytes, timeout_s: float = 5) -> bytes:
        self._waits = True
        with self._turn:
            self._waits = False
            return self._ask(pdu, timeout_s)

    def put(self, frame_id: int, code: int, data: bytes) -> None:
        while self._waits:  # Python's locks are not fair
            time.sleep(0.001)
        with self._turn:
            self._ask(inbox_write(frame_id, code, data))


def test_a_flood_on_the_bus_stops_neither_readings_nor_commands(workbench: Callable) -> None:
    bench = workbench({"interval_s": 2, "boundary_s": 4}, charges=Charges())
    bench.board.start()
    bench.wait_for_bus()
    bench.certify()
    assert bench.set_time()[1] == codes.R_NONE
    frame = Forger.at(bench).frame
    line = Shared(bench)
    measure = Measure(bench.board.pid)
    while not measure.known:
        measure.begin()
        with Flood(line.put, frame) as flood:
            account = under_flood(bench)
        account.check()
        measure.judge(account.took_s, flood.rate)
