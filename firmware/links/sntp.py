"""Time from an SNTP server (RFC 4330, 5905): unsigned, so that it makes no clock trusted (ADR 147).

Until the first beacon it may raise the flagged time of records, by ten minutes at most; from then
on it is only compared with the clock and with what beacons said of the crystal. Each request has
eight random bytes in place of its time, and what does not give them back is no answer.
"""

import asyncio
import os
import socket
from errno import EAGAIN

from core.clock import EARLIEST_MS, LATEST_MS
from core.log import log
from wireformat import codes

BYTES = 48
_LOOK_MS = 20
_ANSWER_MS, _ROUND_TRIP_MS, _HELD_MS = 3000, 2000, 1000
# A flood on the port must not keep the board at reading.
_MOST_ANSWERS = 8
_FIRST_S, _RETRY_S, _LONGEST_S = 16, 64, 86400
_AHEAD_MS = 600000
_DIFFERS_MS = 5000
_BASELINE_MS = 3600000
_TO_1970_S = 2208988800


class Refused(Exception):
    """An answer that is none; its name. `kiss`: the server's code, if it is that."""

    def __init__(self, name: str, kiss: bytes = b"") -> None:
        self.name = name
        self.kiss = kiss


def request(nonce: bytes) -> bytes:
    """Version 4, mode 3 (client)."""
    return b"\x23" + bytes(39) + nonce


def server_time(data: bytes, nonce: bytes) -> "tuple[int, int]":
    """(Unix ms when the server sent `data`, ms since it had got the request). Raises `Refused`."""
    name = _fault(data, nonce)
    if name:
        raise Refused(name, data[12:16] if name == "kiss" else b"")
    sent_ms = _unix_ms(data[40:48])
    held_ms = sent_ms - _unix_ms(data[32:40])
    if not EARLIEST_MS <= sent_ms < LATEST_MS:
        raise Refused("time")
    if not 0 <= held_ms <= _HELD_MS:
        raise Refused("held")
    return sent_ms, held_ms


def _fault(data: bytes, nonce: bytes) -> str:
    if len(data) < BYTES:
        return "short"
    if data[0] & 7 != 4:
        return "mode"
    if data[0] >> 3 & 7 != 4:
        return "version"
    if data[24:32] != nonce:
        return "origin"
    if data[1] == 0:
        return "kiss"
    if data[0] >> 6 == 3:
        return "leap"
    if data[1] > 15:
        return "stratum"
    return "" if any(data[40:48]) else "transmit"


def _unix_ms(stamp: bytes) -> int:
    seconds = int.from_bytes(stamp[:4], "big")
    if seconds < 1 << 31:
        seconds += 1 << 32  # from 2036 on they count anew
    fraction_ms = int.from_bytes(stamp[4:8], "big") * 1000 >> 32
    return (seconds - _TO_1970_S) * 1000 + fraction_ms


async def _received(udp: object) -> bytes:
    """One datagram; a stream's `read` would fill up a short one from the next."""
    while True:
        try:
            return udp.recv(BYTES)
        except OSError as error:
            if error.errno != EAGAIN:
                raise
        await asyncio.sleep_ms(_LOOK_MS)


