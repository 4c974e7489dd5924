"""The board at a serial port, by mpremote's transport; its failures become named errors."""

import ast
import binascii
import hashlib
import io
import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport

from truewatt.device.chips import Chip, chip_of
from truewatt.device.errors import (
    BoardFull,
    BoardRefused,
    CableLost,
    DeviceError,
    NoPort,
    NoPrompt,
    TooOld,
    WrongChip,
)

BAUD = 115200
OLDEST = (1, 25)
CHUNK_BYTES = 2048
_DIGESTS_AT_ONCE = 16
_PROMPT_PATIENCE_S = (3, 6, 12)
OPEN_PATIENCE_S = 3
_SILENCE_S = 60
_READ_S = 10
NEW = ".new"
T = TypeVar("T")

# What the board needs for the rest: hashes and writing. A board that ran its firmware has a
# watchdog that nobody feeds any more: made anew it has patience for longer than a flash takes.
_HELPERS = """\
import os,sys,binascii,hashlib
def _h(p):
 try:f=open(p,'rb')
 except OSError:return None
 d=hashlib.sha256();b=bytearray(512);m=memoryview(b);s=0
 while 1:
  n=f.readinto(b)
  if not n:break
  d.update(m[:n]);s+=n
 f.close();return s,binascii.hexlify(d.digest()).decode()
def _d(p):
 r=[]
 try:l=list(os.ilistdir(p))
 except OSError:return r
 for e in l:
  q=p+'/'+e[0]
  r+=_d(q) if e[1]&0x4000 else [q]
 return r
def _m(p):
 q=''
 for w in p.split('/')[1:-1]:
  q+='/'+w
  try:os.mkdir(q)
  except OSError:pass
def _r(p):
 try:os.remove(p)
 except OSError:pass
try:
 os.stat('/config.json')
 import machine
 machine.WDT(timeout=600000)
except Exception:pass
"""
# A restart from here is no sign that new firmware on trial is bad (firmware/stage/start.py).
_RESTART = """\
import machine
try:
 from esp32 import NVS
 n=NVS('tw');b=bytearray(14)
 if n.get_blob('slot',b)==14 and b[2] and b[3]:b[3]=0;n.set_blob('slot',b);n.commit()
except Exception:pass
machine.reset()"""
_WHO = (
    "import os,sys;i=sys.implementation;"
    "print(repr((i[0],tuple(i[1])[:3],getattr(i,'_machine','') or os.uname()[4],"
    "getattr(i,'_mpy',0)>>10)))"
)


@dataclass(frozen=True)
class Identity:
    """What the board says it is."""

    name: str
    version: tuple[int, ...]
    machine: str

    @property
    def chip(self) -> Chip | None:
        """Its chip, if it is one that is known."""
        return chip_of(self.machine)

    def __str__(self) -> str:
        return f"{self.machine}, {self.name} {'.'.join(map(str, self.version))}"


