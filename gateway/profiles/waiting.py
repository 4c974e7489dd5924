"""A line on standard error that says what is awaited, once that takes longer than a second.

On a terminal only. It is written over, and wiped before anything else is printed:

    async with Waiting(lambda s: f"asking, {s} s"):
        ...
"""

import asyncio
import contextlib
import sys
from collections.abc import Callable

AFTER_S, EVERY_S = 1.0, 0.5
_WIPED = "\r\033[K"


class Waiting:
    """`says` makes the line from the seconds that have passed so far."""

    def __init__(self, says: Callable[[int], str]) -> None:
        self._says = says
        self._task: asyncio.Task[None] | None = None
        self._drawn = False

    async def __aenter__(self) -> "Waiting":
        if sys.stderr.isatty():
            self._task = asyncio.create_task(self._tell())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._drawn:
            self._write(_WIPED)

    async def _tell(self) -> None:
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        await asyncio.sleep(AFTER_S)
        while True:
            self._drawn = True
            self._write(f"\r{self._says(round(loop.time() - begun_s))}\033[K")
            await asyncio.sleep(EVERY_S)

    @staticmethod
    def _write(text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()
