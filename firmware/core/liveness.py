"""The watchdog is fed only while every main task still turns."""


class Liveness:
    """Tasks call `beat(name)`; `feed` passes the watchdog its food if all did of late."""

    def __init__(self, watchdog: object, clock: object, limit_ms: int) -> None:
        self._watchdog = watchdog
        self._clock = clock
        self._limit_ms = limit_ms
        self._beats = {}

    def beat(self, task: str) -> None:
        """`task` turns. A task is watched from its first beat on."""
        self._beats[task] = self._clock.up_ms()

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
