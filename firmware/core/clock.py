"""Time on a board: uptime from ticks, Unix time from signed beacons only.

Before the first beacon, Unix time stands on the last journalled record's, so that it never runs
backwards over a reboot; it is then a lower bound of the true time and marked untrusted.
"""

EARLIEST_MS = 1735689600000  # 2025-01-01: no record of this project is older
LATEST_MS = 4102444800000  # 2100-01-01
HOLD_MS = 24 * 3600 * 1000
"""How long a beacon is trusted: a crystal of 40 ppm drifts 3.5 s in that time."""


class Clock:
    """`ticks` is the `time` module, or whatever has ticks_ms and ticks_diff."""

    def __init__(self, ticks: object) -> None:
        self._ticks = ticks
        self._mark = ticks.ticks_ms()
        self._up_ms = 0
        self._unix_ms = 0
        self.trusted_until_ms = -1

    def up_ms(self) -> int:
        """Milliseconds since boot; does not wrap (call it at least every six days)."""
        now = self._ticks.ticks_ms()
        elapsed = self._ticks.ticks_diff(now, self._mark)
        self._mark = now
        self._up_ms += elapsed
        self._unix_ms += elapsed
        return self._up_ms

    def now_ms(self) -> int:
        """Unix milliseconds; a lower bound of the true time while untrusted."""
        self.up_ms()
        return self._unix_ms

    def now_s(self) -> int:
        """Unix seconds."""
        return self.now_ms() // 1000

    def trusted(self) -> bool:
        """Whether a beacon of the last 24 h stands behind `now_ms`."""
        return self.up_ms() < self.trusted_until_ms

    def not_before(self, unix_s: int) -> None:
        """Raise an earlier Unix time to `unix_s` (time of a record of this board)."""
        if self.now_ms() < unix_s * 1000:
            self._unix_ms = unix_s * 1000

    def beacon(self, time_ms: int, travel_ms: int, last_record_s: int) -> bool:
        """Take the time of a verified beacon; False if it is before the last record.

        The true time lies within [time_ms, time_ms + travel_ms], `travel_ms` being how long ago
        the nonce was read. A clock that is already there is left alone, so that beacons that
        took long do not make it step.
        """
        earliest_ms = max(time_ms, last_record_s * 1000)
        latest_ms = time_ms + travel_ms
        if latest_ms < earliest_ms:
            return False
        if not (self.trusted() and earliest_ms <= self.now_ms() <= latest_ms):
            self._unix_ms = max(time_ms + travel_ms // 2, earliest_ms)
        self.trusted_until_ms = self._up_ms + HOLD_MS
        return True
