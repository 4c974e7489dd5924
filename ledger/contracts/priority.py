"""Who prevails when two want different things of one asset. This is the one place that says it.

Highest first:

1. protection: of the line by its board (trip, fixed limit), of a device by its own limits;
2. the people on site: lock-out, opt-out;
3. the grid: a section's limit, a shortage, flexibility that was sold;
4. the owner's wishes: deadline, then price, then market.

Boards enforce 1 and 2 by themselves, whatever is signed (`firmware/core/commands.py`); what they
report keeps contracts from ordering at all (`optout`). Between orders the ranks below hold, whoever
came first: a higher one ends a lower one that is open, and stands against it until it is withdrawn
or its command lapses. Taking still less than a higher rank asks for is no contradiction. Between
equals the newer prevails. A board does what it is told in the order of counters, so of two commands
on their way the newer is the one that was settled on.
"""

from __future__ import annotations

from dataclasses import dataclass

from wireformat import codes

OWNER, GRID, PROTECTION = 1, 2, 3
RANKS = {OWNER: "owner", GRID: "grid", PROTECTION: "protection"}

OVERLOAD, SECTION_LIMIT, REST_OF_DEVICE = "overload", "section limit", "rest from blocking"
_RANK_OF = {OVERLOAD: GRID, SECTION_LIMIT: GRID, REST_OF_DEVICE: PROTECTION}

_UNLIMITED_W = 1 << 62
_BLOCKED_MODE = 1


@dataclass(frozen=True, slots=True)
class Order:
    """What a contract wants of one asset: an action of `codes` with its value, and why."""

    device: bytes
    asset: int
    action: int
    value: int
    why: str

    @property
    def rank(self) -> int:
        """Of its reason."""
        return _RANK_OF.get(self.why, OWNER)


def draw_w(action: int, value: int) -> int:
    """What an action lets an asset take, only to be compared with another of the same asset."""
    if action == codes.OPEN:
        return 0
    if action in (codes.SET_LIMIT, codes.CHARGE):
        return value
    if action == codes.DISCHARGE:
        return -value
    if action == codes.SET_MODE:
        return 0 if value == _BLOCKED_MODE else value
    return _UNLIMITED_W


def contradicts(order: Order, action: int, value: int) -> bool:
    """Whether `order` would let the asset take more than `action` with `value` does."""
    return draw_w(order.action, order.value) > draw_w(action, value)
