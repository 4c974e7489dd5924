"""The watchdog is fed only while every main task still turns."""


class Liveness:
    """Tasks call `beat(name)`; `feed` passes the watchdog its food if all did of late.

    A task that waits for work rests, so that it need not wake just to say that it is alive.
    """

    def __init__(self, watchdog: object, clock: object, limit_ms: int) -> None:
        self._watchdog = watchdog
        self._clock = clock
        self._limit_ms = limit_ms
        self._beats = {}

    def beat(self, task: str) -> None:
        """`task` turns. A task is watched from its first beat on."""
        self._beats[task] = self._clock.up_ms()

    def rest(self, task: str) -> None:
        """`task` waits for work, for as long as none comes; whoever brings some beats for it."""
        self._beats.pop(task, None)

    def stalled(self) -> "list[str]":
        """Tasks that have not beaten within the limit."""
        now_ms = self._clock.up_ms()
        return [task for task in self._beats if now_ms - self._beats[task] > self._limit_ms]

    def feed(self) -> "list[str]":
        """Feed the watchdog unless a task stalls; returns the stalled ones."""
        stalled = self.stalled()
        if not stalled and self._watchdog is not None:
            self._watchdog.feed()
        return stalled
