"""Boards, as last proven from the registry: what admission and collection look up, in memory.

The light node fills it; the collector asks for what is missing. Nobody here waits for the ledger.
"""

from dataclasses import dataclass, replace

from gateway.admit import Board
from gateway.store import Head
from wireformat import codes


@dataclass(frozen=True)
class Entry:
    """A board and where its chain stands on the ledger (None: no record there yet).

    `fresh`: proven in this run, not taken from the cache of an earlier one.
    """

    board: Board
    last: Head | None = None
    fresh: bool = False


MAX_WANTED = 256
"""Addresses waiting for a look-up: a device that shows ever new ones must fill no memory."""


class Directory:
    """Boards by address and by key id. `wanted` holds the addresses to look up."""

    def __init__(self, max_channel_w: int = 25_000, max_section_w: int = 250_000) -> None:
        self._defaults_w = {
            codes.METER: max_channel_w,
            codes.MLMD: max_section_w,
            codes.ATTESTED: max_channel_w,
        }
        self._entries: dict[bytes, Entry] = {}
        self._by_kid: dict[bytes, bytes] = {}
        self._most_w: dict[bytes, int] = {}
        self._limited: dict[bytes, Board] = {}
        self._control: tuple[int, bytes] | None = None
        self.wanted: set[bytes] = set()

    def put(self, entry: Entry) -> None:
        """Keep what was proven of a board."""
        address = entry.board.address
        self._entries[address] = entry
        self._by_kid[entry.board.kid] = address
        self._limited.pop(address, None)
        self.wanted.discard(address)

    def entry(self, address: bytes) -> Entry | None:
        """What is known of a board; asks for it if nothing is."""
        found = self._entries.get(address)
        if found is None and len(self.wanted) < MAX_WANTED:
            self.wanted.add(address)
        return found

    def board(self, address: bytes) -> Board | None:
        """A board with the limits of the place where it answers."""
        known = self._limited.get(address)
        if known is not None:
            return known
        found = self.entry(address)
        if found is None:
            return None
        default_w = self._defaults_w.get(found.board.role, 0)
        board = replace(found.board, max_power_w=self._most_w.get(address) or default_w)
        self._limited[address] = board
        return board

    def by_kid(self, kid: bytes) -> Board | None:
        """The board that owns a key id."""
        address = self._by_kid.get(kid)
        return self.board(address) if address else None

    def addresses(self) -> list[bytes]:
        """All boards known."""
        return sorted(self._entries)

    def limit(self, address: bytes, max_power_w: int) -> None:
        """What the line behind a board can carry; 0: the default of its role."""
        self._most_w[address] = max_power_w
        self._limited.pop(address, None)

    @property
    def control(self) -> tuple[int, bytes] | None:
        """(serial, signed bytes) of the control key's newest certificate."""
        return self._control

    def drop_control(self) -> None:
        """The control key is revoked or expired: what it signed is carried no further."""
        self._control = None

    def set_control(self, serial: int, data: bytes) -> None:
        """Keep a verified control certificate; an older one never wins."""
        if self._control is None or serial >= self._control[0]:
            self._control = (serial, data)
