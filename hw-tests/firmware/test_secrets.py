"""A board draws its secrets while its radio is on: only then is the chip's generator a true one."""

import json
from collections.abc import Callable

import pytest

AT_THE_CABLE = """
import network
import os
import sys

station = network.WLAN(network.WLAN.IF_STA)
station.active({before})


class Watched:
    def __getattr__(self, name):
        return getattr(os, name)

    def urandom(self, size):
        awake = station.active() and station.config("pm") == station.PM_NONE
        print("DREW", size, awake)
        return os.urandom(size)


sys.modules["os"] = Watched()
import provision

provision.run({config!r})
print("LEFT", station.active())
"""
SEED_BYTES, PASSKEY_BYTES = 32, 3


@pytest.mark.parametrize("before", [False, True])
def test_key_and_passkey_are_drawn_with_the_radio_on(workbench: Callable, before: bool) -> None:
    bench = workbench({"ble": {}}, radio=True)
    (bench.board.directory / "nvs.json").unlink()  # a board that has no key yet
    text = json.dumps(bench.config)
    said = bench.board.execute(AT_THE_CABLE.format(before=before, config=text)).splitlines()
    drawn = [line.split()[1:] for line in said if line.startswith("DREW")]
    assert drawn[0] == [str(SEED_BYTES), "True"]
    assert len(drawn) > 1
    # Six digits: drawn again until they fit.
    assert all(draw == [str(PASSKEY_BYTES), "True"] for draw in drawn[1:])
    assert any(line.startswith("PASSKEY ") for line in said)
    assert said[-1] == f"LEFT {before}"
