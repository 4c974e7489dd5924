"""A command for an attested device: checked as a board checks it, done, and answered for.

The gateway has proven the command already; whoever could slip one past that would still need the
control key's signature here. In an order that no power cut breaks: counter and a pending mark are
persisted in one commit, then the device is set, then the outcome is chained in one commit with the
mark's end. A mark that is found at a start gets its outcome then, so every command ends.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.attest.chain import Notes
from gateway.attest.driver import Driver
from gateway.collect.errors import CollectError, FrameRefused
from gateway.collect.tools import Tools
from gateway.signer import EVERY_AREA, open_certificate
from ledger.tx import signature_holds
from wireformat import cbor, codes, identity
from wireformat.chained import Chained, Outcome
from wireformat.control import Command
from wireformat.errors import WireError
from wireformat.registry import open_signed

log = logging.getLogger("gateway")

COUNTER, PENDING = "counter", "pending"

Append = Callable[[type[Chained], dict[str, object], Notes], Awaitable[None]]
"""Signs and commits a record of the device, with notes."""


@dataclass(frozen=True)
class Trust:
    """Whose word counts: the operator's root of this chain, for this area."""

    chain_id: str
    area: int
    root: bytes


@dataclass(frozen=True)
class _Active:
    """What holds until `until_ms` (monotonic), and must be repeated until then."""

    command: Command
    until_ms: int
    state: int


