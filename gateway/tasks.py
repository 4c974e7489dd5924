"""Ending tasks in spite of libraries that lose a cancellation."""

import asyncio


def is_cancelled() -> bool:
    """Whether the current task was told to end.

    Before Python 3.12 `asyncio.wait_for`, which pymodbus awaits replies with, swallows a
    cancellation that comes together with the reply; so loops above it ask here.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
