"""Whether the gateway still speaks to this board: only frames that were authentic count."""


class CommsWatch:
    """Silence of `timeout_ms` means lost; the first authentic frame after it means recovered."""

    def __init__(self, timeout_ms: int, clock: object) -> None:
        self._timeout_ms = timeout_ms
        self._clock = clock
        self._heard_ms = clock.up_ms()
        self.lost = False
        self.ever = False

    def heard(self) -> None:
        """An authentic ack, beacon, command or certificate came in."""
        self._heard_ms = self._clock.up_ms()
        self.ever = True

    def changed(self) -> bool:
        """Re-evaluate `lost`; True if it is not what it was."""
        lost = self._clock.up_ms() - self._heard_ms >= self._timeout_ms
        if lost == self.lost:
            return False
        self.lost = lost
        return True
