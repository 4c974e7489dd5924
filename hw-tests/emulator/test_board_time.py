"""Simulated time on a board: the port's own asyncio, select and time at any speed."""

import json
import shutil
import time
from collections.abc import Callable

import pytest

from truewatt.toolchain.paths import project_root

ASYNCIO = """
import asyncio, json, sys, time
async def ticker(period_ms, count, marks):
    for _ in range(count):
        await asyncio.sleep_ms(period_ms)
        marks.append(time.ticks_ms())
async def stuck():
    await asyncio.sleep(1000)
async def main():
    start, fast, slow = time.ticks_ms(), [], []
    tasks = [asyncio.create_task(ticker(300, 6, fast)), asyncio.create_task(ticker(900, 2, slow))]
    await asyncio.gather(*tasks)
    took = time.ticks_diff(time.ticks_ms(), start)
    try:
        await asyncio.wait_for_ms(stuck(), 500)
    except asyncio.TimeoutError:
        timed_out = time.ticks_diff(time.ticks_ms(), start) - took
    task = asyncio.create_task(stuck())
    await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        cancelled = time.ticks_diff(time.ticks_ms(), start) - took - timed_out
    print(json.dumps([took, timed_out, cancelled, len(fast), len(slow)]))
asyncio.run(main())
"""


@pytest.mark.parametrize("arch", ["32bit", "native"])
@pytest.mark.parametrize("speed", [1, 60, 12.5])
def test_asyncio_runs_in_simulated_time(make_board: Callable, arch: str, speed: float) -> None:
    board = make_board(ASYNCIO, speed, arch=arch)
    board.start()
    assert board.wait(30) == 0, board.log_path.read_text()
    took, timed_out, cancelled, fast, slow = json.loads(board.log_path.read_text())
    assert (fast, slow) == (6, 2)
    assert took >= 1800
    assert timed_out >= 500
    # Host jitter of up to 0.2 s is `speed` times as long here; the C scheduler would be off by all.
    assert took < 1800 + 200 * speed
    assert timed_out < 500 + 200 * speed
    assert cancelled < 200 * speed


def test_no_module_of_the_host_is_left_under_a_chips_name(make_board: Callable) -> None:
    board = make_board("")
    said = board.execute(
        "import time, select, machine, esp32, asyncio, sys\n"
        "print(all('.mpy' in m.__file__ for m in (time, select, machine, esp32)))\n"
        "print(asyncio.core.select is select, asyncio.core.ticks is time.ticks_ms)\n"
        "print(asyncio.core.TaskQueue is sys.modules['_asyncio'].TaskQueue)\n"
        "print(hasattr(time, 'clock'), hasattr(machine, 'mem8'))"
    )
    assert said.split() == ["True", "True", "True", "True", "False", "False"]


def test_the_clock_is_unset_at_boot_and_keeps_what_it_is_set_to(make_board: Callable) -> None:
    said = make_board("", 60).execute(
        "import time, machine\n"
        "print(time.gmtime()[:3], time.time() < 100)\n"
        "machine.RTC().datetime((2026, 3, 1, 0, 23, 59, 58, 0))\n"
        "print(time.gmtime()[:6], time.mktime((2026, 3, 1, 23, 59, 58, 0, 0)))\n"
        "time.sleep(2)\n"
        "print(machine.RTC().datetime()[:3])\n"
        "t = time.mktime((2028, 2, 29, 12, 0, 0, 0, 0)); print(time.gmtime(t)[:4])\n"
        "print(time.gmtime(time.time_ns() // 1000000000)[:2])"
    )
    lines = said.splitlines()
    assert lines[0] == "(2000, 1, 1) True"
    assert lines[1].startswith("(2026, 3, 1, 23, 59, 5")
    # 26 years of days since 2000-01-01, counted by Python's own calendar.
    assert lines[1].endswith(" 825724798")
    assert lines[2] == "(2026, 3, 2)"
    assert lines[3] == "(2028, 2, 29, 12)"
    assert lines[4] == "(2026, 3)"


def test_the_chips_time_for_flash_is_charged(make_board: Callable) -> None:
    from truewatt.emulator.board import Charges

    # A slow flash makes the charge stand out from what the host needs.
    board = make_board("", 10, charges=Charges(1_000_000, 0, 0))
    board.execute("pass")
    said = board.execute(
        "import time; t = time.ticks_ms()\n"
        "with open('/a', 'w') as file: file.write(bytes(3 * 4096))\n"
        "print(time.ticks_diff(time.ticks_ms(), t))"
    )
    assert int(said) >= 3000, "three sectors were erased"


