"""One visit to one place on a bus: who is it, what does it need, what has it got.

status -> identity -> certificates -> time -> outcomes ahead -> records -> (committed) -> ack
"""

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import Protocol

from gateway.admit import Board
from gateway.admit.errors import BrokenChain, Gap
from gateway.collect import watch
from gateway.collect.ahead import LOOK_BACK, Ahead
from gateway.collect.errors import (
    BoardAbsent,
    BoardSwapped,
    ClockUnsound,
    CollectError,
    FrameLost,
    FrameRefused,
    RecordsHeld,
    RevokedBoard,
    TwoBoardsOnOneAddress,
    UnknownBoard,
)
from gateway.collect.inbox import Deliverer
from gateway.collect.link import BoardLink
from gateway.collect.pull import Pulled, Puller
from gateway.collect.status import BoardStatus, is_newer
from gateway.collect.tools import Tools
from gateway.collect.watch import IdentityWatch
from gateway.config import DeviceConfig, MeterConfig
from gateway.store import Head, StoreError
from wireformat import codes
from wireformat.control import Ack, Beacon, Certificate, Command

log = logging.getLogger("gateway")

PULLS_A_VISIT, PULLING_WALL_S, FIRST_PULLING_WALL_S = 4, 15.0, 2.0
"""Batches from one board before the next one's turn, and how long they may take on a slow line: a
day's backlog of one board must not keep the others from being heard, at a start least of all."""

_NEEDS_CONTROL = (codes.R_UNKNOWN_KEY, codes.R_CERT_EXPIRED)
_NEEDS_CERTIFICATE = (codes.R_UNKNOWN_KEY, codes.R_CERT_EXPIRED, codes.R_WRONG_ROLE)


@dataclass
class Seen:
    """What the last visits showed, for the status file."""

    device: bytes | None = None
    status: BoardStatus | None = None
    seen_ms: int = 0
    records: int = 0
    held: str = ""


class Visited(Protocol):
    """Somebody on a bus: a board, or a device that the gateway signs for."""

    seen: Seen

    @property
    def config(self) -> DeviceConfig | MeterConfig: ...

    @property
    def where(self) -> str: ...

    async def visit(self, probe_s: float | None = None) -> bool:
        """Visit once; True if there is more to fetch right now."""
        ...

    async def obey(self, data: bytes) -> None:
        """Bring it a signed command; returns when it is done, raises why it is not."""
        ...

    def due_in_s(self) -> float | None:
        """Until the next visit, in the run's clock; None: after the usual pause."""
        ...


