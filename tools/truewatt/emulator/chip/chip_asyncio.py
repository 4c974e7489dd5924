"""TaskQueue and Task for asyncio, in place of the interpreter's C ones.

The C code reads the machine's clock by itself when it orders and cancels tasks; at any speed but 1
it would mix real and simulated ticks. Everything above these two classes is the port's asyncio,
unchanged.
"""

from chip_clock import ticks_ms as _ticks
from utime import ticks_diff as _ticks_diff


class TaskQueue:
    """Tasks by the tick at which they are due; equal ticks first in, first out."""

    def __init__(self):
        self._tasks = []

    def peek(self):
        """The task that is due first, or None."""
        tasks = self._tasks
        return tasks[0] if tasks else None

    def push(self, task, key=None):
        """Add `task`, due at tick `key` (now, if None)."""
        if key is None:
            key = _ticks()
        task.data = None
        task.ph_key = key
        tasks = self._tasks
        at = len(tasks)
        while at and _ticks_diff(key, tasks[at - 1].ph_key) < 0:
            at -= 1
        if at == len(tasks):
            tasks.append(task)
        else:
            tasks.insert(at, task)

    def pop(self):
        """Remove and return the task that is due first."""
        return self._tasks.pop(0)

    def remove(self, task):
        """Take `task` out, wherever it stands."""
        if task in self._tasks:
            self._tasks.remove(task)


class Task:
    """A coroutine being run. `state` is True (running), None (done), False (done and awaited),
    or the queue of tasks that wait for it."""

    def __init__(self, coro, globals=None):
        self.coro = coro
        self.data = None
        self.state = True
        self.ph_key = 0
        if globals is not None:
            Task._context = globals

    def __iter__(self):
        if not self.state:
            self.state = False
        elif self.state is True:
            self.state = TaskQueue()
        elif type(self.state) is not TaskQueue:
            raise RuntimeError("can't wait")
        return self

    def __next__(self):
        if not self.state:
            raise self.data
        caller = Task._context["cur_task"]
        self.state.push(caller)
        caller.data = self

    def done(self):
        """Whether the coroutine has ended."""
        return not self.state

    def cancel(self):
        """Have CancelledError raised in the coroutine; False if it has ended already."""
        if not self.state:
            return False
        context = Task._context
        if self is context["cur_task"]:
            raise RuntimeError("can't cancel self")
        task = self
        while isinstance(task.data, Task):
            task = task.data
        ready = context["_task_queue"]
        if hasattr(task.data, "remove"):
            task.data.remove(task)
            ready.push(task)
        elif _ticks_diff(task.ph_key, _ticks()) > 0:
            ready.remove(task)
            ready.push(task)
        task.data = context["CancelledError"]
        return True
