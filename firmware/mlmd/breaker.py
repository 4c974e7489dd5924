"""Definite-time overload protection of a section, auto-reclose, lock-out.

Two limits: a fixed one that nothing raises, and an overload limit that a contract can lower (and
raise again, up to the fixed one) by a command that expires. Beyond a limit for its delay the
breaker opens; it recloses after each dead time in turn and then locks out until a person resets
it. Supplementary protection: short circuits are the upstream breaker's.
"""

from core.errors import StorageError
from core.log import log
from wireformat import codes

_LOCKED = 1
_WELDED_W = 100
_WELDED_MS = 5000
_TOLD = -1


def holds_open(store: object) -> bool:
    """Whether a lock-out, or a dead time that a restart interrupted, keeps the breaker open."""
    return store.number("lockout") == _LOCKED or store.number("cause") > 0


class Breaker:
    """An asset of an M-LMD on `relay`.

    `happened(what, detail)` hears trip, lockout, closed, welded.
    """

    def __init__(
        self, relay: object, config: object, clock: object, store: object, happened: object
    ) -> None:
        self._relay = relay
        self._clock = clock
        self._store = store
        self._happened = happened
        self._fixed_w = config.fixed_limit_w
        self._default_w = config.overload_limit_w
        self._times = config.breaker
        self.limit_w = self._default_w
        self._limit_expires_s = None
        self._above_ms = {}
        self.settle_ms = relay.settle_ms
        self._opened_ms = None
        self.reclose_count = 0
        self._closed_since_ms = None
        self.locked_out = store.number("lockout") == _LOCKED
        # Over a restart trips stay counted and a dead time begins anew.
        self._trips = store.number("trips")
        self.trip_cause = self._kept_cause = store.number("cause")
        self._reclose_at_ms = None
        if self._kept_cause and not self.locked_out:
            self._reclose_at_ms = clock.up_ms() + self._dead_time_ms()

    # ---- state -------------------------------------------------------------------------------

    def state(self) -> int:
        """codes.BREAKER_*."""
        if self.locked_out:
            return codes.BREAKER_LOCKED_OUT
        return codes.BREAKER_CLOSED if self._relay.closed() else codes.BREAKER_OPEN

    def may_close(self) -> bool:
        """Whether protection lets the relay close, whoever asks."""
        return not self.locked_out and self._reclose_at_ms is None

    def trip_by_hand(self) -> None:
        """The test button: as a trip that nothing but a person takes back."""
        if self._relay.closed():
            self._trips = len(self._times.dead_times_s)
            self._trip(codes.TRIP_MANUAL, 0, self._clock.up_ms())

    # ---- protection --------------------------------------------------------------------------

    def sample(self, power_w: int, phase_w: int = 0) -> None:
        """Judge a new measurement of the section's power (magnitude, W).

        `phase_w`: what the section would draw if each phase had the current of the worst one. A
        contract limits the section, so its limit is not for `phase_w`.
        """
        now_ms = self._clock.up_ms()
        times = self._times
        worst_w = max(power_w, phase_w)
        self._watch_contact(worst_w, now_ms)
        over = power_w > self.limit_w or phase_w > self._default_w
        rules = (
            (codes.TRIP_FIXED_LIMIT, worst_w > self._fixed_w, times.fixed_delay_ms),
            (codes.TRIP_OVERLOAD, over, times.overload_delay_ms),
        )
        for cause, above, delay_ms in rules:
            if not above:
                self._above_ms.pop(cause, None)
                continue
            since_ms = self._above_ms.setdefault(cause, now_ms)
            if self._relay.closed() and now_ms - since_ms >= delay_ms:
                self._trip(cause, worst_w, now_ms)
                return

    def _watch_contact(self, power_w: int, now_ms: int) -> None:
        """An open breaker through which power flows is welded; told once for each opening."""
        if self._relay.closed():
            self._opened_ms = None
        elif self._opened_ms is None:
            self._opened_ms = now_ms
        elif power_w > _WELDED_W and 0 <= self._opened_ms <= now_ms - _WELDED_MS:
            self._opened_ms = _TOLD
            self._happened("welded", [0])

    def _trip(self, cause: int, power_w: int, now_ms: int) -> None:
        self._relay.force_open()
        self._above_ms.clear()
        self.trip_cause = cause
        self._closed_since_ms = None
        self._happened("trip", [cause, power_w])
        if self._trips < len(self._times.dead_times_s):
            self._trips += 1
            self._reclose_at_ms = now_ms + self._dead_time_ms()
            self._keep()
        else:
            self._lock_out()

    def _dead_time_ms(self) -> int:
        times_s = self._times.dead_times_s
        return times_s[min(self._trips, len(times_s)) - 1] * 1000 if times_s else 0

    def _lock_out(self) -> None:
        self.locked_out = True
        self._reclose_at_ms = None
        self._happened("lockout", [])
        self._keep()

    def _keep(self) -> None:
        """Persist what must outlast a restart; once for each change, and after the switching.

        Protection has acted already: a flash that refuses only forgets the trip at a restart.
        """
        locked = _LOCKED if self.locked_out else 0
        held_open = self.locked_out or self._reclose_at_ms is not None
        self._kept_cause = self.trip_cause if held_open else codes.TRIP_NONE
        try:
            self._store.commit(lockout=locked, trips=self._trips, cause=self._kept_cause)
        except StorageError as error:
            log("breaker", error)

    def tick(self) -> None:
        """Reclose when a dead time is over; forget old trips; let a limit expire."""
        now_ms = self._clock.up_ms()
        due = self._reclose_at_ms is not None and now_ms >= self._reclose_at_ms
        if due and not self._relay.locked:
            self._reclose_at_ms = None
            self._close()
        if self._relay.closed():
            self._stays_closed(now_ms)
        else:
            self._closed_since_ms = None
        if self._limit_expires_s is not None and self._clock.now_s() >= self._limit_expires_s:
            self._limit_expires_s = None
            self.limit_w = self._default_w

    def _stays_closed(self, now_ms: int) -> None:
        if self._closed_since_ms is None:
            self._closed_since_ms = now_ms
        reclaimed = now_ms - self._closed_since_ms >= self._times.reclaim_s * 1000
        if reclaimed and self._trips:
            self._trips = 0
            self._keep()
        elif self._kept_cause:
            self._keep()

    def _close(self) -> None:
        self._relay.switch(True)
        self._closed_since_ms = self._clock.up_ms()
        self.reclose_count += 1
        self._happened("closed", [])

    def reset_lockout(self) -> None:
        """A person at the board says so."""
        if not self.locked_out or self._relay.locked:
            return
        self.locked_out = False
        self._trips = 0
        self._close()
        self._keep()

    # ---- commands ----------------------------------------------------------------------------

    def towards_safe(self, action: int, value: int = 0) -> bool:
        """As the relay's; a limit is never needed for safety, so it needs trusted time."""
        return action != codes.SET_LIMIT and self._relay.towards_safe(action)

    def fault(self, action: int, value: int) -> int:
        """Why `action` is refused for good, or R_NONE."""
        if action == codes.SET_LIMIT:
            return codes.R_NONE if 0 < value <= self._fixed_w else codes.R_BAD_VALUE
        if action == codes.CLOSE and not self.may_close():
            locked = self.locked_out or self._relay.locked
            return codes.R_LOCKED_OUT if locked else codes.R_PROTECTION
        return self._relay.fault(action, value)

    def busy(self, action: int, value: int = 0) -> bool:
        """Whether wear limits ask for patience."""
        return action != codes.SET_LIMIT and self._relay.busy(action)

    def apply(self, action: int, value: int, expires_s: int) -> None:
        """Do a command that was checked."""
        if action == codes.SET_LIMIT:
            self.limit_w = value
            self._limit_expires_s = expires_s
            return
        self._relay.apply(action, value, expires_s)
        if action == codes.OPEN:
            self.trip_cause = codes.TRIP_MANUAL
            self._reclose_at_ms = None

    def read_back(self, action: int) -> int:
        """For the outcome: the limit in force in W, or 0 open, 1 closed."""
        return self.limit_w if action == codes.SET_LIMIT else self._relay.read_back(action)

    def achieved(self, action: int, value: int) -> bool:
        """Whether what is read back is what was asked for."""
        if action == codes.SET_LIMIT:
            return self.limit_w == value
        return self._relay.achieved(action, value)
