"""What each board over MQTT or BLE said of itself, what it needs, and frames on their way to it.

A board can't be asked; it says how it stands (`out`) when it connects, after each frame, and every
minute. What it says is unsigned, so it only ever leads to frames that the board itself verifies.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.collect.errors import (
    BoardAbsent,
    ClockUnsound,
    CollectError,
    FrameLost,
    FrameRefused,
    UnknownBoard,
)
from gateway.collect.inbox import VERIFY_S, VERIFY_WALL_S
from gateway.collect.status import BoardStatus, is_newer
from gateway.collect.tools import Tools
from gateway.mqtt.errors import BadMessage, TopicMismatch
from gateway.tickets import ticketed
from wireformat import codes, cose
from wireformat import mqtt_map as m
from wireformat.control import Ack, Beacon, Certificate, Command
from wireformat.modbus_map import INBOX_STATUS_FRAMES

SILENT_S = 180
"""After this long without a word a board counts as absent, in the run's clock."""

AGAIN_S = 10
"""Before the same certificate, or the time, goes to the same board again, in the run's clock."""

Publish = Callable[[bytes, str, bytes], None]
"""(device, leaf, payload); raises a `CollectError` if the link can't take it."""


@dataclass
class MqttBoard:
    """One board. `waiting`: frames sent to it whose fate somebody awaits; `orders`: commands, by
    their counters; `crowded`: it lately turned frames away because there were too many; `beacon`:
    the last one's frame, and where it says that the tickets stand; `news` is set by each word of
    the board.

    Frame ids begin anywhere: a board takes one that it has just seen for a repetition.
    """

    device: bytes
    frame: int = field(default_factory=lambda: random.randrange(0xFFFF))
    status: BoardStatus | None = None
    seen_ms: int = 0
    here: bool = False
    held: str = ""
    retained: int = 0
    dropped: int = 0
    crowded: bool = False
    beacon: tuple[int, bytes] = (0, b"")
    told_ms: dict[str, int] = field(default_factory=dict)
    waiting: dict[int, "asyncio.Future[tuple[int, int]]"] = field(default_factory=dict)
    orders: dict[int, "asyncio.Future[tuple[int, int]]"] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)


