"""How often each relay has switched in its life; its maker says how often a contact is good for.

Persisted at most once an hour, so a power cut forgets at most an hour's switchings.
"""

from core.errors import StorageError
from core.log import log

_EVERY_MS = 3600000
_BYTES = 4


class Life:
    """Counts of `relays`, kept in `store` under "life": 4 bytes each."""

    def __init__(self, relays: list, store: object, clock: object) -> None:
        self._relays = relays
        self._store = store
        self._clock = clock
        self._saved_ms = clock.up_ms()
        self._saved = store.blob("life")
        for relay, count in zip(relays, counts(store)):
            relay.switches = count

    def tick(self) -> None:
        """Persist what has changed, when an hour is over."""
        now_ms = self._clock.up_ms()
        if now_ms - self._saved_ms < _EVERY_MS:
            return
        self._saved_ms = now_ms
        data = b"".join(relay.switches.to_bytes(_BYTES, "big") for relay in self._relays)
        if data == self._saved:
            return
        try:
            self._store.commit(life=data)
            self._saved = data
        except StorageError as error:
            log("relays", error)


def counts(store: object) -> "list[int]":
    """What was persisted, relay by relay."""
    data = store.blob("life")
    return [int.from_bytes(data[at : at + _BYTES], "big") for at in range(0, len(data), _BYTES)]
