"""The BLE host stack of one emulated board, behind its socket (protocol: chip/bluetooth.py)."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from truewatt.emulator.ble.gatt import Characteristic, LinkLost, Service
from truewatt.emulator.ble.link import CENTRAL_CONNECT, CENTRAL_DISCONNECT, Connection

_ENOMEM, _EINVAL, _ENOTCONN = 12, 22, 107
_MAX_CONNECTIONS = 3
_ROOM_NOTIFICATIONS = 12
"""Notifications that the stack holds while the air takes none (NimBLE's pool of buffers)."""

Value = int | bytes | str | None


@dataclass
class Advertising:
    """What a board calls into the air."""

    data: bytes
    response: bytes
    connectable: bool

    def fields(self) -> dict[int, bytes]:
        """By type (Core Specification Supplement, part A)."""
        found = {}
        for block in (self.data, self.response):
            at = 0
            while at < len(block) and block[at]:
                found[block[at + 1]] = block[at + 2 : at + 1 + block[at]]
                at += 1 + block[at]
        return found


class Stack:
    """Serves one board until its socket ends. `changed()` is told of advertising and of its end."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        changed: Callable[["Stack"], None],
    ) -> None:
        self._reader, self._writer, self._changed = reader, writer, changed
        self.address = b""
        self.advertising: Advertising | None = None
        self.services: list[Service] = []
        self.settings: dict[str, Value] = {"mtu": 256, "io": 3, "mitm": 0, "bond": 0}
        self.connections: dict[int, Connection] = {}
        self.jammed = False
        self._last: Advertising | None = None
        self._handles = iter(range(16, 1 << 16, 3))
        self._serial = 0
        self._asked: asyncio.Future[Value] | None = None
        self._turn = asyncio.Lock()
        self.requests = asyncio.Lock()
        self.alive = True

    # ---- to the board --------------------------------------------------------------------------

    async def event(self, number: int, *data: Value) -> Value:
        """Tell the board's handler, one event at a time; what it returned. Raises `LinkLost`."""
        async with self._turn:
            if not self.alive:
                raise LinkLost("the board is off")
            self._asked = asyncio.get_running_loop().create_future()
            words = " ".join(_coded(value) for value in data)
            self._writer.write(f"! {number} {words}\n".encode())
            return await self._asked

    async def connect(self, central: bytes) -> Connection:
        """A central connects. Raises `LinkLost` if nobody listens."""
        if self.advertising is None or len(self.connections) >= _MAX_CONNECTIONS:
            raise LinkLost("nobody advertises there")
        # As a controller does: a connection ends the advertising.
        self.advertising = None
        self._serial += 1
        connection = Connection(self, self._serial, central)
        self.connections[connection.handle] = connection
        self._changed(self)
        await self.event(CENTRAL_CONNECT, connection.handle, 0, central)
        return connection

    async def end(self, connection: Connection) -> None:
        """Take a connection down, whoever wanted that."""
        if self.connections.pop(connection.handle, None) is None:
            return
        connection.ended()
        with contextlib.suppress(LinkLost):  # it went with its board
            await self.event(CENTRAL_DISCONNECT, connection.handle, 0, connection.central)

    def find(self, handle: int) -> Characteristic | None:
        """The characteristic whose value has that handle."""
        for service in self.services:
            for one in service.characteristics:
                if one.handle == handle:
                    return one
        return None

    # ---- from the board ------------------------------------------------------------------------

    async def run(self) -> None:
        """Until the board's socket ends."""
        try:
            while line := await self._reader.readline():
                name, *words = line.decode().split()
                values = [_decoded(word) for word in words]
                if name == "r":
                    self._answered(values[0])
                else:
                    answer = self._call(name, values)
                    self._writer.write(answer.encode() + b"\n")
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._off()

    def hang_up(self) -> None:
        """End the board's radio."""
        self._writer.close()

    def _off(self) -> None:
        self.alive, self.advertising = False, None
        if self._asked is not None and not self._asked.done():
            self._asked.set_exception(LinkLost("the board went off"))
        for connection in list(self.connections.values()):
            connection.ended()
        self.connections.clear()
        self._writer.close()
        self._changed(self)

    def _answered(self, value: Value) -> None:
        if self._asked is not None and not self._asked.done():
            self._asked.set_result(value)

    def _call(self, name: str, values: list[Value]) -> str:
        try:
            result = getattr(self, f"_do_{name}")(*values)
        except _Errno as error:
            return f"- {error.number}"
        return "= " + _coded(result)

    def _do_hello(self, unique_id: bytes) -> None:
        self.address = unique_id
        self._changed(self)

    def _do_config(self, key: str, value: Value) -> None:
        self.settings[key] = value

    def _do_service(self, uuid: str) -> None:
        self.services.append(Service(uuid))

    def _do_char(self, uuid: str, flags: int) -> int:
        one = Characteristic(uuid, flags, next(self._handles))
        self.services[-1].characteristics.append(one)
        return one.handle

    def _do_buffer(self, handle: int, room: int, append: int) -> None:
        one = self._own(handle)
        one.room, one.append, one.value = room, bool(append), b""

    def _do_read(self, handle: int) -> bytes:
        one = self._own(handle)
        value = one.value
        if one.append:
            one.value = b""
        return value

    def _do_write(self, handle: int, data: bytes, send_update: int) -> None:
        self._own(handle).value = data

    def _do_notify(self, number: int, handle: int, data: bytes | None) -> None:
        one, connection = self._own(handle), self.connections.get(number)
        if connection is None:
            raise _Errno(_ENOTCONN)
        if self.jammed and len(connection.held) >= _ROOM_NOTIFICATIONS:
            raise _Errno(_ENOMEM)
        connection.notify(handle, one.value if data is None else data, self.jammed)

    def _do_advertise(
        self, interval_us: int, data: bytes | None, response: bytes | None, connectable: int
    ) -> None:
        last = self._last or Advertising(b"", b"", True)
        data, response = data or last.data, response or last.response
        self._last = Advertising(data, response, bool(connectable))
        self.advertising = self._last if interval_us else None
        self._changed(self)

    def _do_disconnect(self, number: int) -> int:
        connection = self.connections.get(number)
        if connection is not None:
            connection.end_soon()
        return int(connection is not None)

    def _do_passkey(self, number: int, action: int, passkey: int) -> None:
        connection = self.connections.get(number)
        if connection is not None:
            connection.shows(passkey)

    def _own(self, handle: int) -> Characteristic:
        one = self.find(handle)
        if one is None:
            raise _Errno(_EINVAL)
        return one


class _Errno(Exception):
    def __init__(self, number: int) -> None:
        self.number = number


def _coded(value: Value) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    return str(int(value)) if isinstance(value, int) else "x" + value.hex()


def _decoded(word: str) -> Value:
    if word == "-":
        return None
    if word[0] == "x":
        return bytes.fromhex(word[1:])
    try:
        return int(word)
    except ValueError:
        return word
