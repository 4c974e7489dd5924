"""The firmware's parts on real 32-bit MicroPython; each script names the case that fails."""

import pytest


@pytest.mark.device
@pytest.mark.parametrize(
    "script",
    [
        "unit_clock.py",
        "unit_sntp.py",
        "unit_config.py",
        "unit_modbus.py",
        "unit_de.py",
        "unit_pzem.py",
        "unit_inbox.py",
        "unit_gate.py",
        "unit_commands.py",
        "unit_breaker.py",
        "unit_shed.py",
        "unit_inputs.py",
    ],
)
def test_part(on_board, script):
    assert on_board(script).splitlines()[-1] == "ok"


def test_an_update_survives_a_power_cut_at_every_flash_operation(on_board):
    said = on_board("unit_update.py", "1", "0", heap_kib=8192).splitlines()
    assert said[-1] == "ok"
    assert said[-2].startswith("cut at every 1 of ")


@pytest.mark.parametrize("seed", ["1", "2"])
def test_journal_survives_power_cuts(on_board, seed):
    assert on_board("unit_journal.py", seed, heap_kib=4096).splitlines()[-1] == "ok"
