"""A `machine.UART` for asyncio: timed reads, complete writes, an optional driver-enable pin."""

import asyncio
import time

_CHUNK_BYTES = 256
_NOTHING = bytearray(0)
_SLICE_MS = 7
"""The longest that another task runs, and a scheduler's turn."""


class SerialPort:
    """`uart` must be pollable; `de` is a `machine.Pin` or None (auto-direction transceiver)."""

    def __init__(self, uart: object, baud: int, de: object = None) -> None:
        self._uart = uart
        self._reader = asyncio.StreamReader(uart)
        self._de = de
        self._watcher = self._waiter = None
        self._wanted = asyncio.Event()
        self.baud = baud

    def silence_ms(self) -> int:
        """3.5 characters of 11 bits, rounded up: the least gap between frames."""
        return max(2, 38500 // self.baud + 1)

    async def read(self, timeout_ms: int) -> bytes:
        """What has arrived, as soon as there is something; empty after `timeout_ms`.

        Only the waiting is timed: `wait_for` drops the result of a read that ends as it times out.
        """
        count = self._uart.any()
        if count:
            await asyncio.sleep_ms(0)  # a line that never pauses must not starve the rest
        else:
            woken = await self._wakes(timeout_ms)
            count = self._uart.any()
            if woken and not count:
                # The watcher saw bytes that an earlier read took meanwhile: this wait goes on.
                woken = await self._wakes(timeout_ms)
                count = self._uart.any()
                if woken and not count:
                    await asyncio.sleep_ms(timeout_ms)  # ready but empty: the line is unplugged
        return self._uart.read(min(count, _CHUNK_BYTES)) or b"" if count else b""

    async def _wakes(self, timeout_ms: int) -> bool:
        """Wait until there is something to read; False after `timeout_ms`.

        A sleep that one lasting task cuts short costs half of `wait_for`, which makes two tasks.
        """
        if self._watcher is None or self._watcher.done():
            self._watcher = asyncio.create_task(self._watch())
        self._wanted.set()
        self._waiter = asyncio.current_task()
        try:
            await asyncio.sleep_ms(timeout_ms)
        except asyncio.CancelledError:
            if self._waiter is not None:
                raise  # it was not the watcher
            return True
        self._waiter = None
        return False

    async def _watch(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            await self._reader.readinto(_NOTHING)
            if self._waiter is not None:
                task, self._waiter = self._waiter, None
                task.cancel()

    def discard(self) -> None:
        """Forget what has arrived."""
        while self._uart.any():
            if not self._uart.read(self._uart.any()):
                return

    async def write(self, data: bytes) -> None:
        """Send all of `data`; holds the driver enabled until the last bit is out."""
        start = time.ticks_ms()
        if self._de is not None:
            self._de.value(1)
        view = memoryview(data)
        while len(view):
            sent = self._uart.write(view)
            if sent:
                view = view[sent:]
            if len(view):
                await asyncio.sleep_ms(1)
        if self._de is not None:
            # Awake before the last bit: another task's slice would hold the line into the next
            # request, which comes 3.5 characters later.
            end = time.ticks_add(start, len(data) * 10000 // self.baud - _SLICE_MS)
            await asyncio.sleep_ms(max(0, time.ticks_diff(end, time.ticks_ms())))
            self._uart.flush()
            self._de.value(0)
