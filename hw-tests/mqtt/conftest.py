"""Boards with a radio, real brokers, and a gateway that knows the workbench's keys."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "firmware")]


@pytest.fixture
def meter(tmp_path):
    """Make a board whose only way to the gateway is the broker on `port`."""
    from mqtt_bench import RadioBench

    benches = []

    def make(port, **kwargs):
        bench = RadioBench(tmp_path / f"bench{len(benches)}", port, **kwargs)
        benches.append(bench)
        bench.provision()
        return bench

    yield make
    for bench in benches:
        bench.close()
