"""Boards that are Modbus TCP servers on the machine's loopback."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "firmware")]


@pytest.fixture
def tcp_bench(tmp_path):
    """Make a workbench whose board is asked over TCP."""
    from tcp_bench import TcpBench

    benches = []

    def make(**kwargs):
        bench = TcpBench(tmp_path / f"bench{len(benches)}", **kwargs)
        benches.append(bench)
        bench.provision()
        return bench

    yield make
    for bench in benches:
        bench.close()
