"""One relay: named states, safe state, wear limits, expiry of what a command asked for.

Supplementary switching only; a certified breaker stays upstream.
"""

from wireformat import codes

_HOUR_MS = 3600000
_WELDED_TICKS = 3
_SETTLE_MS = 100
"""A contact moves in 15 ms, and a half wave tells of it 10 ms later."""


class Relay:
    """`pin` is a `machine.Pin` that is already an output; switched on = load connected."""

    def __init__(self, pin: object, config: object, clock: object) -> None:
        self.safe_closed = config.safe_closed
        self._pin = pin
        self._active_high = config.active_high
        self._max_per_hour = config.max_per_hour
        self._min_between_ms = config.min_between_s * 1000
        self._clock = clock
        self._expires_s = None
        self._fallback_at_ms = None
        self._recent_ms = []
        self.switches = 0
        # The lock-out on site outranks everybody, protection's reclosing too.
        self.locked = False
        self._sense = None
        self._live_ticks = 0
        self.settle_ms = 0
        # Protection that outranks everybody may replace this.
        self.may_close = lambda: True

    # ---- state -------------------------------------------------------------------------------

    def closed(self) -> bool:
        """The state read back: from the pin, and from the load where a `sense` input sees it."""
        return self._driven() or self._live()

    def _driven(self) -> bool:
        return bool(self._pin.value()) == self._active_high

    def watch(self, sense: object) -> None:
        """`sense` is an input that is low while the load has voltage."""
        self._sense = sense
        self.settle_ms = _SETTLE_MS

    def _live(self) -> bool:
        return self._sense is not None and not self._sense.value()

    def welded(self) -> bool:
        """Asked each second: True once, when the load has had power for longer than a relay takes
        to open."""
        self._live_ticks = self._live_ticks + 1 if self._live() and not self._driven() else 0
        return self._live_ticks == _WELDED_TICKS

    def switch(self, closed: bool) -> None:
        """Drive the pin, unless protection forbids a closing. Wear limits do not bind here."""
        if self._driven() == closed or (closed and (self.locked or not self.may_close())):
            return
        self.switches += 1
        self._pin.value(1 if closed == self._active_high else 0)
        self._recent_ms.append(self._clock.up_ms())
        if len(self._recent_ms) > self._max_per_hour:
            self._recent_ms.pop(0)

    def force_open(self) -> None:
        """Protection opens: nothing that was asked for before closes it again."""
        self._fallback_at_ms = self._expires_s = None
        self.switch(False)

    def lock(self, locked: bool) -> None:
        """The lock-out on site: open, and stay so."""
        self.locked = locked
        if locked:
            self.force_open()

    # ---- fallback ----------------------------------------------------------------------------

    def fall_back(self, close_delay_ms: int = 0) -> None:
        """Go to the safe state: opening at once, closing after `close_delay_ms`.

        The delay keeps the loads of a feeder from returning together.
        """
        self._expires_s = None
        if self.safe_closed and not self.closed():
            self._fallback_at_ms = self._clock.up_ms() + close_delay_ms
        else:
            self._fallback_at_ms = None
            self.switch(self.safe_closed)

    def tick(self) -> None:
        """Do what is due: the end of a command's validity, a delayed closing."""
        if self._expires_s is not None and self._clock.now_s() >= self._expires_s:
            self.fall_back()
        if self._fallback_at_ms is not None and self._clock.up_ms() >= self._fallback_at_ms:
            self._fallback_at_ms = None
            self.switch(self.safe_closed)

    # ---- commands ----------------------------------------------------------------------------

    def towards_safe(self, action: int, value: int = 0) -> bool:
        """Whether `action` leads to the safe state, which needs no trusted time."""
        return action == (codes.CLOSE if self.safe_closed else codes.OPEN)

    def fault(self, action: int, value: int) -> int:
        """Why `action` can never be done here, or R_NONE."""
        if action not in (codes.OPEN, codes.CLOSE) or value != 0:
            return codes.R_BAD_VALUE
        if action == codes.CLOSE and self.locked:
            return codes.R_LOCKED_OUT
        if action == codes.CLOSE and not self.may_close():
            return codes.R_PROTECTION
        return codes.R_NONE

    def busy(self, action: int, value: int = 0) -> bool:
        """Whether wear limits ask for patience: the command may be delivered again later."""
        if self.closed() == (action == codes.CLOSE) or not self._recent_ms:
            return False
        now_ms = self._clock.up_ms()
        if now_ms - self._recent_ms[-1] < self._min_between_ms:
            return True
        full = len(self._recent_ms) == self._max_per_hour
        return full and now_ms - self._recent_ms[0] < _HOUR_MS

    def apply(self, action: int, value: int, expires_s: int) -> None:
        """Do a command that was checked."""
        self._fallback_at_ms = None
        self._expires_s = None if self.towards_safe(action) else expires_s
        self.switch(action == codes.CLOSE)

    def read_back(self, action: int) -> int:
        """State for the outcome: 0 open, 1 closed."""
        return 1 if self.closed() else 0

    def achieved(self, action: int, value: int) -> bool:
        """Whether the read-back state is what `action` asked for."""
        return self.closed() == (action == codes.CLOSE)
