"""A metering chip, the world behind it, and a board's metering, in lock step."""

import hashlib
import json
import os
import select
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from truewatt.emulator.wires.tty import Tty

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MODULES = (
    HERE,
    ROOT / "firmware",
    ROOT / "firmware" / "shared",
    ".frozen",
    ROOT / "tools/truewatt/emulator/chip",
)
PATIENCE_S = 20.0
UNITY = 1_000_000


class MeteringBoard:
    """A MicroPython process that polls when told; `serve` does what the chip must do meanwhile."""

    def __init__(
        self, micropython: list[str], tty: Tty, serve: Callable[[], None], setup: dict[str, Any]
    ) -> None:
        self._tty = tty
        self._unasked = setup.get("driver") == "cse7766"
        self._serve = serve
        defaults = {"sensor": 0, "timeout_ms": 400, "calibration": None, "pair": None, "floor": 0}
        self.process = subprocess.Popen(
            [*micropython, "-X", "heapsize=1024k", str(HERE / "metering_board.py")],
            env={**os.environ, "MICROPYPATH": ":".join(str(path) for path in MODULES)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._say(json.dumps(defaults | {"uart": str(tty.path)} | setup))
        line = self._line()
        assert line == b"ready\n", line + self._rest()

    def poll(self, now_ms: int) -> dict[str, Any]:
        """One poll at `now_ms` of the board's uptime."""
        self._settle()
        self._say(str(now_ms))
        line = self._line()
        assert line.startswith(b"{"), line + self._rest()
        return json.loads(line)

    def move_pins(self, changes: list[list[Any]]) -> None:
        """Put levels on pins: (ms of the board's uptime, pin, level or "+PULSES") each."""
        self._say(json.dumps(changes))
        assert self._line() == b"moved\n", self._rest()

    def poll_until_heard(self, now_ms: int) -> dict[str, Any]:
        """The first poll that is no fault: a busy machine may miss a short time limit."""
        deadline = time.monotonic() + PATIENCE_S
        while "fault" in (answer := self.poll(now_ms)):
            assert time.monotonic() < deadline, answer
        return answer

    def poll_until_answered(self, now_ms: int) -> dict[str, Any]:
        """As `poll_until_heard`, but a fault that is no silence is an answer."""
        deadline = time.monotonic() + PATIENCE_S
        while (answer := self.poll(now_ms)).get("fault") == "SensorSilent":
            assert time.monotonic() < deadline, answer
        return answer

    def _settle(self) -> None:
        """Have what a chip sent unasked arrive now, so that no frame of the past comes late."""
        self._serve()
        deadline = time.monotonic() + 0.01
        while self._unasked and not self._tty.unread() and time.monotonic() < deadline:
            time.sleep(0.0001)

    def _say(self, line: str) -> None:
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def _line(self) -> bytes:
        out = self.process.stdout
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            ready, _, _ = select.select([out, self._tty.fd], [], [], 0.0005)
            if out in ready:
                return out.readline()
            self._serve()
        raise AssertionError("the board says nothing")

    def _rest(self) -> bytes:
        self.process.kill()
        return self.process.stdout.read()

    def kill(self) -> None:
        """Cut its power."""
        self.process.kill()
        self.process.wait(PATIENCE_S)
        self.process.stdin.close()
        self.process.stdout.close()


def load_of_a_day(second: int) -> float:
    """W of a home with steps, peaks of 5 kW and hours of standby; no chance in it."""
    hour = second // 3600
    base_w = 8.0 + 0.5 * (second // 60 % 7)
    cooking_w = 4200.0 if hour in (7, 12, 18) and second % 1200 < 700 else 0.0
    heating_w = 1900.0 if second % 5400 < 2000 else 0.0
    fridge_w = 92.0 if second % 1500 < 600 else 0.0
    return base_w + cooking_w + heating_w * (0 if cooking_w else 1) + fridge_w


def check_of(driver: str, found: dict[str, Any]) -> str:
    """The check that a calibration must carry (firmware/drivers/calibration.py)."""
    pairs = [found.get(name, [UNITY, 0]) for name in ("voltage", "current", "power")]
    numbers = [number for pair in pairs for number in pair] + [found.get("energy", UNITY), 0]
    numbers += [found["phase"]] if found.get("phase") else []
    text = ",".join(map(str, numbers))
    return hashlib.sha256(f"truewatt/calibration/1|{driver}|{text}".encode()).hexdigest()[:8]
