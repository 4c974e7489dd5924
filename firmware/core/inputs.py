"""What people on site say with switches: opt-out, lock-out, a test trip; and the case's contact.

Contacts to ground, with the chip's pull-up. A cut wire reads as "off" of a switch and as an opened
case. They are looked at each second; a change counts if it is still there `DEBOUNCE_MS` later.
"""

import asyncio

from wireformat import codes

DEBOUNCE_MS = 50
NAMES = ("lockout", "opt_out", "tamper", "trip")


class Inputs:
    """`pins`: name -> `machine.Pin`. `node` is told of changes by its method of the same name."""

    def __init__(self, pins: dict, node: object) -> None:
        self._pins = pins
        self._node = node
        self.on = {}

    def _reads_on(self, name: str) -> bool:
        level = self._pins[name].value()
        return bool(level) if name == "tamper" else not level

    def flags(self) -> int:
        """Flag bits (wireformat.codes) of what is on."""
        bits = codes.OPTED_OUT if self.on.get("opt_out") else 0
        bits |= codes.LOCKED_OUT if self.on.get("lockout") else 0
        return bits | (codes.TAMPER if self.on.get("tamper") else 0)

    async def look(self) -> None:
        """Take over what has changed. At the first look everything off is no change."""
        for name in sorted(self._pins):
            on = self._reads_on(name)
            if on == self.on.get(name, False):
                continue
            await asyncio.sleep_ms(DEBOUNCE_MS)
            if self._reads_on(name) == on:
                self.on[name] = on
                getattr(self._node, name)(on)
