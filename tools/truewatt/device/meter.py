"""A bought meter behind a board: what the board must know of the gateway's profile, and no more.

The firmware reads it as `metering.meter` (firmware/core/metering_rs485.py).
"""

from typing import Any, NoReturn

from gateway.profiles import Profile, find_profile, plan
from gateway.profiles.errors import ProfileError, Unconfirmed
from gateway.profiles.profile import Register
from truewatt.device.errors import BadOption, BoardCannot

_FROM = {
    "voltage": ("voltage", "voltage_l1"),
    "current_1": ("current_l1", "current"),
    "current_2": ("current_l2",),
    "current_3": ("current_l3",),
    "power": ("power",),
    "reactive": ("reactive",),
    "frequency": ("frequency",),
    "import": ("import",),
    "export": ("export",),
}
_PARITIES = {"N": "none", "E": "even", "O": "odd"}
_FLOAT_STEP_WH = 120
"""One step of a float32 at 1 GWh, where few meters ever get."""


def line(name: str, baud: int | None = None) -> dict[str, Any]:
    """Fields of `metering` for a meter of the profile `name`: its port, and its registers.

    Raises `BadOption` for an unknown profile, `BoardCannot` for one that no board can read.
    """
    try:
        profile = find_profile(name)
    except ProfileError as error:
        raise BadOption(str(error), "--meter-profile", "See docs/meters.") from None
    fields: dict[str, Any] = {"meter": compiled(profile)}
    if profile.serial is not None:
        fields["parity"] = _PARITIES[profile.serial.parity]
        fields["stop"] = profile.serial.stop_bits
        baud = baud or profile.serial.baud
    return fields | ({"baud": baud} if baud else {})


def compiled(profile: Profile) -> dict[str, Any]:
    """`metering.meter`: blocks, registers, orders, sentinel, direction. Raises `BoardCannot`."""
    chosen = _chosen(profile)
    energy = chosen["import"]
    whole_w = profile.phases * profile.max_voltage_v * profile.max_current_a
    blocks = plan(profile, set(chosen.values()))
    meter: dict[str, Any] = {
        "model": profile.name,
        "function": profile.function,
        "blocks": [[block.first, block.count] for block in blocks],
        "registers": {name: _row(register) for name, register in chosen.items()},
        "low_word_first": profile.word_order == "low_first",
        "low_byte_first": profile.byte_order == "little",
        "sentinel": profile.unavailable == "type_maximum",
        "direction": "export" in chosen,
        "pause_ms": profile.pause_ms,
        "max_w": whole_w,
        "step_wh": _step_wh(energy),
    }
    return meter | ({"wrap_wh": energy.wrap} if energy.wrap else {})


def _chosen(profile: Profile) -> dict[str, Register]:
    if profile.transport != "rtu":
        _cannot(profile, f"it talks {profile.transport}, not Modbus RTU")
    try:
        known = {register.quantity: register for register in profile.chosen()}
    except Unconfirmed:
        _cannot(profile, "it is known from one source only")
    found = {
        name: next((known[quantity] for quantity in quantities if quantity in known), None)
        for name, quantities in _FROM.items()
    }
    chosen = {name: register for name, register in found.items() if register is not None}
    if "import" not in chosen and "export" not in chosen and "total" in known:
        chosen["import"] = known["total"]
    if not profile.direction:
        chosen.pop("export", None)
    for name in ("power", "import"):
        if name not in chosen:
            _cannot(profile, f"its profile has no register of {name}")
    return chosen


def _cannot(profile: Profile, why: str) -> NoReturn:
    raise BoardCannot(
        f"a board can't read a {profile.manufacturer} {profile.model}: {why}",
        profile.name,
        "Let the gateway read it (docs/gateway.md).",
    )


def _row(register: Register) -> list[Any]:
    factor = register.factor
    return [register.address, register.type, factor.numerator, factor.denominator]


def _step_wh(register: Register) -> int:
    if register.type == "float32":
        return _FLOAT_STEP_WH
    return max(1, -(-register.factor.numerator // register.factor.denominator))
