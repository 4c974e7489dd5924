"""`bus.rs485` of the configuration: a transceiver that the kernel switches by RTS."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import cast

from gateway.schema import Problem


@dataclass(frozen=True)
class Rs485Config:
    """The level of RTS while the gateway sends, and how long it stays before and after, ms."""

    rts_on_send: bool
    delay_before_ms: int = 0
    delay_after_ms: int = 0


def driver_enables(buses: Iterable[tuple[str, dict[str, object]]]) -> Iterator[Problem]:
    """RTS is of a UART that somebody is asked on, and its level is no guess."""
    for key, bus in buses:
        rs485 = cast(dict[str, object], bus.get("rs485", {}))
        if rs485.get("rts_on_send") is None and not any(rs485.values()):
            continue
        if rs485.get("rts_on_send") is None:
            yield Problem(f"{key}.rs485.rts_on_send", "", "true or false; it is missing")
        if str(bus.get("port", "")).startswith("tcp://"):
            yield Problem(f"{key}.rs485", "", "a serial port: Modbus TCP has no RTS")
        meters = cast(list[dict[str, object]], bus.get("meter", []))
        if any(str(row.get("profile", "")).startswith("p1_") for row in meters):
            yield Problem(f"{key}.rs485", "", "no P1 port: nothing is sent there")
