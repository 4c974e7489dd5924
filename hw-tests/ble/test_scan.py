"""`truewatt gateway ble-scan` over the emulated air, by its command line."""

import asyncio

import pytest
from ble_bench import BleSite

from gateway.ble.errors import BluetoothAbsent
from gateway.ble.scan import scan
from gateway.cli import main

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]


def test_a_board_on_the_air_is_listed_and_nothing_else(tmp_path, capsys):
    async def whole():
        async with BleSite(tmp_path) as site:
            site.bench.board.start()
            await site.until(site.air.heard)
            status = await asyncio.to_thread(main, ["ble-scan", "--seconds", "1"])
            said = capsys.readouterr().out
            address = ":".join(f"{byte:02X}" for byte in site.bench.radio)
            assert (status, said.splitlines()[-1].split()[:2]) == (0, [site.bench.name, address])
            await site.air.away(site.bench.radio)
            assert await scan("hci0", 0.5) == []
            with pytest.raises(BluetoothAbsent):
                await scan("hci7", 0.5)

    asyncio.run(whole())
