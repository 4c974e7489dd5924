"""Words of a meter to readings, and readings to words. Pure; integers and fractions only."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gateway.profiles import words as bits
from gateway.profiles.profile import Profile, Register
from gateway.profiles.quantities import (
    APPARENT,
    CURRENT,
    FREQUENCY,
    POWER,
    POWER_FACTOR,
    REACTIVE,
    VOLTAGE,
)

MAX_FREQUENCY_MHZ = 100_000
MAX_COUNT = 10**14
"""Wh: far above what a meter counts in its life, far below what 64 bits hold."""


@dataclass
class Readings:
    """Results by key with unit (`import_wh`). What can't be believed is in none of `values`.

    `unavailable`: the meter said so. `implausible`: outside of what the meter can measure.
    `missing`: words that weren't read.
    """

    values: dict[str, int] = field(default_factory=dict)
    unavailable: list[str] = field(default_factory=list)
    implausible: dict[str, int] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


def decode(
    profile: Profile, words: Mapping[int, int], registers: Iterable[Register] | None = None
) -> Readings:
    """Readings from `words` by address; of `registers`, or of all in the profile."""
    readings = Readings()
    for register in profile.registers if registers is None else registers:
        _decode_one(profile, register, words, readings)
    return readings


def encode(profile: Profile, values: Mapping[str, int | None]) -> dict[int, int]:
    """Words by address for `values` by key; None: unavailable, not named: 0.

    Raises `ValueOutOfRange`, and KeyError for a key that the profile doesn't have.
    """
    known = {register.key for register in profile.registers}
    if strangers := sorted(set(values) - known):
        raise KeyError(f"{profile.name} has no {', '.join(strangers)}")
    image: dict[int, int] = {}
    for register in profile.registers:
        value = values.get(register.key, 0)
        if value is None:
            raw = bits.unavailable_bits(register.type)
        else:
            raw = bits.bits_of(value / register.factor, register.type)
        row = bits.words_from(raw, register.words, profile.word_order, profile.byte_order)
        image.update(enumerate(row, register.address))
    return image


def limits(profile: Profile, register: Register) -> tuple[int, int]:
    """The least and the largest result that the meter can mean, in the fixed unit."""
    kind = register.kind
    per_phase_va = profile.max_voltage_v * profile.max_current_a
    whole_va = per_phase_va * profile.phases
    if kind is VOLTAGE:
        return 0, 10 * profile.max_voltage_v
    if kind is CURRENT:
        return -1000 * profile.max_current_a, 1000 * profile.max_current_a
    if kind in (POWER, REACTIVE):
        return -whole_va, whole_va
    if kind is APPARENT:
        # Some meters give it the sign of the power.
        return -whole_va, whole_va
    if kind is POWER_FACTOR:
        return -1000, 1000
    if kind is FREQUENCY:
        return 0, MAX_FREQUENCY_MHZ
    return 0, MAX_COUNT


def _decode_one(
    profile: Profile, register: Register, words: Mapping[int, int], readings: Readings
) -> None:
    addresses = range(register.address, register.last + 1)
    if any(address not in words for address in addresses):
        readings.missing.append(register.key)
        return
    row = [words[address] for address in addresses]
    raw = bits.bits_from(row, profile.word_order, profile.byte_order)
    sentinel = profile.unavailable == "type_maximum" and raw == bits.unavailable_bits(register.type)
    value = None if sentinel else bits.number(raw, register.type)
    if value is None:
        readings.unavailable.append(register.key)
        return
    result = round(value * register.factor)
    low, high = limits(profile, register)
    if low <= result <= high:
        readings.values[register.key] = result
    else:
        readings.implausible[register.key] = result
