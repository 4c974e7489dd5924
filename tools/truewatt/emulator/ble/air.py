"""What emulated boards and centrals share: who is on the air, and who hears whom."""

import asyncio
import contextlib
from pathlib import Path

from truewatt.emulator.ble.gatt import LinkLost
from truewatt.emulator.ble.link import Connection
from truewatt.emulator.ble.stack import Stack
from truewatt.emulator.wires.pins import bind_unix


class Air:
    """Boards plug into the socket at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stacks: dict[bytes, Stack] = {}
        self._server: asyncio.Server | None = None
        self._away: set[bytes] = set()

    async def open(self) -> None:
        """Let boards come."""
        self._server = await asyncio.start_unix_server(self._serve, sock=bind_unix(self.path))

    def close(self) -> None:
        """End it; boards that are on stop, as without mains."""
        if self._server is not None:
            self._server.close()
        for stack in list(self.stacks.values()):
            stack.hang_up()
        self.path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.CancelledError):  # the air's own end
            await Stack(reader, writer, self._changed).run()

    def _changed(self, stack: Stack) -> None:
        if stack.alive:
            self.stacks[stack.address] = stack
        elif self.stacks.get(stack.address) is stack:
            del self.stacks[stack.address]

    def heard(self) -> list[Stack]:
        """Boards that advertise within reach."""
        near = (s for s in self.stacks.values() if s.address not in self._away)
        return [stack for stack in near if stack.advertising is not None]

    async def connect(self, address: bytes, central: bytes) -> Connection:
        """Connect a central to a board. Raises `LinkLost`."""
        stack = self.stacks.get(address)
        if stack is None or address in self._away:
            raise LinkLost("not within reach")
        return await stack.connect(central)

    # ---- what a test does to the air -----------------------------------------------------------

    async def away(self, address: bytes, away: bool = True) -> None:
        """Take a board out of everybody's reach, its connections with it; or bring it back."""
        if not away:
            self._away.discard(address)
            return
        self._away.add(address)
        stack = self.stacks.get(address)
        for connection in list(stack.connections.values()) if stack else []:
            await connection.disconnect()

    def jam(self, address: bytes, jammed: bool) -> None:
        """Have notifications of a board wait, or flow again."""
        stack = self.stacks[address]
        stack.jammed = jammed
        if not jammed:
            for connection in stack.connections.values():
                connection.flow()
