"""What somebody with the cable in hand, and some keys, can send to a board.

Every function takes the `Scene` that the boards are in and a board's name.
"""

import struct
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from gateway.collect.status import BoardStatus
from gateway.tickets import unwrapped
from ledger.clock import Clock
from ledger.setup import seal
from truewatt.hostile.wiretap import Wiretap
from wireformat import codes, modbus_map
from wireformat.control import Command
from wireformat.schema import Record

FIRST_FRAME = 0x8000
READ, WRITE, READ_WRITE = 3, 16, 23
MODBUS_BUSY = 6
_AHEAD = 1000
_TRIES = 3
_WINDOW_END = modbus_map.WINDOW + modbus_map.WINDOW_WORDS
# Downwards: a gateway that starts goes on upwards from the last id that a board has seen.
_frames: Iterator[int] = iter(range(0xFFFE, FIRST_FRAME, -1))

Fate = tuple[int, int]
"""(codes.INBOX_*, codes.R_*)."""


class Scene(Protocol):
    """Where the boards are: the line and bus address of each by name, and the run's clock."""

    clock: Clock
    chain_id: str

    @property
    def device(self) -> Mapping[str, bytes]:
        """Each board's 20-byte address."""

    def tap_of(self, board: str) -> Wiretap:
        """The tap in the board's line."""

    def bus_address(self, board: str) -> int:
        """Its Modbus address there."""


def words(data: bytes) -> bytes:
    """Padded to whole registers."""
    return data + b"\0" * (len(data) & 1)


def ask(scene: Scene, board: str, pdu: bytes) -> bytes:
    """The PDU of a board's answer, or of its exception. Raises TimeoutError."""
    return scene.tap_of(board).ask(bytes((scene.bus_address(board),)) + pdu)[1:]


def read(scene: Scene, board: str, start: int, count: int) -> bytes:
    """FC03."""
    reply = ask(scene, board, struct.pack(">BHH", READ, start, count))
    if reply[0] != READ:
        raise TimeoutError(f"{board}: exception {reply.hex()} to a read")
    return reply[2:]


def status(scene: Scene, board: str) -> BoardStatus:
    """A board's own word on its state, over the bus."""
    data = read(scene, board, modbus_map.STATUS, modbus_map.STATUS_WORDS)
    return BoardStatus.parse(modbus_map.to_words(data), board)


def answers(scene: Scene, board: str, epoch: int = 0) -> bool:
    """Whether a board is there (again), in that epoch or a later one."""
    try:
        return status(scene, board).epoch >= epoch
    except TimeoutError:
        return False


# ---- the inbox -------------------------------------------------------------------------------


def put(scene: Scene, board: str, code: int, data: bytes) -> Fate:
    """Write a frame into a board's inbox, and what the board made of it.

    A board tells of its last few frames only, and the gateway's push an intruder's out: then again.
    """
    for _ in range(_TRIES - 1):
        try:
            return _put_once(scene, board, code, data)
        except TimeoutError:
            time.sleep(0.1)
    return _put_once(scene, board, code, data)


def _put_once(scene: Scene, board: str, code: int, data: bytes) -> Fate:
    frame = next(_frames)
    for _ in range(50):
        reply = ask(scene, board, inbox_write(frame, code, data))
        if reply[0] == WRITE:
            break
        # A full queue: the gateway's own frames are in it.
        if reply != bytes((WRITE | 0x80, MODBUS_BUSY)):
            raise TimeoutError(f"{board}: exception {reply.hex()} to an inbox write")
        time.sleep(0.02)
    return fate(scene, board, frame)


def fate(scene: Scene, board: str, frame: int) -> Fate:
    """Wait for the end of a frame."""
    rows: list[int] = []
    for _ in range(300):
        data = read(scene, board, modbus_map.INBOX_STATUS, modbus_map.INBOX_STATUS_WORDS)
        rows = modbus_map.to_words(data)
        for at in range(0, len(rows), 3):
            if rows[at] == frame and rows[at + 1] >= codes.INBOX_ACCEPTED:
                return rows[at + 1], rows[at + 2]
        time.sleep(0.01)
    raise TimeoutError(f"{board}: frame {frame}: {rows}")


