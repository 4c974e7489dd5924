"""What the gateway knows of a board when it judges a record, proven from the registry."""

from dataclasses import dataclass

from wireformat import codes
from wireformat.chained import Event, Feeder, Outcome, Reading

_BY_ROLE = {
    codes.METER: (Reading.CODE, Event.CODE, Outcome.CODE),
    codes.MLMD: (Feeder.CODE, Event.CODE, Outcome.CODE),
    codes.ATTESTED: (Reading.CODE, Event.CODE, Outcome.CODE),
}


@dataclass(frozen=True)
class Board:
    """An enrolled board. `enrolled`: in this gateway's area, not merely on the ledger.

    `calibration`: digest of what decides what a Wh is, as enrolled; empty if that named none.
    """

    address: bytes
    public_key: bytes
    role: int
    channels: int
    relays: int
    enrolled: bool = True
    revoked: bool = False
    max_power_w: int = 30_000
    calibration: bytes = b""

    @property
    def kid(self) -> bytes:
        """Key id, as in the COSE header."""
        return self.address[:8]

    @property
    def record_codes(self) -> tuple[int, ...]:
        """Type codes of the chained records that a board of this role signs."""
        return _BY_ROLE.get(self.role, ())
