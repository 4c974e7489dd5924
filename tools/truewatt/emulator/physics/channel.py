"""What metering points see: one phase, or three with their sum.

Signs as a meter at the point has them: into the load positive.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

NOMINAL_V = 230.0
PHASES = (1, 2, 3)


@dataclass(slots=True)
class Channel:
    """One metering point. Energy exact, in Wh.

    `absolute_wh` is what a module without direction counts.
    """

    voltage_v: float = NOMINAL_V
    power_w: float = 0.0
    reactive_var: float = 0.0
    energy_wh: float = 0.0
    absolute_wh: float = 0.0
    frequency_hz: float = 50.0

    def step(self, voltage_v: float, power_w: float, reactive_var: float) -> None:
        """Take the values of one second."""
        self.voltage_v = voltage_v
        self.power_w = power_w
        self.reactive_var = reactive_var
        self.energy_wh += power_w / 3600
        self.absolute_wh += abs(power_w) / 3600

    @property
    def current_a(self) -> float:
        """RMS current; 0 without voltage."""
        if self.voltage_v <= 0:
            return 0.0
        return math.hypot(self.power_w, self.reactive_var) / self.voltage_v

    @property
    def import_wh(self) -> float:
        """Energy that went into the load."""
        return (self.absolute_wh + self.energy_wh) / 2

    @property
    def export_wh(self) -> float:
        """Energy that came out of it."""
        return (self.absolute_wh - self.energy_wh) / 2


@dataclass(slots=True)
class ThreePhase:
    """A four-wire metering point: `phases` L1..L3, and `net`, their sum at their mean voltage.

    `net` counts the sum's energy: with one phase exporting what another imports, it counts nothing,
    while the phases' own registers do. `neutral_a`: RMS current of the neutral.
    """

    phases: tuple[Channel, Channel, Channel] = field(
        default_factory=lambda: (Channel(), Channel(), Channel())
    )
    net: Channel = field(default_factory=Channel)
    neutral_a: float = 0.0

    def step(self, voltages: list[complex], currents: list[complex]) -> None:
        """Take one second's phasors, phase to neutral, of L1..L3."""
        power_w = reactive_var = volts = 0.0
        for channel, voltage, current in zip(self.phases, voltages, currents, strict=True):
            apparent = voltage * current.conjugate()
            voltage_v = abs(voltage)
            channel.step(voltage_v, apparent.real, apparent.imag)
            power_w += apparent.real
            reactive_var += apparent.imag
            volts += voltage_v
        self.net.step(volts / 3, power_w, reactive_var)
        self.neutral_a = abs(currents[0] + currents[1] + currents[2])

    @property
    def frequency_hz(self) -> float:
        """The grid's frequency."""
        return self.net.frequency_hz

    def channels(self) -> tuple[Channel, ...]:
        """All four."""
        return (*self.phases, self.net)