def test_crypto_steps_are_charged_a_slice_each(make_board: Callable) -> None:
    from truewatt.emulator.board import Charges

    program = (
        "import time\n"
        "from crypto.ed25519 import sign_steps\n"
        "import crypto.ed25519 as module\n"
        "t = time.ticks_ms(); out = []\n"
        "def run():\n"
        "    out.append((yield from sign_steps(3)))\n"
        "for _ in run(): pass\n"
        "print(out[0], module.sign(3), time.ticks_diff(time.ticks_ms(), t))\n"
    )
    board = make_board(program, 10, charges=Charges(0, 0, 500_000))
    crypto = board.spec.firmware / "crypto"
    crypto.mkdir()
    (crypto / "__init__.py").write_text("")
    (crypto / "ed25519.py").write_text(
        "def sign_steps(n):\n"
        "    for _ in range(n): yield\n"
        "    return 'signed'\n"
        "def sign(n):\n"
        "    steps = sign_steps(n)\n"
        "    try:\n"
        "        while True: next(steps)\n"
        "    except StopIteration as end: return end.value\n"
    )
    start = time.monotonic()
    board.start()
    assert board.wait(30) == 0, board.log_path.read_text()
    signed, signed_again, took_ms = board.log_path.read_text().split()
    assert signed == signed_again == "signed"
    assert int(took_ms) >= 8 * 500, "two signatures of three yields are eight slices"
    assert time.monotonic() - start >= 0.4


CRYSTAL = """
import json, time, utime
from core.clock import Clock
from core.drift import DriftClock
SPEED, HALF_HOUR_MS = 40000, 1800000
start = utime.ticks_us()
class Store:
    def number(self, key):
        return 0
    def commit(self, drift):
        pass
clock = Clock(time)
def read():
    # True time now, what the clock says, and how far apart the two can be.
    best = None
    for _ in range(200):
        before = utime.ticks_us()
        clock_ms = clock.now_ms()
        gap_us = utime.ticks_diff(utime.ticks_us(), before)
        if best is None or gap_us < best[2]:
            best = utime.ticks_diff(before, start) + gap_us // 2, clock_ms, gap_us
    true_us, clock_ms, gap_us = best
    return ORIGIN_MS + true_us * SPEED // 1000, clock_ms, gap_us * SPEED // 1000
ORIGIN_MS = 1790000000000
out = {}
for day in ("untracked", "tracked"):
    if day == "tracked":
        clock = DriftClock(time, Store())
    for _ in range(48 if day == "tracked" else 1):
        true_ms, clock_ms, gap_ms = read()
        # What has passed since it was read is made up for by the uptime of that moment.
        true_ms += clock.now_ms() - clock_ms
        clock.beacon(true_ms - 100, 200, 0)
        if day == "tracked":
            time.sleep_ms(HALF_HOUR_MS)
    true_ms, clock_ms, gap_ms = read()
    before_ms, end_ms = clock_ms - true_ms, true_ms + 48 * HALF_HOUR_MS
    back = 0
    while true_ms < end_ms:
        time.sleep_ms(HALF_HOUR_MS)
        last_ms = clock_ms
        true_ms, clock_ms, gap_ms = read()
        back += clock_ms < last_ms
    out[day] = [clock_ms - true_ms - before_ms, gap_ms, back]
out["ppm"] = clock.fast_ppm
print(json.dumps(out))
"""


@pytest.mark.slow
def test_a_crystal_that_is_80_ppm_fast_loses_little_in_a_day_without_a_beacon(
    make_board: Callable,
) -> None:
    board = make_board(CRYSTAL, 40000, arch="native", crystal_ppm=80)
    core = board.spec.firmware / "core"
    core.mkdir()
    root = project_root()
    assert root is not None
    for name in ("clock", "drift", "errors", "log"):
        shutil.copy(root / "firmware" / "core" / f"{name}.py", core)
    board.start()
    assert board.wait(60) == 0, board.log_path.read_text()
    said = json.loads(board.log_path.read_text().splitlines()[-1])
    gained_ms, gap_ms, back = said["untracked"]
    # 80 ppm of a day are 6.9 s: the emulated crystal is what it is said to be.
    assert abs(gained_ms - 6912) <= 300 + 2 * gap_ms, said
    assert back == 0
    gained_ms, gap_ms, back = said["tracked"]
    assert abs(said["ppm"] - 80) <= 13, said
    assert abs(gained_ms) <= 1100 + 2 * gap_ms, said
    assert back == 0
