"""What boards at work leave of a heap of 112 KiB (the bar is 20 KiB), and that it does not shrink.

The short form of `truewatt bench heap`, which runs all combinations for an hour.
"""

import itertools

import pytest

from truewatt.bench._heap_combinations import COMBINATIONS
from truewatt.bench._heap_runs import FREE_BYTES, run
from truewatt.bench.firmware import BLE_METER, _free_heap
from truewatt.bench.heap import GROWTH_BYTES
from truewatt.device import heap

SPEED = 30
SIMULATED_S, REPORT_S = 390, 15
EARLY_MS, LATE_MS, SPAN_MS = 90_000, 290_000, 100_000

SHORT = (
    "meter, PZEM, bus",
    "meter, PZEM, bus, all switches",
    "meter, PZEM, bus, heat pump",
    "meter, PZEM, MQTT",
    "meter, PZEM, Modbus TCP",
    "meter, PZEM, Modbus TCP, SNTP, drift",
    "meter, PZEM, bus and Modbus TCP, all switches",
    "meter, PZEM, bus and BLE, all switches",
    "meter, PZEM, bus and MQTT",
    "meter, CSE7766, MQTT, TLS",
    "meter, CSE7766, bus and Modbus TCP",
    "meter, BL0942, BLE",
    "meter, ADE7953, Modbus TCP",
    "meter, ATM90E32, bus",
    "meter, bought meter, MQTT",
    "meter, PZEM, MQTT, SNTP, drift",
    "M-LMD, PZEM, bus and Modbus TCP, 1 connection",
    "M-LMD, ATM90E32, bus, all switches",
    "M-LMD, ATM90E32, MQTT",
    "M-LMD, ATM90E32, BLE",
    "M-LMD, ADE7953, MQTT",
    "M-LMD, CSE7766, MQTT",
    "M-LMD, bought meter, bus",
    "M-LMD, S0, MQTT, TLS",
)
"""Each chip, link and option, and what is nearest to the bar."""

CHOSEN = [one for one in COMBINATIONS if one.name in SHORT]


@pytest.fixture(scope="module")
def boards(tmp_path_factory):
    """All of them at work side by side, thirteen seconds of real time."""
    return run(tmp_path_factory.mktemp("heap"), CHOSEN, SPEED, SIMULATED_S, REPORT_S)


each = pytest.mark.parametrize("at", range(len(CHOSEN)), ids=lambda at: CHOSEN[at].name)


@each
def test_a_board_at_work_keeps_heap_free(boards, at):
    board, config = boards[at], CHOSEN[at].whole()
    assert board.free(), board.console()[-2000:]
    assert "Traceback" not in board.console()
    found = board.usual_free()
    assert found >= heap.free_kib(config) * 1024, board.free()
    assert found >= FREE_BYTES or heap.shortage(config) is not None, board.free()


@each
def test_what_provisioning_says_at_least_is_not_far_from_it(boards, at):
    config = CHOSEN[at].whole()
    run_whole = " ".join(heap.parts(config)) in heap.RUN[config["role"], CHOSEN[at].driver]
    over_kib = boards[at].usual_free() / 1024 - heap.free_kib(config)
    assert over_kib <= (2.5 if run_whole else 4)


@each
def test_a_heap_does_not_shrink_while_a_board_works(boards, at):
    board = boards[at]
    early = board.usual_free(EARLY_MS, EARLY_MS + SPAN_MS)
    late = board.usual_free(LATE_MS, LATE_MS + SPAN_MS)
    assert early, board.console()[-2000:]
    assert early - late <= GROWTH_BYTES, board.free()


def test_boards_were_asked_and_ordered(boards):
    for board in boards:
        for master in board.masters:
            assert master.records >= 2, (board.combination.name, board.console())
        ordered = sum(master.orders for master in board.masters)
        assert ordered or "assets" in board.combination.options, board.combination.name


def test_every_name_of_the_short_form_is_one_of_the_bench():
    assert len(CHOSEN) == len(SHORT)
    assert len({one.name for one in COMBINATIONS}) == len(COMBINATIONS)


# ---- what provisioning permits is what was run, or less than that -----------------------------


def parts_of(one):
    return " ".join(heap.parts(one.whole()))


def test_what_counts_as_run_is_in_the_bench():
    ran = {(one.role, one.driver, parts_of(one)) for one in COMBINATIONS}
    for (role, driver), kept in heap.RUN.items():
        assert {(role, driver, parts) for parts in kept} <= ran
        # Each link with each chip: no cost is said of what never ran alone.
        assert set(heap.LINKS) <= set(kept)


def test_every_part_that_has_a_cost_ran_beside_others():
    beside = [set(heap.parts(one.whole())) for one in COMBINATIONS]
    for part in heap.COSTS:
        assert any(part in parts and len(parts) > 1 for parts in beside), part


def test_no_part_adds_heap():
    """So what is permitted leaves no less than the bar by what each part cost at most."""
    with_parts = {
        "bus": {"bus": {"address": 1}},
        "tcp": {"tcp": {"ssid": "s"}},
        "mqtt": {"mqtt": {"ssid": "s"}},
        "ble": {"ble": {}},
        "sntp": {"sntp": {"host": "h"}},
        "drift": {"drift": True},
        "switches": {"lockout": {"pin": 4}},
        "heat_pump": {"assets": [{"kind": "sg_ready"}]},
    }
    for role, driver in heap.RUN:
        base = {"role": role, "name": "b", "metering": {"driver": driver}}
        for count in range(1, 5):
            for chosen in itertools.combinations(with_parts, count):
                if not set(chosen) & set(heap.LINKS):
                    continue
                config = base | {k: v for part in chosen for k, v in with_parts[part].items()}
                assert heap.parts(config) == list(chosen)
                for part in set(with_parts) - set(chosen):
                    more = heap.free_kib(config | with_parts[part])
                    assert more <= heap.free_kib(config), (role, driver, chosen, part)


def test_a_meter_with_ble_keeps_heap_free(tmp_path):
    """After its start, of 128 KiB: nobody speaks with it here."""
    figure = _free_heap(tmp_path / "ble", BLE_METER)
    assert figure.value >= 36 * 1024, figure.row()
