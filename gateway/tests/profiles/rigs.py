"""An emulated meter at the end of a PTY or of a TCP port, for the time of a test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from gateway.profiles import Profile, find_profile
from gateway.profiles.link import MeterLink, PortConfig
from truewatt.emulator.commercial import EmulatedMeter, MeterLine, MeterTcp
from truewatt.emulator.wires.tty import Tty


def brisk(name: str) -> Profile:
    """A profile with a pause that tests can wait for."""
    return replace(find_profile(name), pause_ms=2)


@asynccontextmanager
async def on_a_line(folder: Path, *meters: EmulatedMeter) -> AsyncIterator[MeterLine]:
    line = MeterLine(Tty(folder / "tty"), list(meters))
    line.attach()
    try:
        yield line
    finally:
        line.detach()
        line.line.close()


@asynccontextmanager
async def on_tcp(*meters: EmulatedMeter) -> AsyncIterator[str]:
    """Yields the port as the command line takes it."""
    server = MeterTcp(list(meters))
    await server.start()
    try:
        yield f"tcp://127.0.0.1:{server.port}"
    finally:
        await server.stop()


def link_to(line: MeterLine, timeout_ms: int = 150) -> MeterLink:
    return MeterLink(PortConfig(str(line.line.path), timeout_ms=timeout_ms))
