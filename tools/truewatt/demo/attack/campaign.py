"""Attacks a run while it lives: one attack after the other, in a thread beside it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Sequence

from ledger.clock import Clock
from truewatt.demo.attack import table
from truewatt.demo.attack.base import Attack, carry_out
from truewatt.demo.attack.scene import Scene
from truewatt.demo.attack.verdict import Result, failures
from truewatt.demo.observer import Observer
from truewatt.demo.site import Site
from truewatt.demo.supervisor import Supervisor

EVENTS = "attacks.jsonl"


class Campaign(Observer):
    """Attach to a run; `results` has what came of each attack, in their order."""

    def __init__(self, attacks: Sequence[type[Attack]], say: Callable[[str], None]) -> None:
        self._attacks = list(attacks)
        self._say = say
        self._thread: threading.Thread | None = None
        self._over, self._stopping = threading.Event(), threading.Event()
        self._broken = ""
        self._scene: Scene | None = None
        self.results: list[Result] = []

    # ---- the observer's side -------------------------------------------------------------------

    async def start(self, site: Site, clock: Clock, supervisor: Supervisor) -> None:
        """Begin to attack."""
        self._scene = Scene(site, clock, supervisor, site.scenario.seed)
        self._thread = threading.Thread(target=self._attack, name="attacks")
        self._thread.start()

    def is_busy(self) -> bool:
        """Whether attacks are still to come: the run waits for them."""
        return self._thread is not None and not self._over.is_set()

    def set_aside(self) -> dict[str, str]:
        """Boards that attacks put out of service, and why."""
        return {} if self._scene is None else dict(self._scene.set_aside)

    async def stop(self) -> None:
        """Take taps and lies away, with the gateway still running behind them."""
        self._stopping.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def findings(self) -> dict[str, object]:
        """The report's table."""
        return {"attacks": [result.as_json() for result in self.results]}

    def failures(self) -> list[str]:
        """What did not end as it must."""
        planned = [attack.name for attack in self._attacks]
        broken = [f"the campaign ended early: {self._broken}"] if self._broken else []
        return broken + failures(self.results, planned)

    # ---- the thread ----------------------------------------------------------------------------

    def _attack(self) -> None:
        scene = self._scene
        assert scene is not None
        try:
            scene.open()
            for number, attack in enumerate(self._attacks, 1):
                if self._stopping.is_set():
                    break
                self._say(f"attack {number}/{len(self._attacks)}: {attack.name}: {attack.does}")
                self._note(scene, {"event": "begins", "attack": attack.name})
                result = carry_out(attack(scene))
                self.results.append(result)
                self._note(scene, {"event": "over", **result.as_json()})
                self._say(table.line(result))
        except Exception as error:
            self._broken = f"{type(error).__name__}: {error}"
            self._say(f"attacks: {self._broken}")
        self._done(scene)

    def _done(self, scene: Scene) -> None:
        """The taps stay in the lines, honest, until the run is over."""
        scene.honest()
        self._over.set()
        self._stopping.wait()
        scene.close()

    def _note(self, scene: Scene, event: dict[str, object]) -> None:
        with (scene.site.run_dir / EVENTS).open("a") as file:
            file.write(json.dumps({"t_ms": scene.clock.unix_ms(), **event}) + "\n")
