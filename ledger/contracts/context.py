"""What a contract works with: the state, the block it runs in, and the events it leaves.

Time is the block's, in milliseconds; there is no other clock. Events are numbered through the whole
block, so that (height, index) names one for ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from ledger.contracts.objects import pack, unpack
from ledger.contracts.params import ChainParams
from ledger.state import Overlay, State

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    T = TypeVar("T", bound=DataclassInstance)
else:
    T = TypeVar("T")

Attribute = int | str | bytes
NEVER_MS = (1 << 48) - 1
"""A due time that does not come."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a contract did, e.g. `control/intent`; attributes in the order given."""

    kind: str
    index: int
    attributes: dict[str, Attribute]


@dataclass(slots=True)
class Context:
    """One block's execution over `state`."""

    state: State
    params: ChainParams
    chain_id: str
    height: int
    now_ms: int
    events: list[Event] = field(default_factory=list)

    @property
    def now_s(self) -> int:
        """Block time in whole seconds."""
        return self.now_ms // 1000

    def emit(self, kind: str, **attributes: Attribute) -> int:
        """Leave an event; returns its index in the block."""
        index = len(self.events)
        self.events.append(Event(kind, index, attributes))
        return index

    def load(self, cls: type[T], key: bytes) -> T | None:
        """Object under `key`, or None."""
        return load(self.state, cls, key)

    def save(self, key: bytes, item: DataclassInstance) -> None:
        """Put an object under `key`."""
        self.state.put(key, pack(item))

    def iterate(self, cls: type[T], prefix: bytes) -> Iterator[tuple[bytes, T]]:
        """(rest of the key, object) of everything under `prefix`, ascending."""
        return iterate(self.state, cls, prefix)

    def attempt(self) -> Attempt:
        """Work on a copy that only `keep` makes lasting: for one transaction."""
        return Attempt(self)


class Attempt:
    """A transaction's own view; without `keep` neither its state nor its events remain."""

    def __init__(self, outer: Context) -> None:
        self._outer = outer
        self._overlay = Overlay(outer.state)
        self.context = Context(
            self._overlay,
            outer.params,
            outer.chain_id,
            outer.height,
            outer.now_ms,
            list(outer.events),
        )

    def keep(self) -> None:
        """Make the attempt's changes and events lasting."""
        self._overlay.flush()
        self._outer.events[:] = self.context.events


def load(state: State, cls: type[T], key: bytes) -> T | None:
    """Object under `key`, or None."""
    data = state.get(key)
    return None if data is None else unpack(cls, data)


def iterate(state: State, cls: type[T], prefix: bytes) -> Iterator[tuple[bytes, T]]:
    """(rest of the key, object) of everything under `prefix`, ascending."""
    for key, data in state.iterate(prefix):
        yield key[len(prefix) :], unpack(cls, data)


def u32(number: int) -> bytes:
    """Part of a key that sorts like the number."""
    return number.to_bytes(4, "big")


def u64(number: int) -> bytes:
    """Part of a key that sorts like the number."""
    return number.to_bytes(8, "big")
