"""Parts of the client on real 32-bit MicroPython, in a heap that junk must not fill."""

import os
import subprocess
from pathlib import Path

from gateway.tests.mqtt.broker import free_port

HERE = Path(__file__).resolve().parent
FIRMWARE = HERE.parents[1] / "firmware"


def run(micropython, script, *arguments, heap_kib=64):
    path = ":".join((str(FIRMWARE), str(FIRMWARE / "shared"), ".frozen"))
    done = subprocess.run(
        [*micropython, "-X", f"heapsize={heap_kib}k", str(HERE / script), *arguments],
        env={**os.environ, "MICROPYPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    assert done.stdout.splitlines()[-1:] == ["ok"], done.stdout[-2000:]


def test_packets(micropython_32bit):
    run(micropython_32bit, "unit_packets.py", "1", "2000")


def test_tries_at_a_broker_that_is_away(micropython_32bit):
    run(micropython_32bit, "unit_retries.py", str(free_port()), heap_kib=256)