class Boards:
    """All boards that were heard and that the registry knows."""

    def __init__(self, tools: Tools, publish: Publish, way: str = "mqtt") -> None:
        self._tools, self._way = tools, way
        self._publish = publish
        self.known: dict[bytes, MqttBoard] = {}

    def seen(self, device: bytes) -> MqttBoard | None:
        """`device` sent something genuine, or claims so; None if the registry doesn't know it."""
        board = self.known.get(device)
        if board is None:
            entry = self._tools.directory.entry(device)
            if entry is None or not entry.board.enrolled:
                return None
            board = self.known[device] = MqttBoard(device)
        board.seen_ms, board.here = self._tools.clock.mono_ms(), True
        return board

    def gone(self, device: bytes) -> None:
        """Its last will came: the broker lost it."""
        board = self.known.get(device)
        if board is not None:
            board.here = False

    def heard(self, device: bytes, payload: bytes) -> bool:
        """Take what `device` says of itself; True if it holds records without an ack.

        Raises `BadMessage`, `TopicMismatch` or `UnknownBoard`.
        """
        where = f"{self._way} {device.hex()[:8]}"
        status, words = split_status(payload, where)
        if status.device != device:
            raise TopicMismatch(f"status of {status.device.hex()}", where)
        board = self.seen(device)
        if board is None:
            raise UnknownBoard(f"board {device.hex()}", where)
        board.status = status
        for counter, taken in board.orders.items():
            if status.counter >= counter and not taken.done():
                taken.set_result((codes.INBOX_ACCEPTED, codes.R_NONE))
        fates = words[m.STATUS_BYTES // 2 :]
        self._resolve(board, fates)
        before = board.dropped
        board.retained, board.dropped = fates[3 * INBOX_STATUS_FRAMES :]
        board.crowded = codes.R_BUSY in fates[2 : 3 * INBOX_STATUS_FRAMES : 3] or (
            board.dropped != before
        )
        self._serve(board, status)
        board.news.set()
        return status.unacked > 0

    def where(self, board: MqttBoard) -> str:
        """For messages."""
        return f"{self._way} {board.device.hex()[:8]}"

    def is_here(self, device: bytes) -> bool:
        """Whether the board was heard of late."""
        board = self.known.get(device)
        if board is None or not board.here:
            return False
        return self._tools.clock.mono_ms() - board.seen_ms < SILENT_S * 1000

    # ---- what it needs -------------------------------------------------------------------------

    def _serve(self, board: MqttBoard, status: BoardStatus) -> None:
        """Certificates that are newer than the board's, then time."""
        tools = self._tools
        serial, data = tools.ack_certificate
        if is_newer(serial, status.ack_serial) and self._may(board, "ack certificate"):
            self.send(board, Certificate.CODE, data)
        control = tools.directory.control
        newer = control is not None and is_newer(control[0], status.control_serial)
        if newer and control is not None and self._may(board, "control certificate"):
            self.send(board, Certificate.CODE, control[1])
        told_ms = board.told_ms.get("time")
        fresh = told_ms is not None and tools.clock.mono_ms() - told_ms < tools.beacon_s * 1000
        known = fresh and not tools.tickets.wants_beacon(board.device)
        if not (status.clock_trusted and known):
            self._tell_time(board, status)

    def _tell_time(self, board: MqttBoard, status: BoardStatus) -> None:
        tools = self._tools
        if not tools.time_is_sound():
            unsound = ClockUnsound("blocks are dated after this clock")
            tools.notices.report("time", unsound, tools.clock.unix_ms())
            return
        tools.notices.clear("time")
        if self._may(board, "time"):
            anchor = tools.tickets.anchor(board.device)
            now_ms = tools.clock.unix_ms()
            beacon = Beacon(nonce=status.nonce, time_ms=now_ms, tickets=anchor)
            board.beacon = self.send(board, Beacon.CODE, tools.signer.sign(beacon)), anchor

    def _may(self, board: MqttBoard, what: str) -> bool:
        """Whether to send `what` now: a board that refuses it, or seems to, is not flooded."""
        now_ms, told_ms = self._tools.clock.mono_ms(), board.told_ms.get(what)
        if told_ms is not None and now_ms - told_ms < AGAIN_S * 1000:
            return False
        board.told_ms[what] = now_ms
        return True

    def deliver_ack(self, device: bytes, data: bytes) -> bool:
        """Send a signed ack; False if the link can't take it now. Who is gone needs none."""
        board = self.seen(device)
        return board is None or bool(self.send(board, Ack.CODE, data, m.ACK))

    def send(self, board: MqttBoard, code: int, data: bytes, leaf: str = m.CMD) -> int:
        """Publish one frame; its id, or 0 if the link can't take it now.

        A command goes with a ticket, and so does everything else while the board is crowded;
        pieces of firmware need none, and have no room for one.
        """
        board.frame = board.frame % 0xFFFF + 1
        if code == Command.CODE or (board.crowded and code != codes.PIECE):
            code, data = ticketed(self._tools.tickets.take(board.device), code, data)
        try:
            self._publish(board.device, leaf, m.chunk(board.frame, code, data))
        except CollectError:
            return 0
        return board.frame

    # ---- commands ------------------------------------------------------------------------------

    async def command(self, device: bytes, data: bytes) -> None:
        """As `Collector.command`: returns when the board executed it, or raises why not."""
        board = self.known.get(device)
        if board is None or not self.is_here(device):
            raise BoardAbsent(f"board {device.hex()}", self._way)
        try:
            await self.deliver(board, Command.CODE, data)
        except FrameRefused as error:
            control = self._tools.directory.control
            needs = (codes.R_UNKNOWN_KEY, codes.R_CERT_EXPIRED)
            if error.reason not in needs or control is None:
                raise
            await self.deliver(board, Certificate.CODE, control[1])
            await self.deliver(board, Command.CODE, data)

    async def deliver(self, board: MqttBoard, code: int, data: bytes) -> None:
        """Return once the board accepted the frame; raises `FrameRefused` or `FrameLost`."""
        where = self.where(board)
        frame = self.send(board, code, data)
        if not frame:
            raise FrameLost("the link can't take it now", where)
        fate: asyncio.Future[tuple[int, int]] = asyncio.get_running_loop().create_future()
        board.waiting[frame] = fate
        counter = _counter(code, data)
        if counter:
            # A board shows four fates; in a flood of frames the counter alone stays to be seen.
            board.orders[counter] = fate
        try:
            async with asyncio.timeout(max(self._tools.clock.wall(VERIFY_S), VERIFY_WALL_S)):
                state, reason = await fate
        except TimeoutError as error:
            raise FrameLost(f"type {code}, frame {frame}", where) from error
        finally:
            del board.waiting[frame]
            board.orders.pop(counter, None)
        if code == Command.CODE:
            self._tools.tickets.answered(board.device, reason)
        if state == codes.INBOX_REFUSED:
            raise FrameRefused(f"type {code}", where, reason)

    def _resolve(self, board: MqttBoard, words: list[int]) -> None:
        for at in range(0, 3 * INBOX_STATUS_FRAMES, 3):
            frame, state, reason = words[at : at + 3]
            fate = board.waiting.get(frame)
            ended = state in (codes.INBOX_ACCEPTED, codes.INBOX_REFUSED)
            if fate is not None and ended and not fate.done():
                fate.set_result((state, reason))
            if frame and (frame, state) == (board.beacon[0], codes.INBOX_ACCEPTED):
                self._tools.tickets.told(board.device, board.beacon[1])
                board.beacon = 0, b""


def split_status(payload: bytes, where: str) -> tuple[BoardStatus, list[int]]:
    """What a board says of itself, and all its words. Raises `BadMessage`, `NotABoard`."""
    if len(payload) != m.OUT_BYTES:
        raise BadMessage(f"{len(payload)} bytes of status, not {m.OUT_BYTES}", where)
    words = [payload[at] << 8 | payload[at + 1] for at in range(0, m.OUT_BYTES, 2)]
    return BoardStatus.parse(words, where), words


def _counter(code: int, data: bytes) -> int:
    """The counter of a command, 0 of any other frame."""
    if code != Command.CODE:
        return 0
    counter: int = Command.from_payload(cose.split(data).payload).counter
    return counter
