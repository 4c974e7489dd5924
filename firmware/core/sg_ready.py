"""An SG-Ready heat pump on two relays: four modes, coded by two contacts (SG Ready label).

    mode      1 blocked   2 normal   3 recommended on   4 ordered on
    contacts  1:0         0:0        0:1                1:1

Both relays open is mode 2, which is where expiry, loss of communication and a start lead to.
"""

from wireformat import codes

NORMAL = 2
_CONTACTS = ((True, False), (False, False), (False, True), (True, True))


class SgReady:
    """One asset over two relays whose safe state is open."""

    def __init__(self, relays: list, config: object, clock: object) -> None:
        self._relays = relays
        self._clock = clock
        self._min_mode_ms = config.min_mode_s * 1000
        self._max_blocked_s = config.max_blocked_s
        self._changed_ms = None
        self.settle_ms = max(relay.settle_ms for relay in relays)

    def mode(self) -> int:
        """1 to 4, as read back from both relays."""
        first, second = self._relays
        return _CONTACTS.index((first.closed(), second.closed())) + 1

    def towards_safe(self, action: int, value: int) -> bool:
        """Whether it leads to normal operation, which needs no trusted time."""
        return action == codes.SET_MODE and value == NORMAL

    def fault(self, action: int, value: int) -> int:
        """Why `action` can never be done here, or R_NONE."""
        if action != codes.SET_MODE or not 1 <= value <= len(_CONTACTS):
            return codes.R_BAD_VALUE
        for relay, closed in zip(self._relays, _CONTACTS[value - 1]):
            if closed and relay.locked:
                return codes.R_LOCKED_OUT
        return codes.R_NONE

    def busy(self, action: int, value: int) -> bool:
        """Whether the mode is too young, or a relay switched too often."""
        if self.mode() == value:
            return False
        now_ms = self._clock.up_ms()
        if self._changed_ms is not None and now_ms - self._changed_ms < self._min_mode_ms:
            return True
        return any(
            relay.busy(codes.CLOSE if closed else codes.OPEN)
            for relay, closed in zip(self._relays, _CONTACTS[value - 1])
        )

    def apply(self, action: int, value: int, expires_s: int) -> None:
        """Change the mode; blocked ends after `max_blocked_s` at the latest."""
        if value == 1:
            expires_s = min(expires_s, self._clock.now_s() + self._max_blocked_s)
        if self.mode() != value:
            self._changed_ms = self._clock.up_ms()
        wanted = _CONTACTS[value - 1]
        # Opening first: on the way no mode is passed that draws more than both.
        for closing in (False, True):
            for relay, closed in zip(self._relays, wanted):
                if closed == closing:
                    relay.apply(codes.CLOSE if closed else codes.OPEN, 0, expires_s)

    def read_back(self, action: int) -> int:
        """The mode, for the outcome."""
        return self.mode()

    def achieved(self, action: int, value: int) -> bool:
        """Whether the mode is the one asked for."""
        return self.mode() == value
