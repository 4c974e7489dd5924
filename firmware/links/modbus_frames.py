"""Which bytes on a multi-drop RS-485 bus are a request to this board (sans-IO).

Modbus RTU parts frames by 3.5 characters of silence (Serial Line V1.02, 2.5.1.1), which a UART
buffer behind an operating system does not show. So a frame is known by its length and CRC; what
other masters and slaves say is followed in order to stay in step; silence only helps to find the
way back after noise or half a frame.
"""

from links.crc16 import sealed

_BUFFER_BYTES = 600
_MAX_FRAME_BYTES = 256
_READS = (1, 2, 3, 4)
_WRITES_ONE = (5, 6)
_WRITES_MANY = (15, 16)
_READ_WRITE = 23
_EXCEPTION_BYTES = 5
_LEAST_BYTES = 4


class FrameFinder:
    """Feed it bytes and silence; `take` gives requests (address, then PDU, without CRC)."""

    def __init__(self, own_address: int) -> None:
        self.own_address = own_address
        self._buffer = bytearray()

    def __len__(self) -> int:
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Bytes that have arrived."""
        self._buffer.extend(data)
        if len(self._buffer) > _BUFFER_BYTES:
            self._drop(len(self._buffer) - _MAX_FRAME_BYTES)

    def reset(self) -> None:
        """Forget half a frame: nothing came for a long time."""
        self._drop(len(self._buffer))

    def take(self) -> "bytes | None":
        """The next request to this board that is complete, or None. Call until None."""
        while len(self._buffer) >= _LEAST_BYTES:
            size, is_request = self._frame_at(0, len(self._buffer))
            if not size:
                return None
            frame = bytes(self._buffer[: size - 2])
            self._buffer[:] = self._buffer[size:]
            if is_request:
                return frame
        return None

    def silence(self) -> "bytes | None":
        """The line fell silent with bytes left over: a request may stand behind noise.

        Only a frame that ends where the line fell silent counts, so that no request can hide
        inside another board's answer.
        """
        end = len(self._buffer)
        frame = self._unknown_function(end)
        for start in range(1, end - _LEAST_BYTES + 1):
            if frame is not None:
                break
            size, is_request = self._frame_at(start, end)
            if size and start + size == end:
                frame = bytes(self._buffer[start : end - 2]) if is_request else b""
        if frame is None:
            return None
        self._buffer[:] = b""
        return frame or None

    def _unknown_function(self, end: int) -> "bytes | None":
        # Its length is unknown, so silence has to say where it ends; it gets an exception 1.
        buffer = self._buffer
        if _LEAST_BYTES <= end <= _MAX_FRAME_BYTES and buffer[0] == self.own_address:
            if buffer[1] < 0x80 and not _sizes(buffer, 0, end) and sealed(buffer, 0, end):
                return bytes(buffer[: end - 2])
        return None

    def _frame_at(self, start: int, end: int) -> "tuple[int, bool]":
        """(size, is a request to us) of the complete, sound frame at `start`; size 0 if none."""
        address = self._buffer[start]
        if address > 247:
            return 0, False
        for size, is_request in _sizes(self._buffer, start, end):
            if start + size <= end and sealed(self._buffer, start, start + size):
                return size, is_request and address == self.own_address
        return 0, False

    def _drop(self, count: int) -> None:
        self._buffer[:] = self._buffer[count:]


def _sizes(buffer: bytearray, start: int, end: int) -> "tuple":
    """Sizes that a frame at `start` can have: ((bytes, is a request), ...)."""
    function = buffer[start + 1]
    if function & 0x80:
        return ((_EXCEPTION_BYTES, False),)
    if function in _READS:
        return ((8, True), (_answer(buffer, start), False))
    if function in _WRITES_ONE:
        return ((8, True),)
    if function in _WRITES_MANY:
        many = 9 + buffer[start + 6] if end > start + 6 else _MAX_FRAME_BYTES + 1
        return ((many, True), (8, False))
    if function == _READ_WRITE:
        both = 13 + buffer[start + 10] if end > start + 10 else _MAX_FRAME_BYTES + 1
        return ((both, True), (_answer(buffer, start), False))
    return ()


def _answer(buffer: bytearray, start: int) -> int:
    return 5 + buffer[start + 2]
