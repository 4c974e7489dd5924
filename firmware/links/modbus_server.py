"""Modbus server: a request PDU in, a response PDU out (Modbus Application Protocol V1.1b3).

Functions 01, 03, 04, 16 and 23; everything else, plain coil writes included, is refused with
exception 1: relays obey signed commands only.
"""

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
BUSY = 6

_MAX_READ_WORDS = 125
_MAX_READ_BITS = 2000
_MAX_WRITE_WORDS = 123
_MAX_READ_WRITE_WORDS = 121


class ModbusError(Exception):
    """A request that is answered with exception `code`."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__("Modbus exception %d" % code)


class ModbusServer:
    """`registers` has coils(start, count), holding(...), inputs(...) -> bytes, write(...)."""

    def __init__(self, registers: object) -> None:
        self._registers = registers

    def answer(self, pdu: bytes) -> bytes:
        """The response PDU to a request PDU (function code and data, no address, no CRC)."""
        try:
            return pdu[:1] + self._function(pdu)
        except ModbusError as error:
            return bytes((pdu[0] | 0x80, error.code))

    def _function(self, pdu: bytes) -> bytes:
        # No table of methods: each server would have one on the heap.
        code, registers = pdu[0], self._registers
        if code == 3:
            return self._read(registers.holding, pdu)
        if code == 4:
            return self._read(registers.inputs, pdu)
        if code == 1:
            return self._read_coils(pdu)
        if code == 16:
            return self._write(pdu)
        if code == 23:
            return self._read_write(pdu)
        raise ModbusError(ILLEGAL_FUNCTION)

    def _read_coils(self, pdu: bytes) -> bytes:
        start, count = _range(pdu, 1, _MAX_READ_BITS)
        bits = self._registers.coils(start, count)
        return bytes((len(bits),)) + bits

    @staticmethod
    def _read(block: object, pdu: bytes) -> bytes:
        start, count = _range(pdu, 1, _MAX_READ_WORDS)
        return bytes((2 * count,)) + block(start, count)

    def _write(self, pdu: bytes) -> bytes:
        start, count = _range(pdu, 1, _MAX_WRITE_WORDS)
        self._registers.write(start, _values(pdu, 5, count))
        return pdu[1:5]

    def _read_write(self, pdu: bytes) -> bytes:
        # The write comes first (6.17).
        start, count = _range(pdu, 1, _MAX_READ_WORDS)
        write_start, write_count = _range(pdu, 5, _MAX_READ_WRITE_WORDS)
        self._registers.write(write_start, _values(pdu, 9, write_count))
        return bytes((2 * count,)) + self._registers.holding(start, count)


def _range(pdu: bytes, at: int, most: int) -> "tuple[int, int]":
    if len(pdu) < at + 4:
        raise ModbusError(ILLEGAL_VALUE)
    start = pdu[at] << 8 | pdu[at + 1]
    count = pdu[at + 2] << 8 | pdu[at + 3]
    if not 1 <= count <= most:
        raise ModbusError(ILLEGAL_VALUE)
    if start + count > 0x10000:
        raise ModbusError(ILLEGAL_ADDRESS)
    return start, count


def _values(pdu: bytes, at: int, count: int) -> bytes:
    values = pdu[at + 1 :]
    if len(pdu) <= at or pdu[at] != 2 * count or len(values) != 2 * count:
        raise ModbusError(ILLEGAL_VALUE)
    return values
