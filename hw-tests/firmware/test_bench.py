"""What `truewatt bench firmware` counts runs, and does what its names say."""

import os
import subprocess

import pytest

from truewatt.bench._firmware_scripts import BOARD
from truewatt.bench.firmware import _firmware
from truewatt.emulator.mpy_tree import build_tree


@pytest.mark.parametrize("work", ["record", "forged", "executed"])
def test_the_measured_work_runs(micropython_32bit, work):
    tree = build_tree(_firmware(), tuple(micropython_32bit))
    done = subprocess.run(
        [
            "/bin/sh",
            "-c",
            'exec "$@" 3>/dev/null',
            "sh",
            *micropython_32bit,
            "-c",
            BOARD,
            work,
            "2",
        ],
        env={**os.environ, "MICROPYPATH": f"{tree}:{tree / 'shared'}:.frozen"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
