"""The ways to a board, tried one after the other: a bus, then the broker."""

from collections.abc import Sequence
from typing import Protocol

from gateway.collect.errors import BoardAbsent, CollectError, FrameRefused


class Carrier(Protocol):
    """One way: brings a signed command and returns when the board executed it."""

    async def command(self, device: bytes, data: bytes) -> None:
        """Raises `BoardAbsent` if the board isn't there, or another `CollectError`."""


class Carriers:
    """Several ways as one. A board's own refusal is final: another way would bring the same."""

    def __init__(self, ways: Sequence[Carrier]) -> None:
        self._ways = list(ways)

    async def command(self, device: bytes, data: bytes) -> None:
        """Over the first way that works; raises what the most promising one said."""
        failure: CollectError | None = None
        for way in self._ways:
            try:
                return await way.command(device, data)
            except FrameRefused:
                raise
            except CollectError as error:
                # What went wrong on the way says more than that there is none.
                if failure is None or isinstance(failure, BoardAbsent):
                    failure = error
        raise failure or BoardAbsent(f"board {device.hex()}", "no way to it")
