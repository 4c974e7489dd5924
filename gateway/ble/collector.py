"""All boards over BLE: sessions, one intake, acks after the commit.

notification -> intake -> signatures (threads) -> rules and commit (store's thread) -> signed ack

What waits is bounded by what boards were granted, and they are granted more after the commit only.
"""

import asyncio
from dataclasses import replace

from gateway.ble.agent import Agent
from gateway.ble.errors import BleLost
from gateway.ble.passkeys import passkey
from gateway.ble.session import Session
from gateway.collect.errors import CollectError
from gateway.collect.tools import Tools
from gateway.config import BleConfig
from gateway.ingest import Arrival, Ingest
from gateway.mqtt.acker import Acker
from gateway.mqtt.boards import Boards, split_status
from gateway.mqtt.errors import BadMessage
from gateway.mqtt.settling import Settling
from wireformat import ble_map as b
from wireformat.schema import MAX_RECORD_BYTES

BEACON_S = 45
"""A board drops a central that has had nothing genuine to say for 180 s; the time is genuine."""

BATCH = 256


class BleCollector:
    """Runs until it is cancelled. `counts`: what was refused or odd, by its error's code."""

    def __init__(self, tools: Tools, config: BleConfig) -> None:
        self._tools, self._config = tools, config
        air = asyncio.Lock()
        self.agent = Agent(self._passkey)
        self.sessions = [
            Session(name, config.adapter, air, self.agent, self._status, self._record, self._say)
            for name in config.devices
        ]
        own = replace(tools, beacon_s=min(tools.beacon_s, BEACON_S))
        self.boards = Boards(own, self._publish, "ble")
        self.acker = Acker(tools, self.boards.deliver_ack)
        self.ingest = Ingest(tools)
        self._settling = Settling(tools, self.ingest, self.boards, self.acker, _key, self._odd)
        self.counts: dict[str, int] = {}
        self._queue: asyncio.Queue[tuple[Session, Arrival]] = asyncio.Queue()

    @property
    def waiting(self) -> int:
        """Records that are not committed yet."""
        return self._queue.qsize()

    async def run(self) -> None:
        """Collect for ever."""
        await self._settling.load()
        try:
            async with asyncio.TaskGroup() as group:
                for session in self.sessions:
                    group.create_task(session.run(), name=f"ble {session.name}")
                group.create_task(self._settle(), name="ble commits")
                group.create_task(self.acker.run(), name="ble acks")
        finally:
            self.agent.close()
            await self.ingest.close()

    async def command(self, device: bytes, data: bytes) -> None:
        """Bring a signed command to `device`; as `collect.collector.Collector.command`."""
        await self.boards.command(device, data)

    def report(self) -> dict[str, object]:
        """For the status file: the connections, what waits, what was refused or odd."""
        known = self.boards.known.values()
        return {
            "sessions": [
                {
                    "name": one.name,
                    "address": one.address,
                    "open": one.is_open,
                    "connects": one.connects,
                    "device": one.device.hex() if one.device else None,
                }
                for one in self.sessions
            ],
            "waiting": self.waiting,
            "acks": self.acker.sent,
            "odd": dict(sorted(self.counts.items())),
            # What boards count in the two words in which others count retained messages.
            "dropped_by_boards": sum(board.retained for board in known),
            "dropped_at_boards": sum(board.dropped for board in known),
        }

    # ---- what comes ----------------------------------------------------------------------------

    def _status(self, session: Session, payload: bytes) -> None:
        try:
            # Who it says it is; what it sends is admitted by its signature alone.
            session.device = split_status(payload, session.name)[0].device
            if self.boards.heard(session.device, payload):
                self._settling.ack_again(session.device)
        except CollectError as error:
            self._odd(error)

    def _record(self, session: Session, payload: bytes) -> None:
        if not 1 < len(payload) <= 1 + MAX_RECORD_BYTES:
            self._odd(BadMessage(f"a record of {len(payload)} bytes", session.name))
            return
        arrival = Arrival(payload[0], payload[1:], session.device)
        session.received()
        self._queue.put_nowait((session, arrival))

    # ---- the way of a batch --------------------------------------------------------------------

    async def _settle(self) -> None:
        while True:
            batch = [await self._queue.get()]
            while len(batch) < BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            arrivals = [arrival for _, arrival in batch]
            await self.ingest.examine(arrivals)
            taken = await self._settling.commit(arrivals)
            for session, _ in batch:
                session.committed()
            self._settling.tell(taken)

    # ---- what goes -----------------------------------------------------------------------------

    def _publish(self, device: bytes, leaf: str, payload: bytes) -> None:
        for session in self.sessions:
            if session.device == device and session.is_open:
                session.send(payload)
                return
        raise BleLost("not connected", _key(device))

    def _passkey(self, address: str) -> int:
        names = [one.name for one in self.sessions if one.address.lower() == address.lower()]
        return passkey(self._config.passkey_file, *names, address)

    # ---- what is wrong -------------------------------------------------------------------------

    def _say(self, name: str, error: CollectError | None) -> None:
        if error is None:
            self._tools.notices.clear(f"ble {name}")
            return
        for session in self.sessions:
            if session.name == name and session.device is not None:
                self.boards.gone(session.device)
        self._notice(f"ble {name}", error)

    def _odd(self, error: CollectError) -> None:
        """Count it, and tell once: a board could fill a log."""
        self.counts[error.code] = self.counts.get(error.code, 0) + 1
        self._notice(f"ble {error.code}", error)

    def _notice(self, key: str, error: CollectError) -> None:
        self._tools.notices.report(key, error, self._tools.clock.unix_ms())


def _key(device: bytes) -> str:
    return b.name(device)
