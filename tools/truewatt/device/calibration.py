"""A chip's calibration from what it showed and what a reference meter did, for config.json."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from truewatt.device.errors import BadOption

UNITY = 1_000_000
GAINS = (100_000, 10_000_000)
DRIVERS = ("ade7953", "atm90e32", "bl0942", "cse7766", "hlw8012")
PHASE_STEPS = {"ade7953": 383}
_PAIRS = ("voltage", "current", "power")
_CHECK_BYTES = 4


def found(driver: str, pairs: Mapping[str, Sequence[float]], phase: int = 0) -> dict[str, Any]:
    """The `calibration` of a channel: `pairs` of (shown, reference) by quantity.

    Energy takes the gain of power, unless it has a pair of its own. Raises `BadOption`.
    """
    gains = {name: _gain(name, *pair) for name, pair in pairs.items()}
    values: dict[str, Any] = {name: [gains[name], 0] for name in _PAIRS if name in gains}
    values["energy"] = gains.get("energy", gains.get("power", UNITY))
    if phase:
        most = PHASE_STEPS.get(driver, 0)
        if not -most <= phase <= most:
            why = (
                f"{driver} corrects {most} steps at most" if most else f"{driver} can't correct it"
            )
            raise BadOption(f"phase {phase}: {why}", "--phase", "Turn the clamp, or leave it out.")
        values["phase"] = phase
    return values | {"check": check(driver, values)}


def check(driver: str, values: Mapping[str, Any]) -> str:
    """What the board expects beside these values (firmware/drivers/calibration_text.py)."""
    pairs = [values.get(name, [UNITY, 0]) for name in _PAIRS]
    numbers = [number for pair in pairs for number in pair] + [values.get("energy", UNITY), 0]
    numbers += [values["phase"]] if values.get("phase") else []
    text = f"truewatt/calibration/1|{driver}|" + ",".join(map(str, numbers))
    return hashlib.sha256(text.encode()).digest()[:_CHECK_BYTES].hex()


def _gain(name: str, shown: float, reference: float) -> int:
    if shown <= 0 or reference <= 0:
        raise BadOption(f"{name}: {shown} and {reference}", f"--{name}", "Give both above 0.")
    gain = round(UNITY * reference / shown)
    if not GAINS[0] <= gain <= GAINS[1]:
        what = f"{name}: {reference} is {gain / UNITY:.3g} times what was shown"
        raise BadOption(what, f"--{name}", "That is no deviation of parts: check wiring and units.")
    return gain
