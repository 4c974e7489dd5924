"""What `truewatt bench firmware` counts runs, and does what its names say."""

import os
import subprocess

import pytest

from truewatt.bench._firmware_scripts import RUN, bench_tree
from truewatt.bench.firmware import _firmware


@pytest.mark.parametrize("work", ["record", "forged", "executed"])
def test_the_measured_work_runs(micropython_32bit, work):
    tree = bench_tree(_firmware(), tuple(micropython_32bit))
    done = subprocess.run(
        [
            "/bin/sh",
            "-c",
            'exec "$@" 3>/dev/null',
            "sh",
            *micropython_32bit,
            "-c",
            RUN,
            work,
            "2",
        ],
        env={**os.environ, "MICROPYPATH": f"{tree}:{tree / 'shared'}:.frozen"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
