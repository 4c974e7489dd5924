"""What pairing leaves behind, in NVS: the keys by which a central is known the next time.

The BLE stack asks for secrets by (type, key) or by (type, n-th), and hands new ones over. Two a
central; the ninth takes the place of the oldest, so that no number of pairings fills the NVS.
"""

from core.errors import StorageError
from core.log import log

SLOTS = 8
_OWN_IRK = 10  # type of the board's own identity key: one, kept apart
_MAX_BYTES = 126


class Bonds:
    """Secrets in `store` under "bond0".."bond7" and "bondi": type, key's length, key, value."""

    def __init__(self, store: object) -> None:
        self._store = store

    def get(self, kind: int, index: int, key: "bytes | None") -> "bytes | None":
        """The secret of `kind` for `key`, or the `index`-th of them if `key` is None."""
        for slot in self._slots(kind):
            found = self._store.blob(slot)
            if len(found) < 2 or found[0] != kind:
                continue
            end = 2 + found[1]
            if key is None and index:
                index -= 1
            elif key is None or found[2:end] == key:
                return found[end:]
        return None

    def set(self, kind: int, key: bytes, value: "bytes | None") -> bool:
        """Keep a secret, or forget it if `value` is None; whether that was done."""
        head = bytes((kind, len(key))) + key
        slot = self._slot_of(kind, head)
        changes = {}
        if value is not None:
            if len(head) + len(value) > _MAX_BYTES:
                return False
            if slot is None:
                slot, changes = self._next(kind)
            changes[slot] = head + value
        elif slot is None:
            return False
        else:
            changes[slot] = None
        try:
            self._store.commit(**changes)
        except StorageError as error:
            log("ble", error)
            return False
        return True

    def forget_all(self) -> None:
        """For a new passkey: who knew the old one must pair again."""
        names = self._slots(0) + self._slots(_OWN_IRK) + ["bondn"]
        self._store.commit(**dict.fromkeys(names))

    def _slot_of(self, kind: int, head: bytes) -> "str | None":
        for slot in self._slots(kind):
            if self._store.blob(slot)[: len(head)] == head:
                return slot
        return None

    def _next(self, kind: int) -> "tuple[str, dict]":
        slots = self._slots(kind)
        if len(slots) == 1:
            return slots[0], {}
        for slot in slots:
            if not self._store.blob(slot):
                return slot, {}
        turn = self._store.number("bondn") % SLOTS
        return slots[turn], {"bondn": (turn + 1) % SLOTS}

    @staticmethod
    def _slots(kind: int) -> "list[str]":
        if kind == _OWN_IRK:
            return ["bondi"]
        return ["bond%d" % number for number in range(SLOTS)]
