"""How much of a bus a configuration needs, before anything is started. Pure arithmetic.

What a frame takes is in `line`; to it comes the time that the device takes to turn around. That is
taken as typical, so a forecast is one, no promise.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.attest.place import INTERVAL_S
from gateway.collect.line import (
    READ_HEAD_BYTES,
    READ_REQUEST_BYTES,
    READ_WRITE,
    WRITE_HEAD_BYTES,
    WRITE_REPLY_BYTES,
    byte_s,
    gap_s,
    request_bytes,
    silence_s,
)
from gateway.config import BusConfig
from gateway.profiles import find_profile, plan
from gateway.profiles.errors import ProfileError
from wireformat import modbus_map as m

BOARD_TURNAROUND_S, METER_TURNAROUND_S = 0.030, 0.050
FULL = 1.0
"""Beyond this, visits come later than they should; records wait on their boards meanwhile."""

_FC23_REQUEST = request_bytes(READ_WRITE, m.CURSOR_WORDS)
_RECORD_WORDS = m.WINDOW_HEAD_WORDS + 94
"""A reading of two channels; windows are read as long as the records were that came."""

_ACK_BYTES = 2 * m.INBOX_HEAD_WORDS + 152
_FATE_READS = 2


@dataclass(frozen=True)
class Exchange:
    """One request and its reply, in bytes; `times` of it in a second."""

    request: int
    reply: int
    turnaround_s: float
    times: float


@dataclass(frozen=True)
class Forecast:
    """The share of a bus's time that its devices need, largest first; 1 is all of it."""

    bus: str
    share: float
    parts: tuple[tuple[str, float], ...]

    def __str__(self) -> str:
        most = ", ".join(f"{name} {share:.1%}" for name, share in self.parts[:3])
        return f"bus {self.bus} needs {self.share:.0%} of its time ({most})"

    @property
    def advice(self) -> str:
        """What to do about a bus that is too full; empty if it is not."""
        if self.share <= FULL:
            return ""
        return "raise the baud rate or poll_s, or put some of the devices on another bus"


def forecast(bus: BusConfig, poll_s: int) -> Forecast:
    """What `bus` needs with a visit to each device every `poll_s` seconds."""
    needs = [(device.name, _busy(bus, _board(poll_s))) for device in bus.devices]
    for meter in bus.meters:
        blocks = _blocks(meter.profile, meter.unconfirmed)
        needs.append((meter.name, _busy(bus, _meter(blocks, min(poll_s, INTERVAL_S)))))
    needs.sort(key=lambda need: (-need[1], need[0]))
    return Forecast(bus.name, sum(need for _, need in needs), tuple(needs))


def _board(poll_s: int) -> Iterable[Exchange]:
    """A visit reads the status; each record its window, an ack and its fate."""
    visits, records, turn_s = 1 / poll_s, 1 / INTERVAL_S, BOARD_TURNAROUND_S
    status = READ_HEAD_BYTES + 2 * m.STATUS_WORDS
    window = READ_HEAD_BYTES + 2 * _RECORD_WORDS
    fate = READ_HEAD_BYTES + 2 * m.INBOX_STATUS_WORDS
    acks = min(visits, records)
    yield Exchange(READ_REQUEST_BYTES, status, turn_s, visits)
    yield Exchange(_FC23_REQUEST, window, turn_s, records)
    yield Exchange(WRITE_HEAD_BYTES + _ACK_BYTES, WRITE_REPLY_BYTES, turn_s, acks)
    yield Exchange(READ_REQUEST_BYTES, fate, turn_s, _FATE_READS * acks)


def _meter(blocks: Iterable[int], poll_s: int) -> Iterable[Exchange]:
    for words in blocks:
        yield Exchange(
            READ_REQUEST_BYTES, READ_HEAD_BYTES + 2 * words, METER_TURNAROUND_S, 1 / poll_s
        )


def _blocks(profile_name: str, unconfirmed: bool) -> list[int]:
    """Words of each read; a device without a table of registers is taken as two of 60."""
    try:
        profile = find_profile(profile_name)
    except ProfileError:
        return [60, 60]
    return [block.count for block in plan(profile, profile.chosen(unconfirmed))]


def _busy(bus: BusConfig, exchanges: Iterable[Exchange]) -> float:
    """Seconds of the bus in a second."""
    pauses_s = silence_s(bus) + gap_s(bus)
    return sum(
        e.times * ((e.request + e.reply) * byte_s(bus) + pauses_s + e.turnaround_s)
        for e in exchanges
    )