class Place:
    """An address on a bus, and the state of the visits there."""

    def __init__(self, tools: Tools, link: BoardLink, config: DeviceConfig) -> None:
        self.config = config
        self.link = link
        self.seen = Seen()
        self._tools = tools
        self._deliverer = Deliverer(link, tools.clock, tools.tickets)
        self._puller = Puller(tools, link)
        self._ahead = Ahead(tools, link)
        self._looking: asyncio.Task[None] | None = None
        self._look_again = False
        self._watch: IdentityWatch | None = None
        self._settled: bytes | None = None
        self._acked: Head | None = None
        self._beacon_ms: int | None = None
        self._lacks_ack_certificate = False

    @property
    def where(self) -> str:
        """For messages."""
        return self.link.where

    def due_in_s(self) -> float | None:
        """Boards keep the time of their records themselves."""
        return None

    async def obey(self, data: bytes) -> None:
        """Bring the board a command, and the control key's certificate if it lacks it."""
        device = self._device()
        try:
            await self._deliverer.urgent(device, Command.CODE, data)
        except FrameRefused as error:
            control = self._tools.directory.control
            if error.reason not in _NEEDS_CONTROL or control is None:
                raise
            await self._deliverer.urgent(device, Certificate.CODE, control[1])
            await self._deliverer.urgent(device, Command.CODE, data)
        self._look_soon(device)

    def _look_soon(self, device: bytes) -> None:
        """Where a backlog waits, ask for the outcome now: two boards may be read for long before
        the next visit. The board's next command doesn't wait for that."""
        self._look_again = True
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_until_seen(device))

    async def _look_until_seen(self, device: bytes) -> None:
        while self._look_again:
            self._look_again = False
            await self._look_ahead(device)

    async def _look_ahead(self, device: bytes) -> None:
        """What goes wrong here is for the next visit to say."""
        status, board = self.seen.status, self._tools.directory.board(device)
        if board is None or status is None or status.unacked <= LOOK_BACK:
            return
        with contextlib.suppress(CollectError, StoreError):
            await self._ahead.look(board, await self.link.status())

    def _device(self) -> bytes:
        if self.seen.device is None:
            raise BoardAbsent("nobody was seen here yet", self.link.where)
        return self.seen.device

    async def visit(self, probe_s: float | None = None) -> bool:
        """Visit once; True if more records wait there. Raises `CollectError`, `StoreError`."""
        status = await self.link.status(probe_s)
        self.seen.status, self.seen.seen_ms = status, self._tools.clock.unix_ms()
        board = await self._identify(status)
        await self._certify(status)
        await self._tell_time(status)
        more = await self._collect(board, status)
        updates = self._tools.updates
        if updates is not None and await updates.step(self.config.name, self.link, status):
            return True
        return more

    # ---- who is it -----------------------------------------------------------------------------

    async def _identify(self, status: BoardStatus) -> Board:
        finding = await self._observe(status.device)
        if finding == watch.TWO:
            self.seen.device = None
            raise TwoBoardsOnOneAddress("answers of two boards mix", self.link.where)
        entry = self._tools.directory.entry(status.device)
        if entry is None or not entry.board.enrolled:
            self.seen.device = None
            raise UnknownBoard(f"board {status.device.hex()}", self.link.where)
        if entry.board.revoked:
            raise RevokedBoard(f"board {status.device.hex()}", self.link.where)
        await self._settle(status.device, entry.last)
        board = self._tools.directory.board(status.device)
        assert board is not None
        return board

    async def _observe(self, device: bytes) -> str:
        store, bus = self._tools.store, self.link.bus
        # Taken at once: the next request of anybody on the bus sets it anew.
        second_voice = bus.second_voice
        if self._watch is None:
            cache = store.store.cache
            self._settled = await store.run(cache.bound, bus.name, self.link.address)
            self._watch = IdentityWatch(self._settled)
        return self._watch.observe(device, second_voice)

    async def _settle(self, device: bytes, last: Head | None) -> None:
        """An enrolled board lives here now: remember it, and tell if it is another."""
        store = self._tools.store
        # Not the watch's finding: visits may lie between in which the new board was not yet known.
        if self._settled is not None and self._settled != device:
            swapped = BoardSwapped(
                f"board {device.hex()} where {self._settled.hex()} was", self.link.where
            )
            self._tools.notices.report(
                f"{self.config.name} place", swapped, self._tools.clock.unix_ms()
            )
        self._settled = device
        if self.seen.device == device:
            return
        self._tools.directory.limit(device, self.config.max_power_w)
        if last is not None:
            await store.run(store.store.anchor, device, last)
        now_ms = self._tools.clock.unix_ms()
        cache, bus = store.store.cache, self.link.bus.name
        await store.run(cache.bind, bus, self.link.address, device, now_ms)
        self.seen.device, self._acked, self._beacon_ms = device, None, None

    # ---- what does it need ---------------------------------------------------------------------

    async def _certify(self, status: BoardStatus) -> None:
        serial, data = self._tools.ack_certificate
        if self._lacks_ack_certificate or is_newer(serial, status.ack_serial):
            await self._send(Certificate.CODE, data)
            self._lacks_ack_certificate = False
        control = self._tools.directory.control
        if control is not None and is_newer(control[0], status.control_serial):
            await self._send(Certificate.CODE, control[1])

    async def _tell_time(self, status: BoardStatus) -> None:
        tools, now_ms = self._tools, self._tools.clock.mono_ms()
        fresh = (
            self._beacon_ms is not None and now_ms - self._beacon_ms < self._tools.beacon_s * 1000
        )
        known = fresh and not tools.tickets.wants_beacon(status.device)
        if status.clock_trusted and known:
            return
        if not tools.time_is_sound():
            tools.notices.report(
                "time", ClockUnsound("blocks are dated after this clock"), tools.clock.unix_ms()
            )
            return
        tools.notices.clear("time")
        # The nonce's age bounds the error, so it is read right before.
        nonce = (await self.link.status()).nonce
        anchor = tools.tickets.anchor(status.device)
        beacon = Beacon(nonce=nonce, time_ms=tools.clock.unix_ms(), tickets=anchor)
        if await self._send(Beacon.CODE, tools.signer.sign(beacon)):
            self._beacon_ms = now_ms
            tools.tickets.told(status.device, anchor)

    async def _send(self, code: int, data: bytes) -> bool:
        """Deliver a frame; a refusal is reported and doesn't end the visit."""
        key = f"{self.config.name} {code}"
        try:
            await self._deliverer.usual(self._device(), code, data)
        except (FrameRefused, FrameLost) as error:
            if isinstance(error, FrameRefused) and error.reason in _NEEDS_CERTIFICATE:
                self._lacks_ack_certificate = code != Certificate.CODE
            # A full queue or token bucket is no fault: the next visit tries again.
            if not isinstance(error, FrameRefused) or error.reason != codes.R_BUSY:
                self._tools.notices.report(key, error, self._tools.clock.unix_ms())
            return False
        self._tools.notices.clear(key)
        return True

    # ---- what has it got -----------------------------------------------------------------------

    async def _collect(self, board: Board, status: BoardStatus) -> bool:
        await self._ahead.look(board, status)
        loop = asyncio.get_running_loop()
        until_s = loop.time() + (PULLING_WALL_S if self._acked else FIRST_PULLING_WALL_S)
        for _ in range(PULLS_A_VISIT):
            pulled = await self._puller.pull(board, (status.epoch, status.next_seq), until_s)
            self.seen.records += pulled.records
            if pulled.head is not None and (pulled.records or status.unacked):
                await self._ack(board, pulled.head)
            if pulled.held is not None and not pulled.more:
                if await self._catch_up(board, pulled):
                    continue
                self.seen.held = pulled.held.code
                raise RecordsHeld(str(pulled.held), self.link.where)
            if not pulled.more or loop.time() > until_s:
                break
        self.seen.held = ""
        return pulled.more

    async def _catch_up(self, board: Board, pulled: Pulled) -> bool:
        """Take a chain on where the ledger stands, if that is further than this store knows.

        So it is after the store was restored from a backup: what lies between is on the ledger, and
        may be gone from the board.
        """
        entry = self._tools.directory.entry(board.address)
        last = entry.last if entry else None
        if last is None or not isinstance(pulled.held, Gap | BrokenChain):
            return False
        store = self._tools.store
        moved = await store.run(store.store.anchor, board.address, last, True)
        if moved:
            log.warning(
                "%s: this store knew less of the board's chain than the ledger"
                " (a restored backup?); going on behind epoch %d seq %d",
                self.config.name,
                last.epoch,
                last.seq,
            )
        return moved

    async def _ack(self, board: Board, head: Head) -> None:
        """Called after the commit, and only then."""
        if self._acked == head:
            return
        ack = Ack(device=board.address, epoch=head.epoch, seq=head.seq, head=head.hash)
        if await self._send(Ack.CODE, self._tools.signer.sign(ack)):
            self._acked = head
