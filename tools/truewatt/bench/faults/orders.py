"""Commands for a charger while faults happen, and an account of what moved it, and when.

The account is the charger's own: each write to its limit, by true time, must belong to a command
that is not over. Commands lie in the gateway's store as if they had come just before the fault.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from nacl.signing import SigningKey

from gateway.admit import Board
from gateway.directory import Directory, Entry
from gateway.profiles import find_profile
from gateway.signer import Signer
from gateway.store import Store
from gateway.store.commands import ENDED
from ledger import setup
from ledger.tx import signature_holds
from truewatt.bench._ingest_load import START_S
from truewatt.bench.faults.oracle import CHAIN, Verdict
from truewatt.bench.faults.tally import Tally
from truewatt.emulator.commercial import EmulatedActuator, Measured, MeterLine
from truewatt.emulator.wires.tty import Tty
from wireformat import codes
from wireformat.chained import Outcome
from wireformat.control import Command
from wireformat.registry import open_signed

ADDRESS, NAME, PROFILE, PHASES = 31, "c1", "ev_charger", 1
LEAST_DA, MOST_DA = 65, 160
"""Limits in tenths of an ampere; not among them what the charger falls back to by itself (6 A)."""

GRACE_WALL_S = 1.0
"""A command whose time is looked at may still wait for the frame in flight, and for a processor."""

_VOLTS = 230


class Charger(EmulatedActuator):
    """Notes when its limit is set."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        super().__init__(find_profile(PROFILE), ADDRESS, now_ms, phases=PHASES)
        self.measure(Measured([230.0], [1000.0], 50_000).values(self.profile))
        self.moves: list[tuple[int, int]] = []
        """(ms of the charger's own clock, tenths of an ampere)"""
        self.heard = 0

    def answer(self, request: bytes, now_s: float) -> bytes | None:
        """As without an account."""
        before = len(self.written)
        reply = super().answer(request, now_s)
        self.heard += 1
        now_ms = self._now_ms()
        limits = [value for at, value in self.written[before:] if at == self._limit.address]
        self.moves += [(now_ms, value) for value in limits]
        return reply


class _Given(NamedTuple):
    """A command, the limit that it means, and when it was given."""

    command: Command
    tenths: int
    at_ms: int


