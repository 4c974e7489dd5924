"""Joining a radio network as a station."""

import asyncio

STEP_MS = 500
_JOIN_MS = 20000


async def join(station: object, config: object, beat: object) -> None:
    """Have the radio on the network `config` names; raises `OSError` if it does not get there.

    `beat` is called all the while.
    """
    if station.isconnected():
        return
    station.active(True)
    station.connect(config.ssid, config.psk)
    for _ in range(_JOIN_MS // STEP_MS):
        beat()
        if station.isconnected():
            return
        await asyncio.sleep_ms(STEP_MS)
    raise OSError("no network")
