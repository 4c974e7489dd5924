"""The store off the event loop: one thread, so that an fsync never delays a bus."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from gateway.store import Store
from gateway.store.checkpoint import Checkpointer

P = ParamSpec("P")
T = TypeVar("T")


class StoreThread:
    """Runs calls on the store one after the other, in a thread of their own.

    Another one keeps the store's log short meanwhile.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._checkpointer = Checkpointer(store.database)

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Await `call(*args)`; a commit under way is finished even if the waiter is cancelled."""
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._executor, lambda: call(*args, **kwargs))
        return await asyncio.shield(work)

    def close(self) -> None:
        """Wait for the call under way, then close the store."""
        self._executor.shutdown(wait=True)
        self._checkpointer.close()
        self.store.close()
