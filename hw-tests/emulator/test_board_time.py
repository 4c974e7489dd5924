"""Simulated time on a board: the port's own asyncio, select and time at any speed."""

import json
import time
from collections.abc import Callable

import pytest

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
