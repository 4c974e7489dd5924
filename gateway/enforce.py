"""What the contracts decided, brought to the boards: proven, delivered, retried, ended.

A command is taken from the ledger only when the authority's control key signed it and the proven
state holds the very same intent. It is kept before it is sent, tried until it expires, and ended
by the board's signed outcome, which is a record and so goes back to the ledger by the outbox.
"""

import asyncio
import logging
from dataclasses import dataclass

from gateway.carriers import Carrier
from gateway.collect.errors import BoardAbsent, CollectError, FrameRefused
from gateway.directory import Directory
from gateway.ledger_link import LedgerLied, LedgerLink
from gateway.light_node import LightNode
from gateway.notices import Notices
from gateway.signer import open_certificate
from gateway.store import OpenCommand
from gateway.store_thread import StoreThread
from ledger.clock import Clock
from ledger.contracts import objects
from ledger.contracts.control import INTENT
from ledger.contracts.objects import Intent, unpack
from ledger.tx import signature_holds
from wireformat import cbor, codes, cose, identity
from wireformat.control import Command
from wireformat.errors import WireError
from wireformat.registry import open_signed

log = logging.getLogger("gateway")

OUTCOME_GRACE_S = 120
"""How long after its expiry a command may still be ended by an outcome that is on its way."""

MAX_LISTED = 4096
"""Open commands that an area may have: more than its boards have relays is no honest list."""

PROVEN_AT_ONCE = 16

RETRY_FIRST_S, RETRY_MOST_S = 1.0, 30.0
ATTEMPTS_BEFORE_OVERTAKING = 5
"""How often a board's command is tried before the next may go first: about 30 s."""

RETRY_WALL_S = 0.1
"""The least of a retry's delay in wall time: at speed, boards answer no faster."""

_FINAL = (
    codes.R_EXPIRED,
    codes.R_NO_SUCH_ASSET,
    codes.R_PROTECTION,
    codes.R_LOCKED_OUT,
    codes.R_BAD_VALUE,
    codes.R_HARDWARE,
)
"""Refusals that a board journals as the command's outcome."""

_FIELDS = tuple(name for _, name, _, _ in Command.FIELDS)


@dataclass
class Attempts:
    """When a command is tried again, in wall seconds of the event loop."""

    due_s: float = 0.0
    wait_s: float = RETRY_FIRST_S