class Link:
    """A board at its raw prompt."""

    def __init__(self, transport: SerialTransport, port: str) -> None:
        self._transport = transport
        self._port = port

    def identify(self) -> Identity:
        """Who is there."""
        name, version, machine, _ = ast.literal_eval(self.run(_WHO))
        return Identity(str(name), tuple(version), str(machine))

    def require(self, chip: Chip | None = None) -> Identity:
        """Load the helpers on a board that is new enough, and of that chip if one is named.

        Raises `TooOld`, `WrongChip`.
        """
        found = self.identify()
        if found.name != "micropython" or found.version[:2] < OLDEST:
            raise TooOld(
                f"{found.name} {'.'.join(map(str, found.version))}, at least 1.25 is needed",
                self._port,
                "Flash a current MicroPython: --erase-and-flash IMAGE.bin (docs/flashing.md).",
            )
        if chip is not None and found.chip != chip:
            raise WrongChip(
                f"the board is a {found.machine}, not a {chip.word}",
                self._port,
                "Name the right --board; `truewatt device boards` lists them.",
            )
        self.run(_HELPERS)
        return found

    def run(self, code: str) -> str:
        """Run code on the board; what it printed.

        Raises `CableLost`; `BoardFull`, `BoardRefused` for what the board says.
        """
        try:
            said, wrong = self._guard(lambda: self._transport.exec_raw(code, timeout=_SILENCE_S))
        except TransportExecError as error:
            said, wrong = b"", error.error_output.encode()
        if wrong:
            self._refused(wrong.decode("utf-8", "replace"))
        return bytes(said).decode("utf-8", "replace")

    def value(self, expression: str) -> Any:
        """The value of an expression on the board."""
        return ast.literal_eval(self.run(f"print(repr({expression}))"))

    def digest(self, path: str) -> tuple[int, str] | None:
        """Size and SHA-256 (hexadecimal) of a file on the board; None if it isn't there."""
        found = self.value(f"_h({path!r})")
        return None if found is None else (int(found[0]), str(found[1]))

    def digests(self, paths: list[str]) -> dict[str, tuple[int, str] | None]:
        """The same of many files."""
        found: dict[str, tuple[int, str] | None] = {}
        for at in range(0, len(paths), _DIGESTS_AT_ONCE):
            some = paths[at : at + _DIGESTS_AT_ONCE]
            found |= dict(zip(some, self.value(f"[_h(p) for p in {some!r}]"), strict=True))
        return found

    def read(self, path: str) -> bytes | None:
        """A file's bytes; None if it isn't there."""
        if self.digest(path) is None:
            return None
        return bytes(self._guard(lambda: self._transport.fs_readfile(path)))

    def write(self, path: str, data: bytes, progress: Callable[[int], None]) -> bool:
        """Write a file beside its place, verify it there, move it in one step; False if it reads
        back as something else. `progress` is told of the bytes written since.

        In base64: a third more bytes on the cable, where repr() takes three times as many.
        """
        new, facts = path + NEW, (len(data), hashlib.sha256(data).hexdigest())
        begin = f"_m({path!r});f=open({new!r},'wb');"
        end = f";f.close();g=_h({new!r})=={facts!r};g and os.rename({new!r},{path!r});print(g)"
        for at in range(0, len(data), CHUNK_BYTES):
            chunk = data[at : at + CHUNK_BYTES]
            text = binascii.b2a_base64(chunk, newline=False).decode()
            last = at + CHUNK_BYTES >= len(data)
            said = self.run(
                (begin if not at else "")
                + f"f.write(binascii.a2b_base64('{text}'))"
                + (end if last else "")
            )
            progress(len(chunk))
        return said.strip() == "True"

    def restart(self) -> None:
        """Reset the board: its firmware starts."""
        self._guard(lambda: self._transport.exec_raw_no_follow(_RESTART))
        self._transport.in_raw_repl = False

    def lines(self, seconds: float) -> Iterator[str]:
        """What the board prints after a restart, heard from its first line on.

        Ends early, the port closed, if that goes away: a chip's own USB does at a restart.
        """
        port, rest = self._transport.serial, b""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                rest += port.read(max(1, port.in_waiting))
            except (OSError, TypeError):
                close_port(self._transport)
                return
            *whole, rest = rest.split(b"\n")
            yield from (text.decode("utf-8", "replace").rstrip("\r") for text in whole)

    def _guard(self, action: Callable[[], T]) -> T:
        try:
            return action()
        except TransportExecError:
            raise
        except (TransportError, OSError, struct.error, IndexError) as error:
            raise CableLost(
                f"the board stopped answering: {error}",
                self._port,
                "Check cable and power, then run the same command again: it resumes.",
            ) from None

    def _refused(self, said: str) -> None:
        last = said.strip().splitlines()[-1] if said.strip() else "no reason"
        if "ENOSPC" in last or last == "OSError: 28":
            raise BoardFull(
                "the board's filesystem is full",
                self._port,
                "Remove files that aren't ours (mpremote ls, rm), or erase: --erase-and-flash.",
            )
        # The text of the code that failed is not told: it may hold a network's password.
        raise BoardRefused(last, self._port, "Correct what the board says, then run it again.")


@contextmanager
def attached(port: str) -> Iterator[Link]:
    """A board at `port`, stopped and at its raw prompt; the port is closed again after.

    What is refused, or ended by ^C, starts the board again: a meter that stands still measures and
    protects nothing. Raises `NoPort`, `NoPrompt`.
    """
    transport = open_port(port)
    try:
        _enter(transport, port)
        link = Link(transport, port)
        try:
            yield link
        except (DeviceError, KeyboardInterrupt):
            if transport.in_raw_repl:
                with suppress(DeviceError):
                    link.restart()
            raise
        if transport.in_raw_repl:
            transport.exit_raw_repl()
    finally:
        close_port(transport)


def open_port(port: str) -> SerialTransport:
    """mpremote's transport at `port`. Raises `NoPort`."""
    deadline = time.monotonic() + OPEN_PATIENCE_S
    while True:
        try:
            return SerialTransport(port, BAUD, timeout=_READ_S)
        except (TransportError, OSError) as error:
            # A port that just came is looked at by others (ModemManager) for a moment.
            if os.path.exists(port) and time.monotonic() < deadline:
                time.sleep(0.1)
                continue
            raise NoPort(
                str(error), port, "See `mpremote connect list`; close what else has the port open."
            ) from None


def close_port(transport: SerialTransport) -> None:
    """Close it, whatever has become of it."""
    try:
        transport.close()
    except OSError:
        transport.serial.close()


def _enter(transport: SerialTransport, port: str) -> None:
    """A board that is just starting loses what it is sent: ask again, each time more patiently."""
    wrong: Exception | None = None
    for patience_s in _PROMPT_PATIENCE_S:
        try:
            # mpremote prints what it heard instead of a prompt; that is the console's business.
            with redirect_stdout(io.StringIO()):
                transport.enter_raw_repl(timeout_overall=patience_s)
            return
        except TransportError as error:
            wrong = error
        except OSError as error:
            wrong = error
            break
    raise NoPrompt(
        f"no MicroPython prompt: {wrong}",
        port,
        "Is it the board's port, and MicroPython on it? If not: --erase-and-flash IMAGE.bin.",
    )
