"""Polls the metering modules in turn and tells whoever protects something."""

import asyncio

from core.errors import SensorError, StorageError
from core.log import log
from metering.channel import unsteady
from wireformat import codes

_FAULT_AGAIN_MS = 3600000
"""A module with a loose contact comes and goes; each event costs a signature and flash."""


class Poller:
    """`channels` share one UART. `on_round` is called after each round of polls."""

    def __init__(
        self, channels: list, period_ms: int, clock: object, store: object, events: object
    ) -> None:
        self.channels = channels
        self.on_round = lambda: None
        self._period_ms = period_ms
        self._clock = clock
        self._store = store
        self._events = events
        self._told_ms = {}

    def restore(self, newest: "object | None") -> None:
        """Registers go on from NVS, and never below the `newest` journalled reading."""
        saved = self._store.blob("regs")
        size = self.channels[0].energy.SAVED_BYTES  # a board has one kind of chip
        for index, channel in enumerate(self.channels):
            part = saved[index * size : (index + 1) * size]
            if len(part) == size:
                channel.energy.take_saved(part)
        if newest is not None and len(newest.channels) == len(self.channels):
            for channel, row in zip(self.channels, newest.channels):
                channel.at_least(row)

    def save(self) -> None:
        """Persist registers with the counters that belong to them."""
        out = b""
        for channel in self.channels:
            part = channel.energy.saved()
            if part is None:
                return  # a module was never heard: what is saved stays the truth
            out += part
        try:
            self._store.commit(regs=out)
        except StorageError as error:
            log("metering", error)

    async def run(self, liveness: object) -> None:
        """Poll for ever, each round beginning `period_ms` after the last."""
        due_ms = self._clock.up_ms()
        while True:
            liveness.beat("metering")
            for channel in self.channels:
                await self._poll(channel)
            self.on_round()
            due_ms += self._period_ms
            wait_ms = due_ms - self._clock.up_ms()
            if wait_ms < 0:
                due_ms -= wait_ms
            await asyncio.sleep_ms(max(wait_ms, 0))

    async def _poll(self, channel: object) -> None:
        try:
            sample = await channel.sensor.poll()
        except SensorError as error:
            if channel.failed():
                log("metering", error)
                self._tell(channel)
            return
        if unsteady(channel.add(sample, self._clock.up_ms())):
            log("metering", "module %d: counter jumped, register holds" % channel.sensor.address)
            self.save()

    def _tell(self, channel: object) -> None:
        """Report a fault, at most once an hour for each channel; its flag is in every record."""
        now_ms = self._clock.up_ms()
        told_ms = self._told_ms.get(channel)
        if told_ms is None or now_ms - told_ms >= _FAULT_AGAIN_MS:
            self._told_ms[channel] = now_ms
            self._events.report(codes.EV_SENSOR_FAULT)
