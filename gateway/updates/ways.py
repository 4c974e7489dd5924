"""How pieces of firmware reach a board: by its bus, or by what MQTT and BLE have in common."""

import asyncio
from typing import Protocol

from gateway.collect.errors import FrameLost, ModbusRefused
from gateway.collect.inbox import deliver
from gateway.collect.link import BoardLink
from gateway.mqtt.boards import Boards, MqttBoard
from ledger.clock import Clock
from wireformat import codes

_QUEUE_PATIENCE = 100
_NO_TYPE = 0
_QUEUE_PAUSE_S = 0.02


class Way(Protocol):
    """`window`: how many pieces go at once; `told`: whether a piece's fate is known then."""

    window: int
    told: bool

    @property
    def where(self) -> str:
        """For messages."""
        ...

    async def deliver(self, code: int, data: bytes) -> None:
        """Return once the board accepted a frame; raises a `CollectError`."""
        ...

    async def pieces(self, parts: list[bytes]) -> None:
        """Up to `window` pieces in their order; raises a `CollectError`."""
        ...


class OverBus:
    """A board's register map. Its queue takes four frames and says when it is full."""

    window, told = 1, False

    def __init__(self, link: BoardLink, clock: Clock) -> None:
        self._link, self._clock = link, clock

    @property
    def where(self) -> str:
        """For messages."""
        return self._link.where

    async def deliver(self, code: int, data: bytes) -> None:
        """See `Way`."""
        await deliver(self._link, self._clock, code, data)

    async def pieces(self, parts: list[bytes]) -> None:
        """See `Way`."""
        for part in parts:
            await self._put(part)

    async def _put(self, piece: bytes) -> None:
        for _ in range(_QUEUE_PATIENCE):
            try:
                await self._link.send(codes.PIECE, piece)
                return
            except ModbusRefused as error:
                if not error.is_busy:
                    raise
            await asyncio.sleep(_QUEUE_PAUSE_S)


class OverAir:
    """A board over MQTT or BLE, which can't be asked: it says how each frame ended.

    Three pieces at a time, so that its queue of four has a place for a command. They are taken in
    their order or not at all, so that the last one's fate is that of all.
    """

    window, told = 3, True

    def __init__(self, boards: Boards, board: MqttBoard) -> None:
        self._boards, self._board = boards, board

    @property
    def where(self) -> str:
        """For messages."""
        return self._boards.where(self._board)

    async def deliver(self, code: int, data: bytes) -> None:
        """See `Way`."""
        await self._boards.deliver(self._board, code, data)

    async def pieces(self, parts: list[bytes]) -> None:
        """See `Way`."""
        for part in parts[:-1]:
            if not self._boards.send(self._board, codes.PIECE, part):
                raise FrameLost("the link can't take it now", self.where)
        await self.deliver(codes.PIECE, parts[-1])

    def nudge(self) -> None:
        """Have the board say how it stands: it tells of a frame of no type, too."""
        self._boards.send(self._board, _NO_TYPE, bytes(1))