class Sntp:
    """`station` is a `network.WLAN` that a link has on the network; `not_before` the clock's."""

    def __init__(self, node: object, station: object, not_before: object) -> None:
        self._node = node
        self._station = station
        self._not_before = not_before
        self._config = node.config.sntp
        self._interval_s = self._config.interval_s
        clock = node.clock
        self._most_ms = clock.now_ms() - clock.up_ms() + _AHEAD_MS
        self._first: "tuple | None" = None
        self._said = None
        self.answers = 0
        self.refused: dict = {}
        """Name -> how often; names are those of this module."""

    async def run(self) -> None:
        """Ask for ever, or until the server says never again."""
        # Boards that start together must not ask together.
        await asyncio.sleep_ms(_FIRST_S * 1000 * os.urandom(1)[0] >> 8)
        retry_s = _RETRY_S
        while True:
            wait_s = retry_s = min(2 * retry_s, self._interval_s)
            try:
                if self._station.isconnected():
                    await self._ask()
                    wait_s, retry_s = self._interval_s, _RETRY_S
                else:
                    wait_s = _RETRY_S
            except OSError as error:
                self._refuse("unreachable", error)
            except asyncio.TimeoutError:
                self._refuse("silent")
            except Refused as refused:
                self._refuse("kiss", refused.kiss)
                if refused.kiss in (b"DENY", b"RSTR"):
                    return
                if refused.kiss == b"RATE":
                    wait_s = self._interval_s = min(2 * self._interval_s, _LONGEST_S)
            await asyncio.sleep_ms(wait_s * 1000)

    def _refuse(self, name: str, why: object = "") -> None:
        self.refused[name] = self.refused.get(name, 0) + 1
        # Said when it is another than before: a console is no place for a flood.
        if name != self._said:
            self._said = name
            log("sntp", "%s %s" % (name, why))

    async def _ask(self) -> None:
        """One question; raises `OSError`, `TimeoutError`, or `Refused` if it was a kiss."""
        address = socket.getaddrinfo(self._config.host, self._config.port)[0][-1]
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.setblocking(False)
            udp.connect(address)  # what comes from elsewhere does not reach us
            nonce = os.urandom(8)
            asked_ms = self._node.clock.up_ms()
            udp.send(request(nonce))
            await asyncio.wait_for_ms(self._answer(udp, nonce, asked_ms), _ANSWER_MS)
        finally:
            udp.close()

    async def _answer(self, udp: object, nonce: bytes, asked_ms: int) -> None:
        clock = self._node.clock
        for _ in range(_MOST_ANSWERS):
            data = await _received(udp)
            way_ms = clock.up_ms() - asked_ms
            try:
                sent_ms, held_ms = server_time(data, nonce)
                way_ms -= held_ms
                if not -1 <= way_ms <= _ROUND_TRIP_MS:
                    raise Refused("round_trip")
            except Refused as refused:
                if refused.kiss:
                    raise
                self._refuse(refused.name)
                continue
            self.answers += 1
            self._take(sent_ms + way_ms // 2)
            return
        raise asyncio.TimeoutError

    # ---- what it is good for -----------------------------------------------------------------

    def _take(self, unix_ms: int) -> None:
        clock = self._node.clock
        if clock.trusted_until_ms < 0:  # no beacon since the start
            self._estimate(unix_ms)
            return
        up_ms, off_ms = clock.up_ms(), unix_ms - clock.now_ms()
        said = "%d ms off the clock" % off_ms
        if self._first is None:
            self._first = (up_ms, unix_ms)
        elif up_ms - self._first[0] >= _BASELINE_MS:
            span_ms = up_ms - self._first[0]
            fast_ppm = (span_ms - unix_ms + self._first[1]) * 1000000 // span_ms
            said += ", crystal %d ppm fast" % fast_ppm
            if self._node.config.drift:
                said += ", by beacons %d" % clock.fast_ppm
            self._first = (up_ms, unix_ms)
        if abs(off_ms) > _DIFFERS_MS:
            self._refuse("differs", said)
        else:
            self._said = None
            log("sntp", said)

    def _estimate(self, unix_ms: int) -> None:
        """Raise the time of records before the first beacon.

        By little: a forged answer would else make genuine beacons and commands too old for long.
        """
        clock = self._node.clock
        if unix_ms < clock.now_ms():
            self._refuse("behind")
        elif unix_ms > self._most_ms + clock.up_ms():
            self._refuse("too_far")
        elif unix_ms >= 1000 * self._node.certificates.expires_s(codes.ACK):
            self._refuse("beyond_certificate")
        else:
            self._not_before(unix_ms // 1000)
            self._said = None
            log("sntp", "time raised, untrusted")
