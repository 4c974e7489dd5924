"""What somebody with the cable in hand, and some keys, can send to a board."""

import struct
import time
from collections.abc import Callable

from street import ADDRESSES, CHAIN, Street

from gateway.collect.status import BoardStatus
from ledger.setup import seal
from wireformat import codes, modbus_map
from wireformat.control import Command
from wireformat.schema import Record

FIRST_FRAME = 0x8000
_frames = iter(range(FIRST_FRAME, 0xFFFF))

Fate = tuple[int, int]
"""(codes.INBOX_*, codes.R_*)."""


def words(data: bytes) -> bytes:
    return data + b"\0" * (len(data) & 1)


def read(street: Street, board: str, start: int, count: int) -> bytes:
    """FC03."""
    reply = street.tap.ask(struct.pack(">BBHH", ADDRESSES[board], 3, start, count))
    assert reply[1] == 3, reply.hex()
    return reply[3:]


def status(street: Street, board: str) -> BoardStatus:
    """A board's own word on its state, over the bus."""
    data = read(street, board, modbus_map.STATUS, modbus_map.STATUS_WORDS)
    return BoardStatus.parse(modbus_map.to_words(data), board)


def put(street: Street, board: str, code: int, data: bytes) -> Fate:
    """Write a frame into a board's inbox, and what the board made of it."""
    frame = next(_frames)
    for _ in range(50):
        reply = street.tap.ask(inbox_write(board, frame, code, data))
        if reply[1] == 16:
            break
        # A full queue: the gateway's own frames are in it.
        assert reply[1:] == bytes((16 | 0x80, 6)), reply.hex()
        time.sleep(0.02)
    return fate(street, board, frame)


def fate(street: Street, board: str, frame: int) -> Fate:
    """Wait for the end of a frame."""
    for _ in range(300):
        data = read(street, board, modbus_map.INBOX_STATUS, modbus_map.INBOX_STATUS_WORDS)
        rows = modbus_map.to_words(data)
        for at in range(0, len(rows), 3):
            if rows[at] == frame and rows[at + 1] >= codes.INBOX_ACCEPTED:
                return rows[at + 1], rows[at + 2]
        time.sleep(0.01)
    raise TimeoutError(f"{board}: frame {frame}: {rows}")


def inbox_write(
    board: str, frame: int, code: int, data: bytes, offset: int = 0, total: int = 0
) -> bytes:
    """The FC16 request that puts a chunk into the inbox."""
    body = struct.pack(">HBBH", frame, code, total or len(data), offset) + words(data)
    head = struct.pack(">BBHHB", ADDRESSES[board], 16, modbus_map.INBOX, len(body) // 2, len(body))
    return head + body


def give(street: Street, board: str, record: Record, seed: bytes) -> Fate:
    """Sign a record with `seed` and put it into the inbox; a board too busy is asked again."""
    data = seal(record, seed, CHAIN)
    for _ in range(50):
        found = put(street, board, record.CODE, data)
        if found != (codes.INBOX_REFUSED, codes.R_BUSY):
            break
        time.sleep(0.05)
    return found


def order(street: Street, board: str, **changes: object) -> Command:
    """A command that would close the EV's relay at once: away from the safe state."""
    now_s = street.clock.unix_ms() // 1000
    fields: dict = {
        "id": bytes(8),
        "counter": status(street, board).counter + 1,
        "target": street.device[board],
        "asset": 1,
        "action": codes.CLOSE,
        "value": 0,
        "not_before_s": now_s - 60,
        "expires_s": now_s + 600,
        "height": 1,
        "index": 0,
    }
    return Command(**{**fields, **changes})


def caught(street: Street, board: str, code: int) -> list[bytes]:
    """Signed frames of type `code` that the gateway sent to a board, as the tap saw them."""
    found = []
    for request, _ in list(street.tap.seen):
        # Behind address, function, register, count, size: frame id, code, total, offset.
        if is_inbox_write(request, board) and request[9] == code:
            found.append(request[13 : 13 + request[10]])
    return found


def is_inbox_write(request: bytes, board: str) -> bool:
    """Whether a request puts something into that board's inbox."""
    return request[:2] == bytes((ADDRESSES[board], 16)) and request[2:4] == INBOX


def answers(street: Street, board: str, epoch: int = 0) -> bool:
    """Whether a board is there (again), in that epoch or a later one."""
    try:
        return status(street, board).epoch >= epoch
    except TimeoutError:
        return False


INBOX = struct.pack(">H", modbus_map.INBOX)


def in_window(
    board: str, change: Callable[[int, bytes], tuple[int, bytes]]
) -> Callable[[bytes, bytes], bytes]:
    """An `on_reply` that shows changed records in a board's window."""

    def on_reply(request: bytes, reply: bytes) -> bytes:
        shown = request[0] == ADDRESSES[board] and request[1] == 23 and reply[1] == 23
        size = struct.unpack(">H", reply[3:5])[0] if shown else 0
        if not size:
            return reply
        code, data = change(reply[6], reply[7 : 7 + size])
        body = (struct.pack(">HH", len(data), code) + words(data)).ljust(reply[2], b"\0")
        return reply[:3] + body

    return on_reply
