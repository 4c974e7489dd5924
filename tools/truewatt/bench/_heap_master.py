"""A gateway's part on one way to a board, as far as a board's heap notices it.

Looks at the status, takes records, acknowledges them, sends certificates, beacons and orders, all
signed by the right keys: what makes a board decode, verify, sign, journal and switch.
"""

import contextlib
import struct
from typing import Protocol

from nacl.signing import SigningKey

from wireformat import codes, identity, modbus_map, mqtt_map
from wireformat.control import Ack, Beacon, Certificate, Command
from wireformat.schema import Record, Unsigned

CHAIN = "bench"
AREA = 1
START_S = 1_790_000_000
ROOT, GATEWAY, AUTHORITY = (SigningKey(bytes([number]) * 32) for number in (1, 2, 3))
_FAR_S = START_S + 10_000_000
_ACK_EVERY = 4


class Way(Protocol):
    """One link to a board; what does not come in time is None, or False."""

    def status(self) -> bytes | None:
        """The board's status block."""

    def take(self, cursor: tuple[int, int]) -> bytes | None:
        """A record at or after (epoch, seq), or the next one that the board sent."""

    def put(self, chunk: bytes) -> bool:
        """Write a whole frame into the inbox; whether the board, or what is between, took it."""

    def close(self) -> None:
        """Let go of it."""


class Master:
    """Speaks with the board at the other end of `way`; `turn` is one round."""

    def __init__(self, way: Way, orders: bool) -> None:
        self.way = way
        self.records = self.orders = 0
        self._orders = orders
        self._frame_id = 0
        self._counter = 0
        self._cursor = (0, 0)
        self._certified = False

    def turn(self, simulated_s: float) -> None:
        """One round; what gets no answer is tried in the next one."""
        status = self.way.status()
        if status is None:
            return
        words = modbus_map.to_words(status[: 2 * modbus_map.STATUS_WORDS])
        if not self._certified:
            self._certify()
        elif not words[modbus_map.ST_CLOCK_TRUSTED]:
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
        data = self.way.take(self._cursor)
        if not data:
            return
        epoch, seq = _position(data)
        self._cursor = (epoch, seq + 1)
        self.records += 1
        if self.records % _ACK_EVERY == 0:
            head = identity.record_hash(data)
            self._put(Ack(device=device, epoch=epoch, seq=seq, head=head), GATEWAY)

    def _put(self, record: Record, key: SigningKey) -> bool:
        """Have the board get a signed record; whether it was taken."""
        unsigned = Unsigned(record, bytes(key.verify_key), CHAIN)
        data = unsigned.with_signature(key.sign(unsigned.to_be_signed).signature)
        self._frame_id = self._frame_id % 0xFFFF + 1
        return self.way.put(mqtt_map.chunk(self._frame_id, record.CODE, data))


def _position(data: bytes) -> tuple[int, int]:
    """(epoch, seq) of a chained record."""
    from wireformat import cbor, cose

    pairs = cbor.decode(cose.split(data).payload)
    assert isinstance(pairs, dict)
    with contextlib.suppress(KeyError):
        return int(pairs[0]), int(pairs[1])
    return 0, 0
