"""What a driver hands to the metering: one poll in whole units."""

import math


class Sample:
    """dV, mA, W, var (magnitude), mHz, power factor in 1/1000, and the chip's energy counter.

    `counter` is in the unit that the driver's `energy_register` understands. `reverse`: power
    flowed against the arrow on the chip's inputs.
    """

    def __init__(
        self,
        voltage_mv: int,
        current_ma: int,
        power_mw: int,
        frequency_mhz: int,
        counter: object,
        reverse: bool = False,
    ) -> None:
        self.voltage_dv = (voltage_mv + 50) // 100
        self.current_ma = current_ma
        self.power_w = (power_mw + 500) // 1000
        self.frequency_mhz = frequency_mhz
        self.counter = counter
        self.reverse = reverse
        apparent_mva = voltage_mv * current_ma // 1000
        size_mw = abs(power_mw)
        self.power_factor_milli = min(1000, size_mw * 1000 // apparent_mva) if apparent_mva else 0
        self.var = _reactive(apparent_mva / 1000, power_mw / 1000)


def _reactive(apparent_va: float, active_w: float) -> int:
    square = apparent_va * apparent_va - active_w * active_w
    return int(math.sqrt(square) + 0.5) if square > 0 else 0
