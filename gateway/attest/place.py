"""One address on a bus with a commercial device at it: read, sign at each interval's end.

A visit reads the device; the first one after an interval's end makes the reading. A device that is
not enrolled is read, so that its installer sees it answer, but nothing is signed for it. Nothing is
signed either before the ledger was asked in this run where the chain stands: this store may be a
restored backup, and a second history under the same numbers would freeze the device.
"""

from gateway.admit import Board
from gateway.attest import tally
from gateway.attest.chain import AttestedChain, Notes
from gateway.attest.driver import Driver
from gateway.attest.errors import NotEnrolledDevice
from gateway.attest.interval import Interval
from gateway.attest.obey import Obedience, Trust
from gateway.collect.errors import CollectError, RevokedBoard
from gateway.collect.tools import Tools
from gateway.collect.visit import Seen
from gateway.config import MeterConfig
from gateway.profiles import Readings
from gateway.signer import Signer
from wireformat import codes
from wireformat.chained import Chained, Event, Reading

INTERVAL_S, BOUNDARY_S = 60, 900
"""As boards record by default."""

ALIGNED_WITHIN_S = 2
"""A record made this close behind an interval's end carries that end as its time."""

FAILURES_TO_FAULT = 2
TALLIES = "tallies"


class MeterPlace:
    """State of the visits to one device. `where` is for messages."""

    def __init__(
        self,
        tools: Tools,
        config: MeterConfig,
        driver: Driver,
        signer: Signer,
        trust: Trust,
        where: str,
    ) -> None:
        self.config = config
        self.seen = Seen()
        self.where = where
        self._tools, self._driver, self._signer = tools, driver, signer
        self._chain = AttestedChain(tools.store.store, tools.admission, signer, tools.clock.unix_ms)
        self._commands = Obedience(tools, driver, signer.address, trust, where, config.control)
        self._contacted = False
        self._started = False
        self._failures = 0
        self._fault = False
        self._tallies: dict[str, tally.Tally] = {}
        self._interval = Interval(tools.clock.mono_ms())
        self._number = self._now_s // INTERVAL_S
        self._boundary = self._now_s // BOUNDARY_S

    @property
    def device(self) -> bytes:
        """The 20-byte address of the device's key."""
        return self._signer.address

    @property
    def _now_s(self) -> int:
        return self._tools.clock.unix_ms() // 1000

    def due_in_s(self) -> float:
        """Until the next visit, in the run's clock: in step with the ends of intervals."""
        step_ms = min(self._tools.poll_s, INTERVAL_S) * 1000
        poll_s = (step_ms - self._tools.clock.unix_ms() % step_ms) / 1000
        command_s = self._commands.due_in_s()
        return poll_s if command_s is None else min(poll_s, command_s)

    async def visit(self, probe_s: float | None = None) -> bool:
        """Visit once. Raises `CollectError`, `StoreError`."""
        try:
            readings = await self._read(probe_s)
        except CollectError:
            await self._failed()
            raise
        self._failures = 0
        self.seen.seen_ms = self._tools.clock.unix_ms()
        self._interval.add(readings)
        try:
            board = await self._standing()
        except CollectError:
            # Reading goes on, and would keep the device from its own safe state.
            await self._commands.abandon()
            raise
        if board is None:
            await self._commands.rest()
            return False
        await self._work(board, readings)
        return False

    async def obey(self, data: bytes) -> None:
        """Take a signed command. Raises `FrameRefused` and what the line did."""
        await self._commands.obey(data, self._append_outcome)

    async def _append_outcome(
        self, kind: type[Chained], fields: dict[str, object], notes: Notes
    ) -> None:
        board = self._tools.directory.board(self.device)
        assert board is not None, "found by its device, which only an enrolled one has"
        await self._append(board, kind, fields, notes=notes)

    async def _work(self, board: Board, readings: Readings) -> None:
        await self._commands.keep(self._append_outcome)
        self._count(readings)
        now_s = self._now_s
        if now_s // INTERVAL_S != self._number and self._tallies:
            await self._record(board, now_s)

    async def _read(self, probe_s: float | None) -> Readings:
        if not self._contacted:
            await self._driver.contact(probe_s)
        readings = await self._driver.read()
        self._contacted = True
        return readings

    async def _failed(self) -> None:
        """Who answers next may be another; what its records say of now is told by an event."""
        self._contacted = False
        self._commands.lost()
        self._failures += 1
        if self._failures != FAILURES_TO_FAULT or not self._started:
            return
        board = self._tools.directory.board(self.device)
        if board is not None and board.enrolled and not board.revoked:
            self._fault = True
            await self._append(board, Event, {"kind": codes.EV_SENSOR_FAULT, "detail": []})

    # ---- may it be signed for ------------------------------------------------------------------

    async def _standing(self) -> Board | None:
        """The device as the registry has it; None while the ledger has not said so in this run."""
        directory = self._tools.directory
        entry = directory.entry(self.device)
        if entry is None:
            self.seen.device = None
            raise NotEnrolledDevice(f"device {self.device.hex()}", self.where)
        if not entry.fresh and not self._started:
            self.seen.held = "waits for the ledger"
            return None
        if not entry.board.enrolled:
            self.seen.device = None
            raise NotEnrolledDevice(f"device {self.device.hex()}, of another area", self.where)
        if entry.board.revoked:
            raise RevokedBoard(f"device {self.device.hex()}", self.where)
        if not self._started:
            await self._start()
        board = directory.board(self.device)
        assert board is not None
        return board

    async def _start(self) -> None:
        """Take the chain up where store or ledger stand, whichever is further."""
        tools, store = self._tools, self._tools.store.store
        tools.directory.limit(self.device, self._driver.max_power_w)
        entry = tools.directory.entry(self.device)
        if entry is not None and entry.last is not None:
            await tools.store.run(store.anchor, self.device, entry.last, True)
        kept = await tools.store.run(store.note, self.device, TALLIES)
        self._tallies = tally.decode(kept) if kept else {}
        board = tools.directory.board(self.device)
        assert board is not None
        await self._append(board, Event, {"kind": codes.EV_BOOT, "detail": [0]})
        self.seen.device, self.seen.held, self._started = self.device, "", True

    # ---- what it says --------------------------------------------------------------------------

    def _count(self, readings: Readings) -> None:
        now_ms, sound = self._tools.clock.unix_ms(), self._tools.time_is_sound()
        for name, limits in self._driver.registers.items():
            reading_wh = readings.values.get(name)
            if reading_wh is None or reading_wh < 0:
                continue
            known = self._tallies.get(name)
            if known is None:
                self._tallies[name] = tally.first(reading_wh, now_ms)
            else:
                self._tallies[name] = known.after(reading_wh, now_ms, limits, sound)

    async def _record(self, board: Board, now_s: int) -> None:
        end_s = now_s // INTERVAL_S * INTERVAL_S
        time_s = end_s if now_s - end_s <= ALIGNED_WITHIN_S else now_s
        boundary = time_s // BOUNDARY_S
        flags = codes.BOUNDARY if boundary != self._boundary else 0
        flags |= codes.SENSOR_FAULT if self._fault else 0
        now_ms = self._tools.clock.mono_ms()
        fields = self._interval.fields(self._wh("import_wh"), self._wh("export_wh"), now_ms)
        notes: Notes = {TALLIES: tally.encode(self._tallies)}
        await self._append(board, Reading, fields, time_s, flags, notes)
        self._number, self._boundary = now_s // INTERVAL_S, boundary
        self._interval, self._fault = Interval(now_ms), False

    def _wh(self, name: str) -> int:
        known = self._tallies.get(name)
        return known.total_wh if known else 0

    async def _append(
        self,
        board: Board,
        kind: type[Chained],
        fields: dict[str, object],
        time_s: int | None = None,
        flags: int = 0,
        notes: Notes | None = None,
    ) -> None:
        tools = self._tools
        flags |= self._commands.flags()
        flags |= 0 if tools.time_is_sound() else codes.CLOCK_UNTRUSTED
        at_s = self._now_s if time_s is None else time_s
        await tools.store.run(self._chain.append, board, kind, fields, at_s, flags, notes)
        self.seen.records += 1
        tools.admitted[self.device] = tools.admitted.get(self.device, 0) + 1
        tools.on_records()
