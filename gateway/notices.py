"""What is wrong right now: each named once when it begins and once when it is over."""

import logging
from dataclasses import dataclass

from gateway.errors import GatewayError

log = logging.getLogger("gateway")


@dataclass(frozen=True)
class Notice:
    """One thing that is wrong, since when, and how often it was seen since."""

    error: GatewayError
    since_ms: int
    times: int


class Notices:
    """Open notices by key (`bus0`, `m1`, `ledger`): a fault in a loop is one line, not 1000."""

    def __init__(self) -> None:
        self._open: dict[str, Notice] = {}
        self.counts: dict[str, int] = {}

    def report(self, key: str, error: GatewayError, now_ms: int) -> None:
        """`error` holds at `key`; logged unless it did already."""
        known = self._open.get(key)
        if known is not None and known.error.code == error.code:
            self._open[key] = Notice(known.error, known.since_ms, known.times + 1)
            return
        self._open[key] = Notice(error, now_ms, 1)
        self.counts[error.code] = self.counts.get(error.code, 0) + 1
        log.warning("%s: %s", key, error)

    def clear(self, key: str) -> None:
        """What was wrong at `key` is over."""
        known = self._open.pop(key, None)
        if known is not None:
            log.info("%s: %s is over", key, type(known.error).__name__)

    def open(self) -> dict[str, Notice]:
        """All open notices, by key."""
        return dict(sorted(self._open.items()))
