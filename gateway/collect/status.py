"""A board's status block, read in one request (`wireformat.modbus_map.STATUS`)."""

from dataclasses import dataclass

from gateway.collect.errors import NotABoard
from wireformat import modbus_map as m
from wireformat.identity import ADDRESS_BYTES

_SERIAL_MASK = 0xFFFF


@dataclass(frozen=True)
class BoardStatus:
    """What a board says of itself; unsigned, so a hint that later steps verify."""

    device: bytes
    role: int
    flags: int
    epoch: int
    next_seq: int
    unacked: int
    clock_trusted: bool
    nonce: bytes
    counter: int
    ack_serial: int
    control_serial: int
    last_frame: int
    relays: int
    update: int = 0

    @classmethod
    def parse(cls, words: list[int], where: str) -> "BoardStatus":
        """From the block's words; raises `NotABoard`."""
        if words[m.ST_MAGIC] != m.MAGIC:
            raise NotABoard(f"magic 0x{words[m.ST_MAGIC]:04x}, expected 0x{m.MAGIC:04x}", where)
        if words[m.ST_VERSION] != m.MAP_VERSION:
            version = words[m.ST_VERSION]
            raise NotABoard(f"register map {version}, expected {m.MAP_VERSION}", where)
        return cls(
            device=m.from_words(words[m.ST_ADDRESS : m.ST_ADDRESS + 10], ADDRESS_BYTES),
            role=words[m.ST_ROLE],
            flags=words[m.ST_FLAGS],
            epoch=m.uint(words[m.ST_EPOCH : m.ST_EPOCH + 2]),
            next_seq=m.uint(words[m.ST_NEXT_SEQ : m.ST_NEXT_SEQ + 2]),
            unacked=words[m.ST_UNACKED],
            clock_trusted=bool(words[m.ST_CLOCK_TRUSTED]),
            nonce=m.from_words(words[m.ST_NONCE : m.ST_NONCE + 4], 8),
            counter=m.uint(words[m.ST_COUNTER : m.ST_COUNTER + 3]),
            ack_serial=words[m.ST_ACK_SERIAL],
            control_serial=words[m.ST_CONTROL_SERIAL],
            last_frame=words[m.ST_LAST_FRAME],
            relays=words[m.ST_RELAYS],
            update=words[m.ST_UPDATE],
        )


def is_newer(serial: int, shown: int) -> bool:
    """Whether certificate `serial` is newer than the low word that a board shows (0: none)."""
    if shown == 0:
        return True
    return 0 < (serial - shown) & _SERIAL_MASK < 0x8000
