"""What the relays of a whole board do at its starts, seen at its pins."""

import asyncio
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from workbench import Workbench

from truewatt.emulator.wires.pins import PinSocket
from wireformat import codes
from wireformat.chained import Event

HEATER, EV, BREAKER = 26, 27, 26
POWER_ON, BROWN_OUT = 1, 6
MLMD = {
    "role": "mlmd",
    "channels": [{"kind": "section", "energy": "grid", "sensor": 1}],
    "relays": [{"pin": BREAKER, "safe": "closed", "name": "breaker"}],
    "fixed_limit_w": 5000,
    "breaker": {"overload_delay_ms": 1000, "dead_times_s": [600]},
}


class Pins(threading.Thread):
    """Listens to a board's pins; `seen[pin]` are the levels it drove, None: it let go."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.seen: dict[int, list[int | None]] = {}
        self._socket = PinSocket(path, lambda pin, level: self.seen[pin].append(level))
        self._loop: asyncio.AbstractEventLoop
        self._end: asyncio.Event
        self._open = threading.Event()

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        await self._socket.open()
        self._open.set()
        await self._end.wait()
        self._socket.close()

    def begin(self) -> None:
        self.forget()
        self.start()
        assert self._open.wait(10)

    def cut(self, brown_out: bool) -> None:
        """Take the board's supply away, or have it sag."""
        self._loop.call_soon_threadsafe(self._socket.cut_mains, brown_out)

    def forget(self) -> None:
        self.seen = {HEATER: [], EV: []}

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self.join()

    def wait(self, pin: int, levels: list[int | None]) -> None:
        """Wait until exactly `levels` were driven on `pin`."""
        end = time.monotonic() + 10
        while self.seen[pin] != levels and time.monotonic() < end:
            time.sleep(0.02)
        assert self.seen[pin] == levels


@pytest.fixture
def board_with_pins(workbench: Callable) -> Iterator[Callable[..., tuple[Workbench, Pins]]]:
    """Return a function that makes a workbench whose board's pins are watched."""
    started = []
    with tempfile.TemporaryDirectory() as folder:

        def make(changes: dict) -> tuple[Workbench, Pins]:
            path = Path(folder) / "pins"
            bench = workbench(changes, pins=path)
            pins = Pins(path)
            pins.begin()
            started.append(pins)
            return bench, pins

        yield make
        for pins in started:
            pins.stop()


def restart(bench: Workbench, how: signal.Signals) -> None:
    """End the board's run as `how` stands for, and start it again."""
    os.kill(bench.board.pid, how)
    bench.board.wait(5)
    bench.board.start()
    bench.wait_for_bus()


def trip_is_kept(bench: Workbench) -> None:
    """Wait until the trip is on the chain: by then it would outlast a restart."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        events = [record for code, record, _ in bench.records() if code == Event.CODE]
        if any(event.kind == codes.EV_TRIP for event in events):
            return
    raise AssertionError("no trip on the chain")


def boot_causes(bench: Workbench) -> list[int]:
    """The reset causes on the board's chain."""
    boots = [record for code, record, _ in bench.records() if code == 5]
    return [boot.detail[0] for boot in boots if boot.kind == codes.EV_BOOT]


def test_a_load_returns_late_after_an_outage_and_stays_on_over_a_watchdog_reset(board_with_pins):
    bench, pins = board_with_pins({"restore_delay_s": [2, 2]})
    bench.board.start()
    bench.wait_for_bus()
    assert (pins.seen[HEATER], pins.seen[EV]) == ([0], [0])
    pins.wait(HEATER, [0, 1])

    pins.forget()
    restart(bench, signal.SIGALRM)
    assert boot_causes(bench) == [1, 3]
    assert bench.status()["relays"] == 1
    # The chip lets go of its pins at any reset; it takes each up again where it belongs.
    assert (pins.seen[HEATER], pins.seen[EV]) == ([None, 1], [None, 0])

    pins.forget()
    restart(bench, signal.SIGKILL)
    assert pins.seen[HEATER] == [None, 0]
    pins.wait(HEATER, [None, 0, 1])
    assert pins.seen[EV] == [None, 0]


def test_a_breaker_opens_at_no_restart_but_stays_open_after_a_trip(board_with_pins):
    bench, pins = board_with_pins(MLMD | {"restore_delay_s": None})
    bench.board.start()
    pins.wait(BREAKER, [1])
    bench.wait_for_bus()

    for how in (signal.SIGKILL, signal.SIGALRM):
        pins.forget()
        restart(bench, how)
        assert bench.status()["relays"] == 1
        pins.wait(BREAKER, [None, 1])

    bench.modules.values[1] = [2300, 26000, 60000, 5000]
    pins.wait(BREAKER, [None, 1, 0])
    trip_is_kept(bench)
    bench.modules.values[1] = [2300, 4348, 10000, 5000]
    for how in (signal.SIGALRM, signal.SIGKILL):
        pins.forget()
        restart(bench, how)
        assert bench.status()["relays"] == 0
        pins.wait(BREAKER, [None, 0])
        time.sleep(1.5)
        assert pins.seen[BREAKER] == [None, 0]


def test_a_brown_out_counts_as_an_outage_and_is_told(board_with_pins):
    """The port says watchdog, after which loads stay on; the chip's register knows better."""
    bench, pins = board_with_pins({"restore_delay_s": [2, 2], "reset_register": 0x3FF48034})
    bench.board.start()
    bench.wait_for_bus()
    pins.wait(HEATER, [0, 1])
    for brown_out, cause in ((True, BROWN_OUT), (False, POWER_ON)):
        pins.forget()
        pins.cut(brown_out)
        bench.board.wait(5)
        bench.board.start()
        bench.wait_for_bus()
        assert boot_causes(bench)[-1] == cause
        assert pins.seen[HEATER] == [None, 0]
        pins.wait(HEATER, [None, 0, 1])
    flags = {record.epoch: record.flags & codes.BROWN_OUT for _, record, _ in bench.records()}
    assert flags == {1: 0, 2: codes.BROWN_OUT, 3: 0}
    boots = [record for code, record, _ in bench.records() if code == Event.CODE]
    for boot in boots:
        shown = b"".join(half.to_bytes(4, "big") for half in boot.detail[1:])
        assert shown == bench.enrolment.calibration[:8]