class Orders:
    """Commands for `charger`, signed with `control`; `true_ms` is Unix time, and the charger's."""

    def __init__(
        self, charger: Charger, target: Signer, control: bytes, true_ms: Callable[[], int],
        speed: float,
    ) -> None:  # fmt: skip
        self.charger, self._target, self._control = charger, target, control
        self._true_ms = true_ms
        self.grace_s = round(GRACE_WALL_S * speed)
        self._given: dict[int, _Given] = {}

    @property
    def address(self) -> bytes:
        """Of the charger's key."""
        return self._target.address

    def keep(self, store: Store, rng: random.Random) -> Command:
        """Put one into the gateway's store: over already, about to be, or good for a while."""
        now_s = self._true_ms() // 1000
        kind = rng.random()
        if kind < 0.4:
            left_s = -rng.randint(self.grace_s + 1, 300)
        else:
            left_s = rng.randint(1, self.grace_s) if kind < 0.7 else rng.randint(60, 150)
        number = len(self._given) + 1
        tenths = LEAST_DA + number % (MOST_DA - LEAST_DA)
        command = Command(
            id=number.to_bytes(8, "big"),
            counter=number,
            target=self.address,
            asset=0,
            action=codes.SET_LIMIT,
            value=tenths * _VOLTS // 10,
            not_before_s=now_s - 3600,
            expires_s=now_s + left_s,
            height=2,
            index=0,
        )
        self._given[number] = _Given(command, tenths, self._true_ms())
        data = setup.seal(command, self._control, CHAIN)
        store.commands.add(command, data, self._true_ms())
        return command

    def has_ended(self, store: Store, command: Command) -> bool:
        """Whether the gateway is through with it."""
        row = store.database.one("SELECT state FROM commands WHERE id = ?", (command.id,))
        return row is not None and row[0] not in ("open", "delivered")

    @property
    def all_over_in_s(self) -> int:
        """Until the last one's time is over, with the grace, of the run's clock."""
        last_s = max((one.command.expires_s for one in self._given.values()), default=0)
        return last_s + self.grace_s - self._true_ms() // 1000

    def held(self) -> Verdict:
        """Once all are over: none may hold."""
        tenths = self.charger.limit_w * 10 // _VOLTS
        return Verdict(expired=int(any(tenths == one.tenths for one in self._given.values())))

    def look(self, store: Store, tally: Tally) -> Verdict:
        """What moved the charger, and what the gateway signed of it, against what was ordered."""
        verdict = Verdict(expired=sum(not self._was_due(*move) for move in self.charger.moves))
        counters = []
        for row in store.records(self.address):
            opened = open_signed(row[2], row[3], CHAIN)
            key = self._target.public_key
            verdict.unsigned += not signature_holds(key, opened.to_be_signed, opened.signature)
            if isinstance(record := opened.record, Outcome):
                counters.append(record.counter)
                command = self._given[record.counter].command
                late = record.at_ms // 1000 > command.expires_s + self.grace_s
                verdict.expired += record.status == codes.DONE and late
        verdict.duplicated = len(counters) - len(set(counters))
        tally.note("commands", len(self._given))
        states = store.commands.counts()
        for state, count in states.items():
            tally.note(f"commands {state}", count)
        # Their time was over before this look: with or without a word of the charger, all ended.
        verdict.broken += sum(states.values()) - sum(states.get(state, 0) for state in ENDED)
        if any(states.get(state) for state in ENDED):
            tally.tried.add("expired")
        return verdict

    def _was_due(self, at_ms: int, tenths: int) -> bool:
        if not LEAST_DA <= tenths < MOST_DA:
            # What no command says is the charger's default, which may be restored at any time.
            return True
        given = [one for one in self._given.values() if one.tenths == tenths and one.at_ms <= at_ms]
        # Values come round again: the last one that was given by then is meant.
        return bool(given) and at_ms // 1000 <= given[-1].command.expires_s + self.grace_s


def trusted(directory: Directory, target: Signer, root: bytes, control: bytes, area: int) -> None:
    """The registry holds the charger and the key that commands it."""
    certificate = setup.certify(
        root,
        CHAIN,
        role=codes.CONTROL,
        area=area,
        public_key=bytes(SigningKey(control).verify_key),
        serial=5,
        expires_s=START_S + 10**9,
    )
    directory.set_control(5, certificate)
    board = Board(target.address, target.public_key, codes.ATTESTED, 1, 1)
    directory.put(Entry(board, None, True))


class ChargerLine:
    """The charger on a serial adapter that can be pulled."""

    def __init__(self, path: Path, charger: Charger) -> None:
        self.path, self._charger = path, charger
        self._line: MeterLine | None = None
        self._tty: Tty | None = None

    def plug(self) -> None:
        """It is there; needs a running event loop."""
        self._tty = Tty(self.path)
        self._line = MeterLine(self._tty, [self._charger])
        self._line.attach()

    def pull(self) -> None:
        """It is gone, whatever was under way."""
        if self._line is not None and self._tty is not None:
            self._line.detach()
            self._tty.close()
        self._line = self._tty = None


class ChargerThread:
    """The charger on its line in a thread of its own, for runs without an event loop."""

    def __init__(self, line: ChargerLine) -> None:
        self._line, self._loop = line, asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> None:
        """Return once the line is there."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._call(self._line.plug), self._loop).result()

    def stop(self) -> None:
        """Take it away."""
        asyncio.run_coroutine_threadsafe(self._call(self._line.pull), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _call(self, what: Callable[[], None]) -> None:
        what()
