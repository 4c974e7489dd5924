"""A board's console, as it runs: nothing is sent, so nothing is disturbed."""

import os
import time
from collections.abc import Callable, Iterator

import serial

from truewatt.device.errors import CableLost, NoPort
from truewatt.device.link import BAUD, OPEN_PATIENCE_S

_POLL_S = 0.2
_LONGEST_LINE = 4096


def follow(
    port: str, seconds: float | None, clock: Callable[[], float] = time.monotonic
) -> Iterator[str]:
    """Lines as the board prints them, for so long or for ever. Raises `NoPort`, `CableLost`."""
    end = None if seconds is None else clock() + seconds
    with _open(port) as line:
        rest = b""
        while end is None or clock() < end:
            try:
                rest += line.read(max(1, line.in_waiting))
            except (OSError, serial.SerialException) as error:
                raise CableLost(str(error), port, "Check cable and power.") from None
            *whole, rest = rest.split(b"\n")
            if len(rest) > _LONGEST_LINE:
                whole, rest = [*whole, rest], b""
            yield from (text.decode("utf-8", "replace").rstrip("\r") for text in whole)


def _open(port: str) -> serial.Serial:
    deadline = time.monotonic() + OPEN_PATIENCE_S
    while True:
        try:
            return serial.Serial(port, BAUD, timeout=_POLL_S, exclusive=True)
        except (OSError, serial.SerialException) as error:
            if os.path.exists(port) and time.monotonic() < deadline:
                time.sleep(_POLL_S)
                continue
            raise NoPort(str(error), port, "See `mpremote connect list`.") from None
