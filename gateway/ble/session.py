"""One board's connection: found, paired, kept up, and tried again with growing, uneven pauses."""

import asyncio
import contextlib
import logging
import random
from collections import deque
from collections.abc import Callable, Iterator

from bleak import BleakAdapter, BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
)
from dbus_fast.errors import DBusError

from gateway.ble.agent import Agent
from gateway.ble.errors import (
    BleBusy,
    BleLost,
    BluetoothAbsent,
    BoardOutOfReach,
    MtuTooSmall,
    NotOurService,
    PairingRefused,
)
from gateway.collect.errors import CollectError
from gateway.tasks import is_cancelled
from wireformat import ble_map as b
from wireformat import codes
from wireformat.control import Command
from wireformat.mqtt_map import CHUNK_HEAD_BYTES

log = logging.getLogger("gateway")

RETRY_FIRST_S, RETRY_MOST_S = 0.5, 60.0
SCAN_S, CONNECT_S, WRITE_S = 15.0, 30.0, 10.0
GRANT = 16
"""Records that a board may have on the way to the store: after half of them it gets more."""

MAX_WAITING = 24
"""Frames that wait to be written to one board."""

KEY_DOUBTED = 3
"""After so many connections that ended at their start, the bond is made anew."""

_PAIRING_ERRORS = ("AuthenticationFailed", "AuthenticationRejected", "AuthenticationCanceled")

Heard = Callable[["Session", bytes], None]
Tell = Callable[[str, CollectError | None], None]


