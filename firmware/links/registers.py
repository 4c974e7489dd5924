"""What a board shows and takes over Modbus: the map of `wireformat.modbus_map`."""

import struct

from core import paths
from links import board_status
from links.modbus_server import BUSY, ILLEGAL_ADDRESS, ILLEGAL_VALUE, ModbusError
from wireformat import codes, modbus_map
from wireformat.control import Enrolment

_BLOCKS = (
    (modbus_map.STATUS, modbus_map.STATUS_WORDS),
    (modbus_map.CURSOR, modbus_map.CURSOR_WORDS),
    (modbus_map.WINDOW, modbus_map.WINDOW_WORDS),
    (modbus_map.INBOX_STATUS, modbus_map.INBOX_STATUS_WORDS),
    (modbus_map.ENROLMENT, modbus_map.WINDOW_WORDS),
)


class Registers:
    """`node` is the board's state (see `core.node.Node`); one instance per link."""

    def __init__(self, node: object, inbox: object) -> None:
        self._node = node
        self._inbox = inbox
        self._cursor = bytes(2 * modbus_map.CURSOR_WORDS)

    # ---- Modbus server's view ----------------------------------------------------------------

    def holding(self, start: int, count: int) -> bytes:
        """Bytes of `count` holding registers from `start`, all within one block."""
        for base, size in _BLOCKS:
            if base <= start and start + count <= base + size:
                data = self._block(base)[2 * (start - base) : 2 * (start - base + count)]
                return data + bytes(2 * count - len(data))
        raise ModbusError(ILLEGAL_ADDRESS)

    def inputs(self, start: int, count: int) -> bytes:
        """Live values at SDM630 addresses; what this board does not measure reads as 0."""
        if start + count > modbus_map.LIVE_END:
            raise ModbusError(ILLEGAL_ADDRESS)
        out = bytearray(2 * count)
        for address, value in self._node.live_values():
            packed = struct.pack(">f", value)
            for word in (0, 1):
                at = address + word - start
                if 0 <= at < count:
                    out[2 * at : 2 * at + 2] = packed[2 * word : 2 * word + 2]
        return bytes(out)

    def coils(self, start: int, count: int) -> bytes:
        """Relay states, read back from their pins."""
        relays = self._node.relays
        first = modbus_map.RELAY_COILS
        if start < first or start + count > first + len(relays):
            raise ModbusError(ILLEGAL_ADDRESS)
        mask = self._node.relay_mask() >> (start - first) & ((1 << count) - 1)
        return mask.to_bytes((count + 7) // 8, "little")

    def write(self, start: int, data: bytes) -> None:
        """Move the cursor or put a chunk into the inbox."""
        if start == modbus_map.CURSOR and len(data) == 2 * modbus_map.CURSOR_WORDS:
            self._cursor = data
        elif start == modbus_map.INBOX:
            reason = self._inbox.put(data)
            if reason:
                raise ModbusError(BUSY if reason == codes.R_BUSY else ILLEGAL_VALUE)
        else:
            raise ModbusError(ILLEGAL_ADDRESS)

    # ---- blocks ------------------------------------------------------------------------------

    def _block(self, base: int) -> bytes:
        # No table of methods: each link would have one on the heap.
        if base == modbus_map.STATUS:
            return board_status.block(self._node, self._inbox)
        if base == modbus_map.CURSOR:
            return self._cursor
        if base == modbus_map.WINDOW:
            return self._window()
        if base == modbus_map.INBOX_STATUS:
            return self._inbox.status()
        signed = _enrolment()
        return _windowed(Enrolment.CODE, signed) if signed else b""

    def _window(self) -> bytes:
        epoch = int.from_bytes(self._cursor[:4], "big")
        seq = int.from_bytes(self._cursor[4:], "big")
        found = self._node.chain.journal.find(epoch, seq)
        return _windowed(found[0], found[2]) if found else b""


def _windowed(code: int, record: bytes) -> bytes:
    return struct.pack(">HH", len(record), code) + record


def _enrolment() -> bytes:
    """The board's signed enrolment, empty if it was never provisioned with one."""
    try:
        with open(paths.ENROLMENT, "rb") as file:
            return file.read()
    except OSError:
        return b""
