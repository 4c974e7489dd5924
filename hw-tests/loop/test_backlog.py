"""The short form of `truewatt bench gateway backlog`: three boards that recorded for an hour."""

import asyncio

import pytest

from truewatt.bench import _backlog_run as backlog
from truewatt.bench._street import Street
from truewatt.demo.ledger_view import read_ledger
from truewatt.demo.scenario import Pace
from wireformat.identity import KID_BYTES

pytestmark = pytest.mark.slow

BOARDS, RECORDS = 3, 60
PACE = Pace(19200, paced=True, poll_s=2)


def test_commands_end_on_the_ledger_before_the_backlog_and_nothing_is_lost(tmp_path):
    """Each order is given while records wait on its line: the last board has just been heard."""

    async def main():
        def prepare(street):
            backlog.fill(street, RECORDS)

        async with Street.open(tmp_path, BOARDS, 1, PACE, 600.0, prepare) as street:
            left = await backlog.drained(street, RECORDS, 180.0, "backlog")
            await street.settled()
            street.stop()
            return street, left

    street, left = asyncio.run(main())
    assert left == 0
    kept = backlog.kept(street)
    assert (kept.lost, kept.other, kept.refused) == (0, 0, 0)
    assert kept.held >= BOARDS * (RECORDS + 1)
    ends = street.ends(0)
    assert ends["issued"] >= BOARDS
    assert (ends["done"], ends["expired"], ends["open"]) == (ends["issued"], 0, 0)
    assert street.cut_short(0) == 0
    devices = {a[:KID_BYTES]: a for a in street.site.addresses.values()}
    assert read_ledger(street.site.ledger_home, devices).heard_ahead > 0
