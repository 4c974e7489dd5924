"""Progress on standard error: one line that is written over, on a terminal only."""

import sys
import time

_EVERY_S = 0.2


class Progress:
    """Call it with (done, total) as often as you like."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._shown_s = time.monotonic()
        self._drawn = False

    def __call__(self, done: int, total: int) -> None:
        """Draw, at most five times a second."""
        now_s = time.monotonic()
        if now_s - self._shown_s < _EVERY_S or not sys.stderr.isatty():
            return
        self._shown_s, self._drawn = now_s, True
        share = f"{done / total:4.0%}" if total else ""
        sys.stderr.write(f"\r{share} {done} of {total} {self._what}\033[K")
        sys.stderr.flush()

    def close(self) -> None:
        """Wipe the line."""
        if self._drawn:
            sys.stderr.write("\r\033[K")