def inbox_write(frame: int, code: int, data: bytes, offset: int = 0, total: int = 0) -> bytes:
    """The PDU of the FC16 request that puts a chunk into the inbox."""
    body = struct.pack(">HBBH", frame, code, total or len(data), offset) + words(data)
    return struct.pack(">BHHB", WRITE, modbus_map.INBOX, len(body) // 2, len(body)) + body


def insist(scene: Scene, board: str, code: int, data: bytes) -> Fate:
    """`put`, again while the board is too busy to look at the frame."""
    for _ in range(50):
        found = put(scene, board, code, data)
        if found != (codes.INBOX_REFUSED, codes.R_BUSY):
            break
        time.sleep(0.05)
    return found


def give(scene: Scene, board: str, record: Record, seed: bytes) -> Fate:
    """Sign a record with `seed` and put it into the inbox."""
    return insist(scene, board, record.CODE, seal(record, seed, scene.chain_id))


def order(scene: Scene, board: str, **changes: object) -> Command:
    """A command that would close the second relay at once: away from the safe state."""
    now_s = scene.clock.unix_ms() // 1000
    fields: dict[str, object] = {
        "id": bytes(8),
        # Far ahead: one of the authority's that comes in between must not make it a replay.
        "counter": status(scene, board).counter + _AHEAD,
        "target": scene.device[board],
        "asset": 1,
        "action": codes.CLOSE,
        "value": 0,
        "not_before_s": now_s - 60,
        "expires_s": now_s + 600,
        "height": 1,
        "index": 0,
    }
    return Command(**{**fields, **changes})


# ---- what the tap saw ------------------------------------------------------------------------


def is_inbox_write(request: bytes, address: int) -> bool:
    """Whether a request puts something into the inbox of the board at that bus address."""
    return request[:2] == bytes((address, WRITE)) and request[2:4] == INBOX


def carried(request: bytes) -> tuple[int, bytes]:
    """(type code, signed bytes) that an inbox write brings, behind a ticket or not."""
    # Behind address, function, register, count, size: frame id, code, total, offset.
    return unwrapped(request[9], request[13 : 13 + request[10]])


def caught(scene: Scene, board: str, code: int) -> list[bytes]:
    """Signed frames of type `code` that the gateway sent to a board, as the tap saw them."""
    address = scene.bus_address(board)
    seen = [request for request, _ in list(scene.tap_of(board).seen)]
    found = [carried(request) for request in seen if is_inbox_write(request, address)]
    return [data for kind, data in found if kind == code]


def tickets(scene: Scene, board: str) -> list[bytes]:
    """Tickets that the gateway showed a board, as the tap saw them."""
    address = scene.bus_address(board)
    seen = [request for request, _ in list(scene.tap_of(board).seen)]
    found = [request for request in seen if is_inbox_write(request, address)]
    end = 13 + codes.TICKET_BYTES
    return [request[13:end] for request in found if request[9] == codes.TICKETED]


INBOX = struct.pack(">H", modbus_map.INBOX)

Shown = tuple[int, bytes]
"""(type code, record) in a board's window."""


def in_window(
    address: int, change: Callable[[int, bytes], Shown]
) -> Callable[[bytes, bytes], bytes]:
    """An `on_reply` that shows changed records in the window of the board at `address`.

    A master may read a window in two parts: the second is cut from what the first one began.
    """
    body = b""

    def on_reply(request: bytes, reply: bytes) -> bytes:
        nonlocal body
        if request[0] != address or request[1] != reply[1]:
            return reply
        (start,) = struct.unpack(">H", request[2:4])
        if request[1] == READ_WRITE and struct.unpack(">H", reply[3:5])[0]:
            data = reply[7 : 7 + struct.unpack(">H", reply[3:5])[0]]
            code, data = change(reply[6], data)
            body = struct.pack(">HH", len(data), code) + words(data)
            return reply[:3] + _part(body, 0, reply[2])
        if request[1] == READ and body and modbus_map.WINDOW < start < _WINDOW_END:
            return reply[:3] + _part(body, 2 * (start - modbus_map.WINDOW), reply[2])
        return reply

    return on_reply


def _part(body: bytes, begin: int, size: int) -> bytes:
    return body[begin : begin + size].ljust(size, b"\0")
