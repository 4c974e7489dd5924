"""Price formulas, pluggable by name. Each is monotone: more of a type generated never raises it.

    FORMULAS[name](rule, load_w, generated_w) -> micro-units of currency per kWh, in least..most

`load_w` is the area's mean load and `generated_w` the mean generation of the rule's energy type in
the interval that ended. Integers only; divisions round down.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

_W_PER_KW = 1000


class PriceRule(Protocol):
    """The parameters that a formula reads."""

    @property
    def base(self) -> int:
        """Price without load and generation."""

    @property
    def least(self) -> int:
        """Floor of the price."""

    @property
    def most(self) -> int:
        """Ceiling of the price."""

    @property
    def load_slope(self) -> int:
        """Rise per kW of load."""

    @property
    def generation_slope(self) -> int:
        """Fall per kW of this type's generation."""


def linear(rule: PriceRule, load_w: int, generated_w: int) -> int:
    """base + load_slope * kW of load - generation_slope * kW of this type, within bounds."""
    rise = rule.load_slope * load_w // _W_PER_KW
    fall = rule.generation_slope * generated_w // _W_PER_KW
    return min(max(rule.base + rise - fall, rule.least), rule.most)


FORMULAS: dict[str, Callable[[PriceRule, int, int], int]] = {"linear": linear}
