"""Keeps the parts of a run alive, cuts their power when the plan says so, stops them in order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from truewatt.demo.chaos import Cut
from truewatt.demo.parts import Part

RESTART_AFTER_S = 0.2
"""A part that ended by itself comes back after this, as under systemd or a watchdog."""

MAX_RESTARTS_PER_MINUTE = 20
"""More than this in a wall minute means that the part cannot run: the run ends with its name."""


class PartUnstable(RuntimeError):
    """A part ends again and again by itself."""


class Supervisor:
    """Owns the parts from `start` to `stop`. Not a scheduler: the parts find each other."""

    def __init__(self, parts: Sequence[Part], say: Callable[[str], None]) -> None:
        self.parts = {part.name: part for part in parts}
        self.kills = 0
        self.restarts: dict[str, int] = {}
        self._say = say
        self._down_until: dict[str, float] = {}
        self._ended_at: dict[str, list[float]] = {}
        self._ending = False

    def start(self, names: Sequence[str] | None = None) -> None:
        """Start all parts, or those named."""
        for name in names if names is not None else self.parts:
            self.parts[name].start()

    async def run(self, wall_s: float, cuts: Sequence[Cut]) -> None:
        """Watch the parts for `wall_s` real seconds or until `end_soon`, cutting power as planned.

        On a machine that is too busy to cut in time the run gets longer, not milder.
        """
        started = time.monotonic()
        pending = sorted(cuts)
        while not self._ending and ((elapsed := time.monotonic() - started) < wall_s or pending):
            while pending and pending[0].at_s <= elapsed:
                self._cut(pending.pop(0))
            self.revive()
            await asyncio.sleep(0.05)

    @property
    def is_ending(self) -> bool:
        """Whether somebody wanted the run to end early."""
        return self._ending

    def end_soon(self) -> None:
        """Let `run` return with its next turn: the rest of the run's time is not wanted."""
        self._ending = True

    def revive(self) -> None:
        """Restart what is down and due; called in every turn, while draining too."""
        now = time.monotonic()
        for name, part in self.parts.items():
            due = self._down_until.get(name)
            if due is not None:
                if now >= due:
                    del self._down_until[name]
                    part.start()
            elif (code := part.poll()) is not None:
                self._note_end(name, code, now)

    def stop(self, names: Sequence[str] | None = None) -> None:
        """Stop parts in the order given (all, last started first, if none are named)."""
        for name in names if names is not None else list(reversed(self.parts)):
            self.parts[name].stop()

    def kill_all(self) -> None:
        """The last resort: nothing of the run may outlive it."""
        for part in self.parts.values():
            part.kill()

    def _cut(self, cut: Cut) -> None:
        self.parts[cut.part].kill()
        self.kills += 1
        self._down_until[cut.part] = time.monotonic() + cut.down_s
        self._say(f"power cut: {cut.part}, back in {cut.down_s:.1f} s")

    def _note_end(self, name: str, code: int, now: float) -> None:
        self.restarts[name] = self.restarts.get(name, 0) + 1
        ends = [at for at in self._ended_at.get(name, []) if now - at < 60] + [now]
        self._ended_at[name] = ends
        if len(ends) > MAX_RESTARTS_PER_MINUTE:
            raise PartUnstable(f"{name} ended {len(ends)} times in a minute, last code {code}")
        self._say(f"{name} ended by itself (code {code}); restarting")
        self._down_until[name] = now + RESTART_AFTER_S
