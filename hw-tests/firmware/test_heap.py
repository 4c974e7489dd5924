"""What whole boards leave of their heap after their start: a floor that no change may break."""

import pytest

from truewatt.bench.firmware import BLE_METER, ROLES, _free_heap

FLOOR_BYTES = {"meter": 34 * 1024, "mlmd": 25 * 1024, BLE_METER: 32 * 1024}
"""About 8 KiB of it are garbage while a record is signed. The M-LMD's is to reach the meter's."""


@pytest.mark.parametrize("role", ROLES)
def test_a_board_keeps_heap_free(tmp_path, role):
    figure = _free_heap(tmp_path / role, role)
    assert figure.value >= FLOOR_BYTES[role], figure.row()
