"""A clock that learns from beacons how fast the board's crystal is, and makes up for it (ADR 147).

Loaded with `"drift": true` alone: it takes some 1.6 KiB of heap.
"""

from core.clock import HOLD_MS, Clock
from core.errors import StorageError
from core.log import log

# No crystal is worse; what seems so is a gateway whose clock was set.
_WORST_PPM = 200
# Two beacons tell of the crystal when this many times what they travelled lies between them: what
# is unknown of their way is then below 12.5 ppm. Ten minutes at least.
_BASELINE, _LEAST_TRAVEL_MS = 40000, 15
# A clock that is up to so much ahead is not set back but slowed down, by 1 %.
_AHEAD_MS, _SLOWED_PPM = 5000, 10000


class DriftClock(Clock):
    """`store` keeps the crystal's drift over a restart."""

    def __init__(self, ticks: object, store: object) -> None:
        super().__init__(ticks)
        self._store = store
        self.fast_ppm = _bounded(store.number("drift"))
        self.base: "tuple | None" = None  # of a beacon: uptime, time, travel
        self._slow_ms = 0
        self._rest = 0  # millionths of a ms that time still owes

    def up_ms(self) -> int:
        """Milliseconds of the crystal since boot; only Unix time is corrected."""
        before_ms = self._up_ms
        up_ms = super().up_ms()
        elapsed = up_ms - before_ms
        slow_ms = min(elapsed, self._slow_ms)
        self._slow_ms -= slow_ms
        # Less than what has passed, so that time never runs back.
        rest = self._rest - elapsed * self.fast_ppm - slow_ms * _SLOWED_PPM
        self._rest = rest % 1000000
        self._unix_ms += rest // 1000000
        return up_ms

    def beacon(self, time_ms: int, travel_ms: int, last_record_s: int) -> bool:
        """As any clock's; but one that is a little ahead is slowed down, not set back."""
        latest_ms = time_ms + travel_ms
        ahead_ms = self.now_ms() - latest_ms
        self._slow_ms = 0
        if self.trusted() and 0 < ahead_ms <= _AHEAD_MS and latest_ms >= last_record_s * 1000:
            self._slow_ms = ahead_ms * (1000000 // _SLOWED_PPM)
            self.trusted_until_ms = self._up_ms + HOLD_MS
        elif not super().beacon(time_ms, travel_ms, last_record_s):
            return False
        self._track(time_ms + travel_ms // 2, travel_ms)
        return True

    def _track(self, unix_ms: int, travel_ms: int) -> None:
        """See what the crystal did between two beacons that are long enough apart."""
        if self.base is not None:
            up_ms, base_ms, base_travel_ms = self.base
            span_ms = self._up_ms - up_ms
            if span_ms >= max(travel_ms + base_travel_ms, _LEAST_TRAVEL_MS) * _BASELINE:
                self._learn((span_ms - unix_ms + base_ms) * 1000000 // span_ms)
            elif span_ms >= (base_travel_ms - travel_ms) * _BASELINE:
                return  # the older one is done sooner
        self.base = (self._up_ms, unix_ms, travel_ms)

    def _learn(self, ppm: int) -> None:
        if ppm != _bounded(ppm):
            return
        # Half of each further one: a way that took longer there than back says less.
        self.fast_ppm = (self.fast_ppm + ppm) // 2 if self.fast_ppm else ppm
        log("clock", "the crystal is %d ppm fast" % self.fast_ppm)
        try:
            self._store.commit(drift=self.fast_ppm)
        except StorageError as error:  # the beacon counts all the same
            log("clock", error)


def _bounded(ppm: int) -> int:
    return max(-_WORST_PPM, min(ppm, _WORST_PPM))
