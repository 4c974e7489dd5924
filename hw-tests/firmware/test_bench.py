"""What `truewatt bench firmware` counts runs, does what its names say, and meets its bars."""

import os
import shutil
import subprocess

import pytest

from truewatt.bench._firmware_scripts import RUN, bench_tree
from truewatt.bench.firmware import _firmware, costs
from truewatt.toolchain import ToolchainError, micropython, qemu_arm


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


BARRED = {
    "sign, 100 B",
    "verify, 100 B",
    "record: measure, sign, journal",
    "command check, signature included",
    "longest stretch without a yield",
}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_boards_work_costs_no_more_than_its_bars(tmp_path):
    """Instructions, which repeat within half a percent on any machine; times would not."""
    if shutil.which("gcc") is None and shutil.which("cc") is None:
        pytest.skip("no C compiler for the instruction counter")
    try:
        qemu_arm(plugins=True)
        micropython("armhf")
    except ToolchainError as error:
        pytest.skip(f"no ARM to count on: {error}")
    figures = list(costs(tmp_path))
    print("\n".join(figure.row() for figure in figures))
    assert {figure.name for figure in figures if figure.limit is not None} == BARRED
    assert [figure.row() for figure in figures if not figure.passed] == []
    assert all(figure.value > 100_000 for figure in figures)
