"""Emulated meters behind one Modbus TCP port, as a meter with Ethernet or a converter has it."""

import asyncio
import struct

from truewatt.emulator.commercial.meter import EmulatedMeter

_HEADER = struct.Struct(">HHHB")
"""Transaction, protocol (0), length of what follows, unit: messaging guide V1.0b, 3.1.3."""

_TARGET_FAILED = 0x0B
_MAX_PDU_BYTES = 253


class MeterTcp:
    """Serves on loopback; `port` is known once it has been started."""

    def __init__(self, meters: list[EmulatedMeter]) -> None:
        self.meters = {meter.address: meter for meter in meters}
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, port: int = 0) -> None:
        """Listen on `port`, or on any that is free."""
        self._server = await asyncio.start_server(self._client, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and all connections."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readexactly(_HEADER.size)
        transaction, protocol, length, unit = _HEADER.unpack(head)
        if protocol or not 2 <= length <= _MAX_PDU_BYTES + 1:
            return False
        request = await reader.readexactly(length - 1)
        meter = self.meters.get(unit)
        if meter is None:
            answer: bytes | None = bytes((request[0] | 0x80, _TARGET_FAILED))
        else:
            answer = meter.answer(request, asyncio.get_running_loop().time())
        if answer is not None:
            writer.write(_HEADER.pack(transaction, 0, len(answer) + 1, unit) + answer)
            await writer.drain()
        return True