class Enforcer:
    """`fetch` after each new header, `deliver` as often as something may be due."""

    def __init__(
        self,
        node: LightNode,
        link: LedgerLink,
        store: StoreThread,
        carrier: Carrier,
        directory: Directory,
        notices: Notices,
        clock: Clock,
        area: int,
        chain_id: str,
        root: bytes,
    ) -> None:
        self._node, self._link, self._store = node, link, store
        self._carrier, self._directory, self._notices = carrier, directory, notices
        self._clock, self._area, self._chain_id, self._root = clock, area, chain_id, root
        self._attempts: dict[bytes, Attempts] = {}
        self._checked: dict[bytes, Command] = {}
        self._kept: set[bytes] = set()
        self._under_way: dict[bytes, asyncio.Task[None]] = {}
        self.work = asyncio.Event()

    # ---- from the ledger -----------------------------------------------------------------------

    async def fetch(self) -> None:
        """Take over the area's open commands. Raises `LedgerError`."""
        answer = await self._link.query("/commands", cbor.encode({0: self._area}))
        lies: list[LedgerLied] = []
        before, self._checked = self._checked, {}
        for data in self._rows(answer.value or cbor.encode([])):
            try:
                # What was listed before needs no curve work again.
                self._checked[data] = before.get(data) or self._verified(data)
            except LedgerLied as error:
                # One forged command must not keep back the others.
                lies.append(error)
        listed = {command.id for command in self._checked.values()}
        self._kept &= listed
        rows = self._checked.items()
        news = [(one, data) for data, one in rows if not await self._is_kept(one.id)]
        for at in range(0, len(news), PROVEN_AT_ONCE):
            lies += await self._adopt_some(news[at : at + PROVEN_AT_ONCE])
        await self._reconcile(listed)
        if lies:
            raise lies[-1]

    async def _adopt_some(self, news: list[tuple[Command, bytes]]) -> list[LedgerLied]:
        """Side by side: a price that moves a street must not wait for thirty proofs in a row."""
        ended = await asyncio.gather(
            *(self._adopt(command, data) for command, data in news), return_exceptions=True
        )
        for failure in ended:
            if failure is not None and not isinstance(failure, LedgerLied):
                raise failure
        return [failure for failure in ended if isinstance(failure, LedgerLied)]

    async def _is_kept(self, command_id: bytes) -> bool:
        if command_id in self._kept:
            return True
        kept = await self._store.run(self._store.store.commands.known, command_id)
        if kept:
            self._kept.add(command_id)
        return kept

    def _rows(self, value: bytes) -> list[bytes]:
        try:
            rows = cbor.decode(value)
        except WireError as error:
            raise self._node.lie(f"list of commands: {error}") from error
        if not isinstance(rows, list) or not all(isinstance(row, bytes) for row in rows):
            raise self._node.lie("list of commands is no list of byte strings")
        if len(rows) > MAX_LISTED:
            raise self._node.lie(f"{len(rows)} open commands in one area")
        return rows

    def _verified(self, data: bytes) -> Command:
        """A command that the control key signed."""
        control = self._directory.control
        if control is None:
            raise self._node.lie("commands without a control certificate")
        key = open_certificate(control[1], self._chain_id, self._root).public_key
        try:
            opened = open_signed(Command.CODE, data, self._chain_id)
        except WireError as error:
            raise self._node.lie(f"command: {error}") from error
        signed = signature_holds(key, opened.to_be_signed, opened.signature)
        if opened.kid != identity.kid(key) or not signed:
            raise self._node.lie("a command that the control key did not sign")
        assert isinstance(opened.record, Command)
        return opened.record

    async def _adopt(self, command: Command, data: bytes) -> None:
        """Keep a command once the proven state holds its intent, word for word."""
        intent = await self._intent(command.id)
        if intent is None:
            # Its block is final, but the header that proves it comes next.
            return
        if any(getattr(intent, name) != getattr(command, name) for name in _FIELDS):
            raise self._node.lie(f"command {command.id.hex()} differs from its intent")
        if intent.status != objects.OPEN:
            return
        now_ms = self._clock.unix_ms()
        if await self._store.run(self._store.store.commands.add, command, data, now_ms):
            log.info(
                "command %s for %s: %s asset %d",
                command.id.hex(),
                command.target.hex()[:8],
                codes.ACTIONS.get(command.action, command.action),
                command.asset,
            )
            self.work.set()

    async def _intent(self, command_id: bytes) -> Intent | None:
        value, _ = await self._node.prove(INTENT + command_id)
        return unpack(Intent, value) if value is not None else None

    async def _reconcile(self, listed: set[bytes]) -> None:
        """End what the ledger has closed without this gateway: superseded or timed out."""
        for order in await self._store.run(self._store.store.commands.open):
            if order.id in listed:
                continue
            intent = await self._intent(order.id)
            if intent is not None and intent.status == objects.EXPIRED:
                await self._expire(order)

    # ---- to the boards -------------------------------------------------------------------------

    async def deliver(self) -> None:
        """Try what is due, boards side by side, each board's commands in their order.

        Returns when all that is under way has ended, or when there is new work: a board that does
        not answer holds nobody else's command up.
        """
        await self._begin()
        while self._under_way and not self.work.is_set():
            news = asyncio.create_task(self.work.wait())
            try:
                await asyncio.wait(
                    [*self._under_way.values(), news], return_when=asyncio.FIRST_COMPLETED
                )
            except asyncio.CancelledError:
                await self._give_up()
                raise
            finally:
                news.cancel()
            self._clear_away()

    async def _begin(self) -> None:
        """Begin with each board that has something due and nothing under way."""
        orders = await self._store.run(self._store.store.commands.open)
        for known in set(self._attempts) - {order.id for order in orders}:
            del self._attempts[known]
        if self._directory.control is None:
            # No control key is in force: what one signed before may expire, but not move a relay.
            orders = [order for order in orders if self._is_over(order)]
        by_board: dict[bytes, list[OpenCommand]] = {}
        for order in orders:
            by_board.setdefault(order.device, []).append(order)
        for device, rows in by_board.items():
            # Two rounds must not meet at one board.
            if device not in self._under_way:
                self._under_way[device] = asyncio.create_task(self._for_board(rows))

    def _clear_away(self) -> None:
        """Forget what has ended; raises what one of them failed with."""
        ended = {device: task for device, task in self._under_way.items() if task.done()}
        for device in ended:
            del self._under_way[device]
        for task in ended.values():
            task.result()

    async def _give_up(self) -> None:
        for task in self._under_way.values():
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)
        self._under_way.clear()

    async def _for_board(self, orders: list[OpenCommand]) -> None:
        # Of two for one asset the ledger settled on the newer (`ledger.contracts.priority`), and
        # has ended the other: the relay is spared a turn to and fro.
        newest = _newest(orders)
        for order in orders:
            is_older = order.state == "open" and order.id not in newest
            if is_older or self._is_over(order):
                await self._expire(order)
            elif order.state == "open":
                taken = await self._try(order)
                # A board takes no counter below its last: overtaking would void this command.
                if not taken and order.attempts < ATTEMPTS_BEFORE_OVERTAKING:
                    return

    def _is_over(self, order: OpenCommand) -> bool:
        return self._clock.unix_ms() // 1000 >= order.expires_s + OUTCOME_GRACE_S

    async def _try(self, order: OpenCommand) -> bool:
        """Whether the board has the command now."""
        attempts = self._attempts.setdefault(order.id, Attempts())
        loop = asyncio.get_running_loop()
        if loop.time() < attempts.due_s:
            return False
        taken = await self._bring(order)
        wall_s = max(self._clock.wall(attempts.wait_s), RETRY_WALL_S)
        attempts.due_s = loop.time() + wall_s
        attempts.wait_s = min(2 * attempts.wait_s, RETRY_MOST_S)
        return taken

    async def _bring(self, order: OpenCommand) -> bool:
        try:
            await self._carrier.command(order.device, order.data)
        except FrameRefused as error:
            return await self._refused(order, error)
        except CollectError as error:
            await self._failed(order, error, codes.R_NONE)
            return False
        await self._held(order)
        return True

    async def _refused(self, order: OpenCommand, error: FrameRefused) -> bool:
        if error.reason in _FINAL or error.reason == codes.R_REPLAYED:
            # The board has ended it, or had it already: its outcome is in its journal.
            await self._held(order)
            return True
        await self._failed(order, error, error.reason)
        return False

    async def _held(self, order: OpenCommand) -> None:
        commands = self._store.store.commands
        await self._store.run(commands.delivered, order.id, self._clock.unix_ms())
        self._notices.clear(f"command {order.device.hex()[:8]}")

    async def _failed(self, order: OpenCommand, error: CollectError, reason: int) -> None:
        await self._store.run(self._store.store.commands.attempted, order.id, reason)
        if not isinstance(error, BoardAbsent) or order.attempts:
            key = f"command {order.device.hex()[:8]}"
            self._notices.report(key, error, self._clock.unix_ms())

    async def _expire(self, order: OpenCommand) -> None:
        commands = self._store.store.commands
        await self._store.run(commands.expire, order.id, self._clock.unix_ms())
        self._notices.clear(f"command {order.device.hex()[:8]}")


def _newest(orders: list[OpenCommand]) -> set[bytes]:
    """Ids of each asset's last command, of one board's in their order."""
    if len(orders) == 1:
        return {orders[0].id}
    by_asset: dict[int, bytes] = {}
    for order in orders:
        command: Command = Command.from_payload(cose.split(order.data).payload)
        by_asset[command.asset] = order.id
    return set(by_asset.values())
