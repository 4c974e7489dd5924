"""A parser under mutants: what it gets, what it may raise, and what counts as believed."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

from truewatt.hostile.mutation import mutants, text_mutants

Taken = tuple[str, bool]
"""(what it ended as, whether something was believed that must be its owner's own bytes)."""


@dataclass(frozen=True)
class Target:
    """A parser. `feed` raises one of `named`, or says what it made of the bytes."""

    name: str
    seeds: list[bytes]
    feed: Callable[[bytes], Taken]
    named: tuple[type[Exception], ...]
    weight: int
    is_text: bool = False
    originals: frozenset[bytes] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "originals", frozenset(self.seeds))

    def mutants(self, count: int, seed: int) -> Iterator[bytes]:
        """Mutants of the seeds."""
        make = text_mutants if self.is_text else mutants
        return make(self.seeds, count, seed)


def finished(work: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that waits for nobody."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    work.close()
    raise AssertionError("it waits for something")
