"""A collector at work in the test's own event loop."""

import asyncio
import contextlib
from collections.abc import Callable

from gateway.notices import Notices


class Running:
    """Base of sites: `begin` a collector, wait `until` something holds, `stop`."""

    PATIENCE_S = 20.0
    notices: Notices
    _task: asyncio.Task[None] | None = None

    def begin(self, work) -> None:
        self._task = asyncio.create_task(work)

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def until(self, what: Callable[[], object], seconds: float = 0.0) -> None:
        """Wait until `what()` holds; fails the test if it doesn't, or if collection ended."""
        seconds = seconds or self.PATIENCE_S
        for _ in range(int(seconds / 0.01)):
            if what():
                return
            if self._task is not None and self._task.done():
                self._task.result()
            await asyncio.sleep(0.01)
        raise AssertionError(f"not within {seconds} s; notices: {self.open_codes()}; {self.said()}")

    def open_codes(self) -> dict[str, str]:
        return {key: notice.error.code for key, notice in self.notices.open().items()}

    def said(self) -> str:
        """What else tells why it did not come."""
        return ""