class Session:
    """`name`: what the board calls itself, or its BLE address. `status`, `record` take what comes.

    `tell(name, None)`: connected; `tell(name, error)`: not, and why.
    """

    def __init__(
        self,
        name: str,
        adapter: str,
        air: asyncio.Lock,
        agent: Agent,
        status: Heard,
        record: Heard,
        tell: Tell,
    ) -> None:
        self.name = name
        self._adapter, self._air, self._agent = adapter, air, agent
        self._status, self._record, self._tell = status, record, tell
        self._urgent: deque[bytes] = deque()
        self._waiting: deque[bytes] = deque()
        self._stirred = asyncio.Event()
        self._owed = self._since_grant = 0
        self._regrant = False
        self._failures = 0
        self.device: bytes | None = None
        self.address = ""
        self.is_open = False
        self.connects = 0

    # ---- frames to the board -------------------------------------------------------------------

    def send(self, payload: bytes) -> None:
        """Queue a whole chunk (`mqtt_map.chunk`). Raises `BleLost`, `BleBusy`."""
        if not self.is_open:
            raise BleLost("not connected", self.name)
        if len(self._waiting) + len(self._urgent) >= MAX_WAITING:
            raise BleBusy(f"{MAX_WAITING} frames wait", self.name)
        urgent = payload[2] in (Command.CODE, codes.TICKETED)
        (self._urgent if urgent else self._waiting).append(payload)
        self._stirred.set()

    def received(self) -> None:
        """One of its records waits for the commit."""
        self._owed += 1

    def committed(self) -> None:
        """One is in the store, or judged: after half a grant the board gets another."""
        self._owed -= 1
        self._since_grant += 1
        if self._since_grant >= GRANT // 2:
            self._regrant = True
            self._stirred.set()

    # ---- the connection ------------------------------------------------------------------------

    async def run(self) -> None:
        """Stay connected for ever."""
        wait_s = RETRY_FIRST_S
        while not is_cancelled():
            before = self.connects
            try:
                await self._once()
            except CollectError as error:
                self._tell(self.name, error)
            if self.connects > before:
                wait_s = RETRY_FIRST_S
            # Not in step: a board that comes back meets one connection at a time.
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.5))
            wait_s = min(2 * wait_s, RETRY_MOST_S)

    async def _once(self) -> None:
        gone = asyncio.Event()
        with _named(self.name, self._agent):
            async with self._air:
                client = await self._connect(gone)
        try:
            with _named(self.name, self._agent):
                await self._serve(client, gone)
        finally:
            self.is_open = False
            self._urgent.clear()
            self._waiting.clear()
            with contextlib.suppress(Exception):
                await asyncio.wait_for(client.disconnect(), WRITE_S)
        raise BleLost("the connection ended", self.name)

    async def _connect(self, gone: asyncio.Event) -> BleakClient:
        """Alone in the air: BlueZ scans and connects one at a time."""
        if not self._agent.is_open:
            await self._agent.open()
        await self._free()
        device = await self._find()
        if self._failures >= KEY_DOUBTED:
            # A board that was provisioned anew has forgotten this gateway: then so must BlueZ.
            self._failures = 0
            log.info("ble %s: the bond is made anew", self.name)
            await self._client(device).unpair()
            device = await self._find()
        self._failures += 1
        self.address = device.address
        self._agent.refused = None

        def ended(_: BleakClient) -> None:
            gone.set()
            self._stirred.set()

        client = self._client(device, ended)
        await client.connect()
        return client

    def _client(
        self, device: BLEDevice, ended: Callable[[BleakClient], None] | None = None
    ) -> BleakClient:
        return BleakClient(
            device, ended, timeout=CONNECT_S, pair=True, bluez={"adapter": self._adapter}
        )

    async def _free(self) -> None:
        """End what a gateway that was killed left: BlueZ keeps such a connection, and the board,
        which can have one only, is not to be found as long."""
        adapter = await BleakAdapter.get(bluez={"adapter": self._adapter})
        for device in await adapter.get_connected_devices([b.SERVICE]):
            if self._is_wanted(device.name, device.address):
                client = self._client(device)
                await client.connect()
                await client.disconnect()

    def _is_wanted(self, name: str | None, address: str) -> bool:
        return self.name.lower() in ((name or "").lower(), address.lower())

    async def _find(self) -> BLEDevice:
        found = await BleakScanner.find_device_by_filter(
            lambda device, seen: self._is_wanted(seen.local_name, device.address),
            timeout=SCAN_S,
            bluez={"adapter": self._adapter},
        )
        if found is None:
            raise BoardOutOfReach(f"not heard within {SCAN_S:.0f} s", self.name)
        return found

    async def _serve(self, client: BleakClient, gone: asyncio.Event) -> None:
        characteristics = {one.uuid: one for one in client.services.characteristics.values()}
        if not {b.REC, b.OUT, b.IN, b.GO} <= set(characteristics):
            raise NotOurService("no Truewatt service", self.name)
        room = characteristics[b.REC].max_write_without_response_size
        if room < b.MIN_MTU - 3:
            raise MtuTooSmall(f"MTU {room + 3}, at least {b.MIN_MTU}", self.name)
        await client.start_notify(b.OUT, lambda _, data: self._status(self, bytes(data)))
        await client.start_notify(b.REC, lambda _, data: self._record(self, bytes(data)))
        self._regrant = True
        self.is_open = True
        self.connects += 1
        self._tell(self.name, None)
        log.info("ble: connected to %s (%s)", self.name, self.address)
        while not gone.is_set():
            self._stirred.clear()
            if self._regrant:
                self._regrant, self._since_grant = False, 0
                # The grant replaces what was left of the last: nothing adds up unseen.
                grant = max(0, GRANT - self._owed)
                await self._write(client, b.GO, grant.to_bytes(b.GO_BYTES, "big"))
                self._failures = 0
            elif self._urgent or self._waiting:
                payload = (self._urgent or self._waiting).popleft()
                for chunk in chunks(payload, room):
                    await self._write(client, b.IN, chunk)
            else:
                await self._stirred.wait()

    async def _write(self, client: BleakClient, uuid: str, data: bytes) -> None:
        async with asyncio.timeout(WRITE_S):
            await client.write_gatt_char(uuid, data, response=True)


def chunks(payload: bytes, room: int) -> Iterator[bytes]:
    """A whole chunk for a board's inbox as chunks of at most `room` bytes."""
    head, data = payload[: CHUNK_HEAD_BYTES - 2], payload[CHUNK_HEAD_BYTES:]
    step = min(room, b.MAX_WRITE_BYTES) - CHUNK_HEAD_BYTES
    for at in range(0, len(data), step):
        yield head + at.to_bytes(2, "big") + data[at : at + step]


@contextlib.contextmanager
def _named(name: str, agent: Agent) -> Iterator[None]:
    """Errors of bleak and BlueZ as ours."""
    try:
        yield
    except BleakBluetoothNotAvailableError as error:
        raise BluetoothAbsent(str(error), name) from error
    except BleakDeviceNotFoundError as error:
        raise BoardOutOfReach(str(error), name) from error
    except BleakDBusError as error:
        if error.dbus_error.endswith(_PAIRING_ERRORS):
            if isinstance(agent.refused, CollectError):
                raise agent.refused from error
            raise PairingRefused(error.dbus_error, name) from error
        raise BleLost(f"{error.dbus_error} {error.dbus_error_details or ''}", name) from error
    except TimeoutError as error:
        raise BleLost("no answer in time", name) from error
    except (BleakError, DBusError, OSError, EOFError) as error:
        raise BleLost(str(error) or type(error).__name__, name) from error
