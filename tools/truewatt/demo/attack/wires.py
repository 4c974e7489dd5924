"""Attacks on the wire itself: noise, a transceiver that never stops talking, a cut cable."""

from __future__ import annotations

import random

from truewatt.demo.attack.base import ON_THE_BUS, Attack
from truewatt.hostile import intruder

_NOISE_BIT_ERROR = 0.02
_CHUNK_BYTES = 24


class Jamming(Attack):
    """Nobody can speak on a line; then everybody can again."""

    name = "bus-jamming"
    holds = ON_THE_BUS
    does = "Disturbs every frame by noise, talks without a pause, and cuts the cable."
    stopped_by = (
        "CRC and signature; boards keep what is not acked; the gateway names it and comes back."
    )

    def run(self) -> None:
        scene = self.scene
        board = scene.random.choice(scene.meters)
        bus, tap = scene.bus_of(board), scene.tap_of(board)
        epochs = {name: intruder.status(scene, name).epoch for name in self._on(bus)}
        rng = random.Random(f"talker-{scene.site.scenario.seed}")

        def inject(**what: object) -> None:
            scene.rig(cmd="inject", bus=bus, **what)

        def talk() -> None:
            tap.talker = lambda: rng.randbytes(_CHUNK_BYTES)

        self.notice("noise", "garbled_reply", lambda: inject(noise_bit_error=_NOISE_BIT_ERROR))
        inject(noise_bit_error=0.0)
        self.back(bus)
        self.notice("a continuous talker", "garbled_reply", talk)
        scene.honest()
        self.back(bus)
        self.notice("a cut cable", "no_reply", lambda: inject(cut=True))
        inject(cut=False)
        self.back(bus)
        for name, epoch in epochs.items():
            harmed = intruder.status(scene, name).epoch != epoch
            self.harm_if(harmed, f"{name} restarted while its line was jammed")
        self.result.kept.append(f"{bus}: every board is back, each chain without a hole")

    def back(self, bus: str) -> None:
        """Every board on the line is heard again."""
        for name in self._on(bus):
            self.goes_on(name)
        self.quiet("garbled_reply")
        self.quiet("no_reply")

    def _on(self, bus: str) -> list[str]:
        scene = self.scene
        names = scene.site.scenario.boards
        return [n for n in names if scene.bus_of(n) == bus and n not in scene.set_aside]
