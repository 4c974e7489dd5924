"""What a comparison with a reference meter found about one chip: integers.

A gain is in millionths, an offset in thousandths of V, A and W. The chip counts energy before any
offset, so energy has a gain alone. Some chips can shift the current against the voltage, in steps
of their own (`phase`, positive: the current is delayed), which a clamp makes necessary. How
config.json says it: `drivers.calibration_text`.
"""

UNITY = 1000000


class Calibration:
    """Gains in millionths; offsets in mV, mA, mW. Nominal unless told otherwise."""

    def __init__(
        self,
        voltage: "tuple[int, int]" = (UNITY, 0),
        current: "tuple[int, int]" = (UNITY, 0),
        power: "tuple[int, int]" = (UNITY, 0),
        energy: int = UNITY,
        phase: int = 0,
    ) -> None:
        self.voltage = voltage
        self.current = current
        self.power = power
        self.energy = energy
        self.phase = phase


def corrected(numerator: int, denominator: int, pair: "tuple[int, int]") -> int:
    """`numerator / denominator` thousandths, corrected by (gain, offset); never below 0.

    What measures nothing stays at 0: an offset is found under load.
    """
    if not numerator:
        return 0
    gain, offset = pair
    denominator *= UNITY
    return max(0, (numerator * gain + denominator // 2) // denominator + offset)
