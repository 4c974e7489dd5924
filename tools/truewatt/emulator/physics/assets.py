"""What all assets share: something in a home that draws or gives power, with a need of its own.

`step` advances one second of local time and returns the power drawn in W (negative: given).
"""

from typing import Any, Protocol

NOMINAL_V = 230.0
DAY_S = 86400
ACTUATORS = ("battery", "ev")
"""Assets that a device of their own may steer: `setpoint_w`, `limit_w`."""


class Asset(Protocol):
    """A load that a relay can cut off, or that is told what to do."""

    unmet_wh: float
    """What its owner wanted and did not get: heat, cold or charge, in Wh."""

    def step(self, local_s: int, voltage_v: float) -> float:
        """Advance a second with `voltage_v` at its terminals (0: cut off); the power in W."""

    def state(self) -> dict[str, Any]:
        """What a person wants to see of it; JSON."""


def connected_between(local_s: int, from_min: int, until_min: int) -> bool:
    """Whether the time of day lies between two minutes of the day, over midnight if need be."""
    at = local_s % DAY_S // 60
    if from_min <= until_min:
        return from_min <= at < until_min
    return at >= from_min or at < until_min
