"""The board's end of an RS-485 bus: bytes in, answers out, never two frames at a time."""

from core.log import log
from links.crc16 import seal
from links.modbus_frames import FrameFinder

_IDLE_MS = 2000
_STALE_MS = 1000
"""Half a frame is forgotten after this silence; far above any gap inside a frame."""


class ModbusRtuLink:
    """Serves `server` (a `ModbusServer`) at `address` on `port` (a `SerialPort`)."""

    def __init__(self, port: object, address: int, server: object, liveness: object) -> None:
        self._port = port
        self._address = address
        self._server = server
        self._liveness = liveness
        self._finder = FrameFinder(address)

    async def run(self) -> None:
        """Serve for ever."""
        quiet_ms = 0
        while True:
            self._liveness.beat("modbus")
            wait_ms = self._wait_ms(quiet_ms)
            data = await self._port.read(wait_ms)
            quiet_ms = 0 if data else quiet_ms + wait_ms
            await self._step(data, quiet_ms)

    def _wait_ms(self, quiet_ms: int) -> int:
        if not len(self._finder):
            return _IDLE_MS
        return _STALE_MS if quiet_ms else self._port.silence_ms()

    async def _step(self, data: bytes, quiet_ms: int) -> None:
        if data:
            self._finder.feed(data)
            request = self._finder.take()
            while request is not None:
                await self._answer(request)
                request = self._finder.take()
        elif len(self._finder):
            request = self._finder.silence()
            if request is not None:
                await self._answer(request)
            elif quiet_ms >= _STALE_MS:
                self._finder.reset()

    async def _answer(self, request: bytes) -> None:
        try:
            response = self._server.answer(request[1:])
        except Exception as error:  # a fault of ours must not silence the bus for all
            log("modbus", "request %s: %r" % (request[:8].hex(), error))
            response = bytes((request[1] | 0x80, 4))
        await self._port.write(seal(request[:1] + response))
