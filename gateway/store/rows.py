"""What goes into the store and comes out of it."""

from dataclasses import dataclass
from typing import NamedTuple


class Head(NamedTuple):
    """The last admitted record of a device. `hash` is its full SHA-256, what an ack names.

    `measured` holds what the next reading is held against (see `admit.measure`), or None.
    """

    epoch: int
    seq: int
    hash: bytes
    time_s: int
    measured: bytes | None = None


class StoredRecord(NamedTuple):
    """An admitted record on its way into the store; its fields are the columns of `records`."""

    device: bytes
    epoch: int
    seq: int
    code: int
    data: bytes
    hash: bytes
    received_ms: int


@dataclass(frozen=True)
class Refusal:
    """A record that was refused: a short stable reason, the bytes as evidence, the detail."""

    reason: str
    device: bytes | None
    code: int
    data: bytes
    detail: str
    at_ms: int


@dataclass(frozen=True)
class Permit:
    """A signed journal gap: the records from first to last are gone from the board for good."""

    device: bytes
    first: tuple[int, int]
    last: tuple[int, int]
    evidence: bytes


@dataclass(frozen=True)
class QueuedRecord:
    """A record that waits for the ledger. `id` is its row, in order of admission."""

    id: int
    device: bytes
    epoch: int
    seq: int
    code: int
    data: bytes


@dataclass(frozen=True)
class OpenCommand:
    """A command that has not ended yet, as the ledger gave it."""

    id: bytes
    device: bytes
    counter: int
    expires_s: int
    data: bytes
    state: str
    attempts: int