class Obedience:
    """Commands of one device. `where` is for messages; not `allowed`: it is never written to."""

    def __init__(
        self,
        tools: Tools,
        driver: Driver,
        device: bytes,
        trust: Trust,
        where: str,
        allowed: bool = True,
    ) -> None:
        self._tools, self._driver, self._device = tools, driver, device
        self._actions = driver.actions if allowed else frozenset()
        self._trust, self._where = trust, where
        self._active: dict[int, _Active] = {}
        self._unsure: set[int] = set()
        self._prepared = self._answered = False
        self._counter = 0
        # A visit's housekeeping and a command must not mix on one device.
        self._lock = asyncio.Lock()

    @property
    def counter(self) -> int:
        """Of the last command that was taken."""
        return self._counter

    def due_in_s(self) -> float | None:
        """When the device needs a word again at the latest, in the run's clock."""
        if not self._active:
            return None
        until_ms = min(active.until_ms for active in self._active.values())
        left_s = (until_ms - self._tools.clock.mono_ms()) / 1000
        return max(0.0, min(left_s, self._driver.timeout_s / 3))

    def flags(self) -> int:
        """For the device's records: which assets are switched on, as on a board with relays."""
        if codes.CLOSE not in self._actions:
            return 0
        bits = 0
        for asset, bit in enumerate(codes.RELAY_CLOSED[: self._driver.assets]):
            active = self._active.get(asset)
            is_on = active.state if active is not None else self._driver.rests_closed
            bits |= bit if is_on else 0
        return bits

    # ---- at each visit -------------------------------------------------------------------------

    async def keep(self, append: Append) -> None:
        """Restore what ended, repeat what holds, answer for what a restart interrupted."""
        if not self._actions:
            return
        async with self._lock:
            await self._prepare(append)
            for asset, active in sorted(self._active.items()):
                command = active.command
                if self._tools.clock.mono_ms() < active.until_ms:
                    await self._driver.apply(command.action, command.value, asset)
                    continue
                await self._driver.restore(asset)
                del self._active[asset]
                log.info("%s: command %s has ended", self._where, command.id.hex())

    async def rest(self) -> None:
        """The safe state at a start, before anything may be signed: no ledger is needed for it."""
        async with self._lock:
            await self._rest()

    async def abandon(self) -> None:
        """Nothing that was commanded holds any longer: the device is revoked, or no more ours."""
        async with self._lock:
            if self._active:
                await self._driver.restore()
                self._active.clear()
                log.warning("%s: its command is given up", self._where)

    def lost(self) -> None:
        """Another device may answer next: nothing is known of how it is set."""
        self._prepared = False

    async def _prepare(self, append: Append) -> None:
        """As a board at its start: first the safe state, then the rest."""
        await self._rest()
        if not self._answered:
            await self._finish(append)
            self._answered = True

    async def _rest(self) -> None:
        if self._actions and not self._prepared:
            await self._driver.restore()
            self._prepared = True
            self._unsure.clear()
        for asset in sorted(self._unsure):
            await self._driver.restore(asset)
            self._unsure.discard(asset)

    async def _finish(self, append: Append) -> None:
        """End the command that a restart interrupted, once; it is not repeated."""
        store = self._tools.store
        mark = await store.run(store.store.note, self._device, PENDING)
        if mark is None:
            return
        row = cbor.decode(mark)
        assert isinstance(row, list)
        command_id, counter, asset, reason = row
        await self._end(append, command_id, counter, asset, reason or codes.R_INTERRUPTED, 0)

    # ---- a command -----------------------------------------------------------------------------

    async def obey(self, data: bytes, append: Append) -> None:
        """Do it or refuse it for good, either way with a signed outcome.

        Raises `FrameRefused`; `CollectError` if the device does not answer: it may come again.
        """
        command = self._verified(data)
        async with self._lock:
            await self._recall()
            self._transient(command)
            reason = self._final(command)
            if reason == codes.R_NONE:
                # Whoever does not answer is not to blame yet: the command is tried again.
                await self._prepare(append)
                await self._driver.state(command.action, command.asset)
            await self._execute(command, reason, append)

    def _verified(self, data: bytes) -> Command:
        control = self._tools.directory.control
        if control is None:
            raise self._refused(codes.R_UNKNOWN_KEY)
        trust = self._trust
        try:
            certificate = open_certificate(control[1], trust.chain_id, trust.root)
            opened = open_signed(Command.CODE, data, trust.chain_id)
        except WireError as error:
            raise self._refused(codes.R_MALFORMED) from error
        key = certificate.public_key
        if opened.kid != identity.kid(key):
            raise self._refused(codes.R_UNKNOWN_KEY)
        if certificate.role != codes.CONTROL or certificate.area not in (EVERY_AREA, trust.area):
            raise self._refused(codes.R_WRONG_ROLE)
        if certificate.expires_s <= self._now_s:
            raise self._refused(codes.R_CERT_EXPIRED)
        if not signature_holds(key, opened.to_be_signed, opened.signature):
            raise self._refused(codes.R_BAD_SIGNATURE)
        assert isinstance(opened.record, Command)
        if opened.record.target != self._device:
            raise self._refused(codes.R_WRONG_TARGET)
        return opened.record

    async def _recall(self) -> None:
        store = self._tools.store
        kept = await store.run(store.store.note, self._device, COUNTER)
        self._counter = int.from_bytes(kept or b"", "big")

    def _transient(self, command: Command) -> None:
        """What may pass by itself."""
        if command.counter <= self._counter:
            raise self._refused(codes.R_REPLAYED)
        if not self._tools.time_is_sound():
            raise self._refused(codes.R_CLOCK_UNTRUSTED)
        if self._now_s < command.not_before_s:
            raise self._refused(codes.R_NOT_YET)

    def _final(self, command: Command) -> int:
        if self._now_s >= command.expires_s:
            return codes.R_EXPIRED
        if not self._actions or command.asset >= self._driver.assets:
            return codes.R_NO_SUCH_ASSET
        return self._driver.fault(command.action, command.value, command.asset)

    async def _execute(self, command: Command, reason: int, append: Append) -> None:
        store = self._tools.store
        mark = cbor.encode([command.id, command.counter, command.asset, reason])
        notes: Notes = {COUNTER: command.counter.to_bytes(6, "big"), PENDING: mark}
        await store.run(store.store.keep_notes, self._device, notes)
        self._counter = command.counter
        state = 0
        if reason == codes.R_NONE:
            reason, state = await self._set(command)
        await self._end(append, command.id, command.counter, command.asset, reason, state)
        if reason != codes.R_NONE:
            raise self._refused(reason)

    async def _set(self, command: Command) -> tuple[int, int]:
        """Why it did not work (`codes.R_*`), and the state that was read back."""
        if self._now_s >= command.expires_s:
            # Its time ran out while the mark was persisted, or the line was taken.
            return codes.R_EXPIRED, 0
        until_ms = self._tools.clock.mono_ms() + (command.expires_s - self._now_s) * 1000
        try:
            await self._driver.apply(command.action, command.value, command.asset)
            state = await self._driver.state(command.action, command.asset)
            self._active[command.asset] = _Active(command, until_ms, state)
            return codes.R_NONE, state
        except Exception as error:
            # What nobody foresaw ends a command, too: it has begun, and must be answered for.
            unforeseen = None if isinstance(error, CollectError) else error
            words = (self._where, command.id.hex(), error)
            log.warning("%s: command %s: %s", *words, exc_info=unforeseen)
            # How it stands is not known: to its default, before anything else is done to it.
            self._active.pop(command.asset, None)
            self._unsure.add(command.asset)
            return codes.R_HARDWARE, 0

    async def _end(
        self, append: Append, command_id: bytes, counter: int, asset: int, reason: int, state: int
    ) -> None:
        status = codes.DONE
        if reason:
            status = codes.EXPIRED if reason == codes.R_EXPIRED else codes.REFUSED
        fields: dict[str, object] = {
            "command_id": command_id,
            "counter": counter,
            "status": status,
            "reason": reason,
            "asset": asset,
            "state": state,
            "at_ms": self._tools.clock.unix_ms(),
        }
        await append(Outcome, fields, {PENDING: None})

    @property
    def _now_s(self) -> int:
        return self._tools.clock.unix_ms() // 1000

    def _refused(self, reason: int) -> FrameRefused:
        return FrameRefused(Command.TYPE, self._where, reason)
