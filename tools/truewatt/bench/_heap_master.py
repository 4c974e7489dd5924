"""A gateway's part on one board's bus, as far as a board's heap notices it.

Asks for the status, reads records, acknowledges them, sends certificates, beacons and orders, all
signed by the right keys: what makes a board decode, verify, sign, journal and switch.
"""

import contextlib
import struct
import time

from nacl.signing import SigningKey

from truewatt.emulator.wires.pzem import crc16
from truewatt.emulator.wires.tty import Tty
from wireformat import codes, identity, modbus_map
from wireformat.control import Ack, Beacon, Certificate, Command
from wireformat.schema import Record, Unsigned

CHAIN = "bench"
AREA = 1
START_S = 1_790_000_000
ROOT, GATEWAY, AUTHORITY = (SigningKey(bytes([number]) * 32) for number in (1, 2, 3))
_FAR_S = START_S + 10_000_000
_ANSWER_S = 0.5
_ACK_EVERY = 8


class Master:
    """Speaks with the board at address 1; `turn` is one round of what a gateway does."""

    def __init__(self, line: Tty, orders: bool) -> None:
        self.line = line
        self.records = self.orders = 0
        self._orders = orders
        self._frame_id = 0
        self._counter = 0
        self._cursor = (0, 0)
        self._certified = False

    def turn(self, simulated_s: float) -> None:
        """One round; what gets no answer is tried in the next one."""
        status = self._read(modbus_map.STATUS, modbus_map.STATUS_WORDS)
        if status is None:
            return
        words = modbus_map.to_words(status)
        if not self._certified:
            self._certify()
        elif not words[19]:
            beacon = Beacon(nonce=status[40:48], time_ms=int((START_S + simulated_s) * 1000))
            self._put(beacon, GATEWAY)
        elif self._orders and simulated_s > 60 * (self._counter + 1):
            self._order(status[4:24], START_S + int(simulated_s))
        self._collect(status[4:24])

    def _certify(self) -> None:
        for role, key in ((codes.ACK, GATEWAY), (codes.CONTROL, AUTHORITY)):
            public_key = bytes(key.verify_key)
            paper = Certificate(
                role=role, area=AREA, public_key=public_key, serial=1, expires_s=_FAR_S
            )
            if not self._put(paper, ROOT):
                return
        self._certified = True

    def _order(self, target: bytes, now_s: int) -> None:
        self._counter += 1
        order = Command(
            id=struct.pack(">Q", self._counter),
            counter=self._counter,
            target=target,
            asset=0,
            action=codes.OPEN if self._counter % 2 else codes.CLOSE,
            value=0,
            not_before_s=now_s - 60,
            expires_s=now_s + 900,
            height=1,
            index=0,
        )
        self.orders += self._put(order, AUTHORITY)

    def _collect(self, device: bytes) -> None:
        head = struct.pack(
            ">BHHHHB", 23, modbus_map.WINDOW, modbus_map.WINDOW_WORDS, modbus_map.CURSOR, 4, 8
        )
        answer = self._ask(head + struct.pack(">II", *self._cursor))
        if answer is None or answer[0] != 23:
            return
        size, _ = struct.unpack(">HH", answer[2:6])
        data = answer[6 : 6 + size]
        if not size:
            return
        epoch, seq = _position(data)
        self._cursor = (epoch, seq + 1)
        self.records += 1
        if self.records % _ACK_EVERY == 0:
            head = identity.record_hash(data)
            self._put(Ack(device=device, epoch=epoch, seq=seq, head=head), GATEWAY)

    def _put(self, record: Record, key: SigningKey) -> bool:
        """Write a signed record into the inbox; whether the board took the frame."""
        unsigned = Unsigned(record, bytes(key.verify_key), CHAIN)
        data = unsigned.with_signature(key.sign(unsigned.to_be_signed).signature)
        self._frame_id = self._frame_id % 0xFFFF + 1
        words = modbus_map.to_words(data)
        body = struct.pack(">HBBH", self._frame_id, record.CODE, len(data), 0)
        body += b"".join(struct.pack(">H", word) for word in words)
        head = struct.pack(">BHHB", 16, modbus_map.INBOX, len(body) // 2, len(body))
        answer = self._ask(head + body)
        return answer is not None and answer[0] == 16

    def _read(self, start: int, count: int) -> bytes | None:
        answer = self._ask(struct.pack(">BHH", 3, start, count))
        return answer[2:] if answer is not None and answer[0] == 3 else None

    def _ask(self, pdu: bytes) -> bytes | None:
        """The answer to a request, None if there was none in time."""
        self.line.read()
        frame = b"\x01" + pdu
        self.line.write(frame + crc16(frame))
        got = b""
        deadline = time.monotonic() + _ANSWER_S
        while time.monotonic() < deadline:
            got += self.line.read()
            if len(got) > 4 and crc16(got[:-2]) == got[-2:]:
                return got[1:-2]
            time.sleep(0.002)
        return None


def _position(data: bytes) -> tuple[int, int]:
    """(epoch, seq) of a chained record."""
    from wireformat import cbor, cose

    pairs = cbor.decode(cose.split(data).payload)
    assert isinstance(pairs, dict)
    with contextlib.suppress(KeyError):
        return int(pairs[0]), int(pairs[1])
    return 0, 0
