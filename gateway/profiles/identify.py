"""Which models may a meter be? Honest about it: most meters don't say what they are.

Eastron's meters share addresses, so an SDM630 reads well as an SDM120. A profile that fits is
a candidate, not an answer, unless a register of the meter names the model.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from gateway.collect.errors import NoReply
from gateway.profiles.codec import Readings
from gateway.profiles.errors import MeterRefused
from gateway.profiles.link import MeterLink
from gateway.profiles.profile import Identity, Profile
from gateway.profiles.reader import read_meter
from gateway.profiles.words import bits_from

MIN_MAINS_DV, MAX_MAINS_DV = 800, 3000
MIN_MAINS_MHZ, MAX_MAINS_MHZ = 45_000, 65_000
SLACK_PERCENT = 5


class Certainty(IntEnum):
    """How sure it is that the meter is this model."""

    NO = 0
    POSSIBLE = 1
    PLAUSIBLE = 2
    NAMED = 3


MEANS = {
    Certainty.NO: "doesn't fit",
    Certainty.POSSIBLE: "answers, but nothing in it can be checked",
    Certainty.PLAUSIBLE: "fits; other models may fit too",
    Certainty.NAMED: "a register of the meter names this model",
}


@dataclass(frozen=True)
class Match:
    """A candidate, with what speaks for it (`evidence`) and against it (`against`)."""

    profile: Profile
    certainty: Certainty
    evidence: tuple[str, ...] = ()
    against: tuple[str, ...] = ()


def weigh(profile: Profile, readings: Readings) -> Match:
    """The match of a profile to what was read with it; pure."""
    evidence: list[str] = []
    against: list[str] = []
    for says, good in _checks(profile, readings):
        (evidence if good else against).append(says)
    against += [f"{key} can't be {value}" for key, value in sorted(readings.implausible.items())]
    if not readings.values and not against:
        against.append("no reading is available")
    certainty = Certainty.PLAUSIBLE if evidence else Certainty.POSSIBLE
    return Match(profile, Certainty.NO if against else certainty, tuple(evidence), tuple(against))


async def identify(
    link: MeterLink,
    address: int,
    profiles: Iterable[Profile],
    progress: Callable[[str], None] | None = None,
) -> list[Match]:
    """The profiles tried on the meter at `address`, the best first; none more once it is named.

    Raises `NoReply` if nobody is there, `PortLost`, `GarbledReply`, `WrongReply`. A model that is
    known from one source only is tried too.
    """
    candidates = sorted(profiles, key=lambda p: p.identity is None)
    # Before the model is known, the most sensitive one decides.
    link.pause_ms = max([link.pause_ms, *(profile.pause_ms for profile in candidates)])
    matches: list[Match] = []
    heard = False
    for profile in candidates:
        if progress is not None:
            progress(f"{profile.manufacturer} {profile.model}")
        try:
            match = await _try(link, address, profile)
        except NoReply:
            # Some meters are silent where others send an exception, but none is silent twice.
            if not heard and matches:
                raise
            match = Match(profile, Certainty.NO, against=("no reply",))
        else:
            heard = True
        matches.append(match)
        if match.certainty is Certainty.NAMED:
            break
    return sorted(matches, key=lambda m: (-m.certainty, -len(m.evidence), m.profile.name))


async def _try(link: MeterLink, address: int, profile: Profile) -> Match:
    identity = profile.identity
    if identity is not None and not await _named(link, address, identity):
        return Match(profile, Certainty.NO, against=("its identity register says otherwise",))
    try:
        readings = await read_meter(link, profile, address, unconfirmed=True)
    except MeterRefused as error:
        return Match(profile, Certainty.NO, against=(error.what,))
    match = weigh(profile, readings)
    if identity is not None and match.certainty is not Certainty.NO:
        evidence = (f"register {identity.address:#06x} names it", *match.evidence)
        return Match(profile, Certainty.NAMED, evidence)
    return match


async def _named(link: MeterLink, address: int, identity: Identity) -> bool:
    """Whether the identity register holds one of the model's values."""
    count = 2 if identity.type == "u32" else 1
    try:
        words = await link.read(identity.function, address, identity.address, count)
    except MeterRefused:
        return False
    return bits_from(words, "high_first", "big") in identity.values


def _checks(profile: Profile, readings: Readings) -> Iterator[tuple[str, bool]]:
    values = readings.values
    for key, value in values.items():
        if key.startswith("voltage") and value:
            yield f"{key} is a mains voltage", MIN_MAINS_DV <= value <= MAX_MAINS_DV
    if "frequency_mhz" in values:
        good = MIN_MAINS_MHZ <= values["frequency_mhz"] <= MAX_MAINS_MHZ
        yield "frequency_mhz is the mains'", good
    suffixes = ("", "_l1", "_l2", "_l3")
    for end in suffixes:
        yield from _apparent(values, end)
    yield from _sum(values)
    if {"import_wh", "export_wh", "total_wh"} <= set(values) and profile.direction:
        total = values["import_wh"] + values["export_wh"]
        # Float32 counters carry 24 bits, so large ones are coarse.
        if values["total_wh"] and abs(total - values["total_wh"]) <= 10 + total // 100_000:
            yield "import and export add up to the total", True


def _apparent(values: dict[str, int], end: str) -> Iterator[tuple[str, bool]]:
    """|P| can't be more than U x I, within the time that passes between reading them."""
    keys = (f"voltage{end}_dv", f"current{end}_ma", f"power{end}_w")
    if all(key in values for key in keys):
        voltage, current, power = (abs(values[key]) for key in keys)
        apparent_va = voltage * current // 10_000
        good = power <= apparent_va * (100 + SLACK_PERCENT) // 100 + 20
        if apparent_va:
            yield f"{keys[2]} fits voltage and current", good


def _sum(values: dict[str, int]) -> Iterator[tuple[str, bool]]:
    keys = ["power_w", "power_l1_w", "power_l2_w", "power_l3_w"]
    if all(key in values for key in keys) and any(values[key] for key in keys):
        whole, *parts = (values[key] for key in keys)
        size = sum(abs(part) for part in parts)
        # Out of agreement is no proof: a load may switch between two reads.
        if abs(whole - sum(parts)) <= size * SLACK_PERCENT // 100 + 20:
            yield "the phases' powers add up", True
