"""A board's pins as seen from outside, over a Unix socket (protocol: chip/chip_pin.py).

A second connection is the board's mains: when it closes, the board's process ends. A third says
whether the supply sagged (d) or was off (o) before.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path

_MAX_SUN_PATH = 107


class PinSocket:
    """Listens at `path`. `on_change(pin, level)` is told of outputs; None: the pin floats."""

    def __init__(self, path: Path, on_change: Callable[[int, int | None], None]) -> None:
        self.path = path
        self._on_change = on_change
        self._server: asyncio.Server | None = None
        self._inputs: dict[int, int] = {}
        self._listening: set[int] = set()
        self._outputs: dict[int, int] = {}
        self._pins: asyncio.StreamWriter | None = None
        self._mains: set[asyncio.StreamWriter] = set()
        self._dipped = False

    @property
    def board_is_on(self) -> bool:
        """Whether a board holds its pins."""
        return self._pins is not None

    async def open(self) -> None:
        """Start listening."""
        listener = bind_unix(self.path)
        self._server = await asyncio.start_unix_server(self._serve, sock=listener)

    def close(self) -> None:
        """Stop listening and cut the board's mains."""
        if self._server is not None:
            self._server.close()
        self.cut_mains()
        self.path.unlink(missing_ok=True)

    def cut_mains(self, brown_out: bool = False) -> None:
        """Take the board's supply away; it may be started again at once.

        `brown_out`: the supply only sags, as far as the chip's detector resets it.
        """
        self._dipped = brown_out
        for writer in self._mains:
            writer.close()

    def drive(self, pin: int, level: int) -> None:
        """Put a level on an input."""
        self._inputs[pin] = level
        if pin in self._listening and self._pins is not None:
            self._pins.write(b"%d %d\n" % (pin, level))

    def pulse(self, pin: int, count: int) -> None:
        """Give an input so many short pulses, as nearly at once as the board can tell."""
        if pin in self._listening and self._pins is not None:
            self._pins.write(b"%d +%d\n" % (pin, count))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            role = (await reader.readline()).strip()
            if role == b"pins":
                await self._serve_pins(reader, writer)
            elif role == b"mains":
                await self._hold_mains(reader, writer)
            elif role == b"supply":
                dipped, self._dipped = self._dipped, False
                writer.write(b"d" if dipped else b"o")
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _hold_mains(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._mains.add(writer)
        await reader.read()
        self._mains.discard(writer)

    async def _serve_pins(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._pins = writer
        try:
            while line := await reader.readline():
                self._take(line.decode("ascii").split())
        finally:
            if self._pins is writer:
                self._pins = None
                self._float()

    def _take(self, words: list[str]) -> None:
        what, pin, level = words[0], int(words[1]), int(words[2])
        if what == "out":
            self._outputs[pin] = level
            self._on_change(pin, level)
        elif what == "in" and self._pins is not None:
            self._listening.add(pin)
            self._pins.write(b"%d %d\n" % (pin, self._inputs.get(pin, level)))

    def _float(self) -> None:
        """The board is off: nothing drives its pins."""
        self._listening.clear()
        pins = list(self._outputs)
        self._outputs.clear()
        for pin in pins:
            self._on_change(pin, None)


def bind_unix(path: Path) -> socket.socket:
    """Bind a Unix socket; a path longer than sun_path goes through its directory's descriptor."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with _ShortName(path) as name:
        listener.bind(name)
    return listener


def connect_unix(path: Path, timeout_s: float) -> socket.socket:
    """Connect to a Unix socket, however long its path."""
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.settimeout(timeout_s)
    with _ShortName(path) as name:
        link.connect(name)
    return link


class _ShortName:
    """A name of at most sun_path's length for `path`, valid inside the `with`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._directory = -1

    def __enter__(self) -> str:
        if len(os.fsencode(self._path)) <= _MAX_SUN_PATH:
            return str(self._path)
        self._directory = os.open(self._path.parent, os.O_PATH | os.O_DIRECTORY)
        return f"/proc/self/fd/{self._directory}/{self._path.name}"

    def __exit__(self, *exc: object) -> None:
        if self._directory >= 0:
            os.close(self._directory)
