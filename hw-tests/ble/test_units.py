"""The board's BLE link on real 32-bit MicroPython, in a heap that junk must not fill."""

import os
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
FIRMWARE = HERE.parents[1] / "firmware"


def test_link(micropython_32bit):
    path = ":".join(map(str, (HERE.parent / "firmware", FIRMWARE, FIRMWARE / "shared", ".frozen")))
    done = subprocess.run(
        [*micropython_32bit, "-X", "heapsize=256k", str(HERE / "unit_ble.py"), "1", "4000"],
        env={**os.environ, "MICROPYPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    assert done.stdout.splitlines()[-1:] == ["ok"], done.stdout[-2000:]
