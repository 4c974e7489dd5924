"""What boards at work leave of a heap of 112 KiB, in each permitted combination (issue: 20 KiB)."""

import subprocess

import pytest

from truewatt.bench._heap_runs import COMBINATIONS, run
from truewatt.bench.firmware import BLE_METER, _free_heap
from truewatt.device import heap
from truewatt.toolchain import micropython

SPEED = 20
SIMULATED_S = 200
KIB_FREE = {
    "meter, PZEM, bus": 29,
    "meter, PZEM, bus, all switches": 27.5,
    "meter, PZEM, bus, heat pump": 28,
    "meter, PZEM, MQTT": 27,
    "meter, PZEM, Modbus TCP": 27,
    "meter, PZEM, bus and Modbus TCP": 23.5,
    "meter, PZEM, Modbus TCP, SNTP, drift": 22.5,
    "meter, PZEM, bus and MQTT": 19,
    "meter, BL0942, bus": 26.5,
    "meter, CSE7766, bus": 26.5,
    "meter, HLW8012, bus": 26,
    "meter, ATM90E32, bus": 25.5,
    "M-LMD, PZEM, bus": 25,
    "M-LMD, ATM90E32, bus": 21.5,
    "M-LMD, ATM90E32, bus, all switches": 20,
    "M-LMD, ATM90E32, MQTT": 21.5,
    "M-LMD, ATM90E32, bus and MQTT": 11.5,
}
"""What each had, less two KiB at most, which a signature takes: no change may take more."""
OLDER_BYTES = 1536
"""What MicroPython 1.25 (Debian 13) takes more of the heap than 1.26 for the same boards."""


@pytest.fixture(scope="module")
def boards(tmp_path_factory, free_port):
    """All combinations at work side by side, ten seconds of real time."""
    return run(tmp_path_factory.mktemp("heap"), COMBINATIONS, SPEED, SIMULATED_S, 30, free_port)


@pytest.fixture(scope="module")
def free_port():
    import socket

    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return asked.getsockname()[1]


@pytest.mark.parametrize("at", range(len(COMBINATIONS)), ids=lambda at: COMBINATIONS[at].name)
def test_a_board_at_work_keeps_heap_free(boards, at):
    board = boards[at]
    assert board.free(), board.console()[-2000:]
    assert "Traceback" not in board.console()
    bar = KIB_FREE[board.combination.name] * 1024 - OLDER_BYTES * _is_older()
    assert board.usual_free() >= bar, f"of {board.combination.heap_kib} KiB: {board.free()}"


ESTIMATED = [
    at
    for at, one in enumerate(COMBINATIONS)
    if one.heap_kib == heap.HEAP_KIB and "relays" not in one.options
]


@pytest.mark.parametrize("at", ESTIMATED, ids=lambda at: COMBINATIONS[at].name)
def test_what_provisioning_estimates_is_what_the_board_has(boards, at):
    board = boards[at]
    found_kib = (board.usual_free() + OLDER_BYTES / 2 * _is_older()) / 1024
    assert abs(heap.free_kib(board.combination.config(1)) - found_kib) <= 2.5


def _is_older():
    asked = [*micropython("32bit"), "-c", "import sys; print(sys.implementation.version[1])"]
    return int(subprocess.check_output(asked, timeout=30)) < 26


def test_boards_on_a_bus_were_asked_and_ordered(boards):
    for board in boards:
        if "bus" in board.combination.links:
            assert board.master.records >= 2, board.console()


def test_a_meter_with_ble_keeps_heap_free(tmp_path):
    """After its start, of 128 KiB: nobody speaks with it here."""
    figure = _free_heap(tmp_path / "ble", BLE_METER)
    assert figure.value >= 36 * 1024, figure.row()
