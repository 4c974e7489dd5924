"""Voltages and currents of a radial four-wire feeder by backward-forward sweep.

Backward: each load's current from its voltage of the round before, added up towards the source.
Forward: voltages from the source outwards. A round shrinks the error by about the share of the
voltage that is lost on the way, so that two or three are enough when a second differs little from
the one before (Shirmohammadi et al., IEEE Trans. Power Systems 3(2), 1988, for radial networks).

Loads are constant power; below 0.7 of the nominal voltage, constant impedance, as there is no
solution beyond the nose of the curve (OpenDSS models its loads the same way, `vminpu`). If it does
not settle even so, all loads are halved until it does, at most `_HALVINGS` times: the feeder browns
out, and nothing runs away.
"""

from __future__ import annotations

import cmath
from collections.abc import Sequence

from truewatt.emulator.physics.network import Matrix
from truewatt.emulator.physics.tree import Tree

_SETTLED_V = 1e-3
_ROUNDS = 25
_HALVINGS = 12
_IMPEDANCE_BELOW = 0.7
_TURN = (1 + 0j, cmath.rect(1, -2 * cmath.pi / 3), cmath.rect(1, 2 * cmath.pi / 3))


class Sweep:
    """The solver of one feeder. Taps are single-phase loads at a node behind a cable of their own.

    Results of the last `solve`, phasors in V and A: `node_v` and `node_a` (the current that flows
    into node n from its parent; node 0: from the transformer), index 3 * node + phase - 1; `tap_v`
    and `tap_a` by tap. `served`: the share of all loads that was fed, 1 unless it browned out.
    """

    def __init__(self, tree: Tree, source_z: Matrix, voltage_v: float) -> None:
        self.served = 1.0
        self.rounds = 0
        self._source_z = source_z
        self._no_load_v = [voltage_v * turn for turn in _TURN]
        self._branches = [(3 * n, 3 * b.parent, b.z) for n, b in enumerate(tree.branches, 1)]
        self._inwards = [(to, start) for to, start, _ in reversed(self._branches)]
        self._slots: list[int] = []
        self._tap_z: list[complex] = []
        self._least_v2 = (_IMPEDANCE_BELOW * voltage_v) ** 2
        self.node_v = self._no_load_v * (len(tree.branches) + 1)
        self.node_a = [0j] * len(self.node_v)
        self.tap_v: list[complex] = []
        self.tap_a: list[complex] = []

    def add_tap(self, node: int, phase: int, z: complex) -> int:
        """Connect a load; its number."""
        slot = 3 * node + phase - 1
        self._slots.append(slot)
        self._tap_z.append(z)
        self.tap_v.append(self._no_load_v[phase - 1])
        self.tap_a.append(0j)
        return len(self._slots) - 1

    def set_voltage(self, voltage_v: float) -> None:
        """Change the voltage of the source, phase to neutral."""
        self._no_load_v = [voltage_v * turn for turn in _TURN]

    def solve(self, demands: Sequence[complex]) -> None:
        """Find the state in which each tap draws its complex power in VA."""
        if self._settle(demands):
            self.served = 1.0
            return
        share = 1.0
        for _ in range(_HALVINGS):
            share /= 2
            self._rest()
            if self._settle([demand * share for demand in demands]):
                self.served = share
                return
        self.served = 0.0
        self._rest()
        self._settle([0j] * len(demands))

    def tap_share(self, tap: int) -> float:
        """Which share of its demand a tap was given: less than 1 at low voltage."""
        voltage = self.tap_v[tap]
        square = voltage.real**2 + voltage.imag**2
        return self.served * min(1.0, square / self._least_v2)

    def _rest(self) -> None:
        self.node_v = self._no_load_v * (len(self.node_v) // 3)
        self.tap_v = [self.node_v[slot] for slot in self._slots]

    def _settle(self, demands: Sequence[complex]) -> bool:
        for self.rounds in range(1, _ROUNDS + 1):
            self._backward(demands)
            change = self._forward()
            if change < _SETTLED_V:
                return True
            if change != change or change > 1e6:
                return False
        return False

    def _backward(self, demands: Sequence[complex]) -> None:
        node_a = [0j] * len(self.node_v)
        tap_a = []
        least_v2 = self._least_v2
        for demand, voltage, slot in zip(demands, self.tap_v, self._slots, strict=True):
            square = voltage.real * voltage.real + voltage.imag * voltage.imag
            # conj(S / V), with |V| held at the floor where the load turns into an impedance.
            current = demand.conjugate() * voltage / (square if square > least_v2 else least_v2)
            tap_a.append(current)
            node_a[slot] += current
        for to, start in self._inwards:
            node_a[start] += node_a[to]
            node_a[start + 1] += node_a[to + 1]
            node_a[start + 2] += node_a[to + 2]
        self.node_a, self.tap_a = node_a, tap_a

    def _forward(self) -> float:
        """Voltages from the currents; the largest change of a tap's, as |real| + |imaginary|."""
        node_v, node_a = self.node_v, self.node_a
        _drop(node_v, 0, self._no_load_v, 0, self._source_z, node_a)
        for to, start, z in self._branches:
            _drop(node_v, to, node_v, start, z, node_a)
        new = [
            node_v[slot] - z * current
            for slot, z, current in zip(self._slots, self._tap_z, self.tap_a, strict=True)
        ]
        changes = [a - b for a, b in zip(new, self.tap_v, strict=True)]
        self.tap_v = new
        return max([abs(c.real) + abs(c.imag) for c in changes], default=0.0)


def _drop(
    out: list[complex], to: int, of: list[complex], start: int, z: Matrix, amps: list[complex]
) -> None:
    """Voltages at the far end of an impedance, from those at its near end."""
    a, b, c = amps[to], amps[to + 1], amps[to + 2]
    out[to] = of[start] - (z[0] * a + z[1] * b + z[2] * c)
    out[to + 1] = of[start + 1] - (z[3] * a + z[4] * b + z[5] * c)
    out[to + 2] = of[start + 2] - (z[6] * a + z[7] * b + z[8] * c)
