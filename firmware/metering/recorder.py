"""Turns what was measured into one chained record an interval, aligned to the clock."""

import asyncio

from core.errors import JournalError
from core.log import log
from wireformat import codes

_ALIGNED_WITHIN_S = 2
"""A record this close behind an interval's end carries that end as its time."""
_NAP_MS = 2000
"""No longer, for a beacon may move the clock meanwhile."""


class Recorder:
    """Makes records of class `kind`; `extra` gives the fields that only this kind has."""

    def __init__(self, kind: type, poller: object, chain: object, clock: object, config: object):
        self._kind = kind
        self._poller = poller
        self._chain = chain
        self._clock = clock
        self._interval_s = config.interval_s
        self._boundary_s = config.boundary_s
        self.extra = dict
        self._started_ms = clock.up_ms()
        self._interval = clock.now_s() // self._interval_s
        self._boundary = clock.now_s() // self._boundary_s

    async def run(self, liveness: object) -> None:
        """Record for ever."""
        while True:
            liveness.beat("recorder")
            now_ms, interval_ms = self._clock.now_ms(), self._interval_s * 1000
            # Looked at before each rest: the next interval may end while a record is being signed.
            if now_ms // interval_ms != self._interval:
                await self._record(now_ms // 1000)
            else:
                await asyncio.sleep_ms(min(_NAP_MS, interval_ms - now_ms % interval_ms))

    async def _record(self, now_s: int) -> None:
        self._interval = now_s // self._interval_s
        end_s = self._interval * self._interval_s
        time_s = end_s if now_s - end_s <= _ALIGNED_WITHIN_S else now_s
        boundary = time_s // self._boundary_s != self._boundary
        self._boundary = time_s // self._boundary_s
        fields = self._measured()
        fields.update(self.extra())
        if boundary:
            fields["flags"] = codes.BOUNDARY
            self._poller.save()
        try:
            await self._chain.append(self._kind, fields, time_s)
        except JournalError as error:
            # Registers are cumulative: the next record carries this interval's energy.
            log("recorder", error)

    def _measured(self) -> dict:
        rows = []
        voltage_dv = max_ma = 0
        for channel in self._poller.channels:
            row, mean_dv, channel_ma = channel.take()
            rows.append(row)
            voltage_dv = voltage_dv or mean_dv
            max_ma = max(max_ma, channel_ma)
        now_ms = self._clock.up_ms()
        interval_s = min(0xFFFF, max(1, (now_ms - self._started_ms + 500) // 1000))
        self._started_ms = now_ms
        return {
            "interval_s": interval_s,
            "channels": rows,
            "voltage_dv": min(voltage_dv, 0xFFFF),
            "max_ma": max_ma,
        }
