"""Whose meter is bypassed: which profile the residual follows. A hint with a score, not a proof.

What flows around a meter is some share of what flows through it, so the residual rises and falls
with that meter's own load. Per meter, over the intervals since the residual rose:

- `fit`: correlation of its load with the residual, in permille (0 if it is negative);
- `drop`: how much of the mean residual its own mean load has lost against the quiet time before;
- `score`: three parts fit, one part drop. `share` is the bypassed share that fits best.

A constant load around a meter follows no profile; two bypassed meters blur each other. Then scores
are low and near each other: the section is certain, the meter is not. Sums only, halved when they
are many, so that the state stays small and old intervals fade.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isqrt

from ledger.contracts.objects import Suspects

MOST_INTERVALS = 960
KEPT_QUIET = 672
"""What led to a suspicion is kept for a quiet week: who steals at night alone is quiet by day."""
LIKELY_INTERVALS, LIKELY_SCORE, LIKELY_LEAD = 16, 700, 150
"""A meter is called likely after so many intervals, from this score on, so far ahead of others."""
_PERMILLE = 1000


@dataclass(frozen=True, slots=True)
class Suspicion:
    """One meter's figures, all in permille."""

    address: bytes
    score: int
    fit: int
    drop: int
    share: int


def follow(
    sums: Suspects, loads_wh: Mapping[bytes, int], residual_wh: int, *, is_quiet: bool
) -> None:
    """Add one interval's load of each meter, and what was missing in the section."""
    rows = {row[0]: row for row in sums.meters}
    sums.quiet_run = sums.quiet_run + 1 if is_quiet else 0
    if sums.n and (sums.quiet_run > KEPT_QUIET or (is_quiet and not sums.is_told)):
        _calm_down(sums)
    for address, wh in loads_wh.items():
        row = rows.setdefault(address, [address, 0, 0, 0, 0])
        if is_quiet:
            row[1] += wh
        else:
            row[2], row[3], row[4] = row[2] + wh, row[3] + wh * wh, row[4] + wh * residual_wh
    sums.meters = [rows[address] for address in sorted(rows) if address in loads_wh]
    if is_quiet:
        sums.quiet_n += 1
    else:
        sums.n += 1
        sums.residual += residual_wh
        sums.squared += residual_wh * residual_wh
    _fade(sums)


def _calm_down(sums: Suspects) -> None:
    """What was counted since the residual rose was quiet after all, or is long over."""
    for row in sums.meters:
        row[1], row[2], row[3], row[4] = row[1] + row[2], 0, 0, 0
    sums.quiet_n += sums.n
    sums.n = sums.residual = sums.squared = sums.is_told = 0
    sums.likely = b""


def _fade(sums: Suspects) -> None:
    if sums.quiet_n > MOST_INTERVALS:
        sums.quiet_n //= 2
        for row in sums.meters:
            row[1] //= 2
    if sums.n > MOST_INTERVALS:
        sums.n, sums.residual, sums.squared = sums.n // 2, sums.residual // 2, sums.squared // 2
        for row in sums.meters:
            row[2], row[3], row[4] = row[2] // 2, row[3] // 2, row[4] // 2


def ranking(sums: Suspects) -> list[Suspicion]:
    """All meters, the likeliest first; empty while nothing is missing."""
    if sums.n < 2 or sums.residual <= 0:
        return []
    found = [_suspicion(sums, row) for row in sums.meters]
    return sorted(found, key=lambda one: (-one.score, one.address))


def likely(sums: Suspects, ranked: Sequence[Suspicion]) -> bytes:
    """The one meter that the figures point at, or nothing."""
    scores = [one.score for one in ranked]
    if sums.n < LIKELY_INTERVALS or not scores or scores[0] < LIKELY_SCORE:
        return b""
    lead = scores[0] - (scores[1] if len(scores) > 1 else 0)
    return ranked[0].address if lead >= LIKELY_LEAD else b""


def _suspicion(sums: Suspects, row: list[object]) -> Suspicion:
    address, quiet_wh, load, squared, product = row
    assert isinstance(address, bytes)
    assert isinstance(quiet_wh, int)
    assert isinstance(load, int)
    assert isinstance(squared, int)
    assert isinstance(product, int)
    fit = _correlation(sums, load, squared, product)
    drop = _drop(sums, quiet_wh, load)
    around = max(product, 0)
    share = around * _PERMILLE // (squared + around) if squared + around else 0
    return Suspicion(address, (3 * fit + drop) // 4, fit, drop, share)


def _correlation(sums: Suspects, load: int, squared: int, product: int) -> int:
    joint = sums.n * product - sums.residual * load
    spread = (sums.n * sums.squared - sums.residual**2) * (sums.n * squared - load**2)
    if joint <= 0 or spread <= 0:
        return 0
    return min(isqrt(joint * joint * _PERMILLE**2 // spread), _PERMILLE)


def _drop(sums: Suspects, quiet_wh: int, load: int) -> int:
    """(mean before - mean since) / mean residual, in permille within 0 and 1000."""
    if not sums.quiet_n:
        return 0
    lost = quiet_wh * sums.n - load * sums.quiet_n
    return min(max(lost * _PERMILLE // (sums.residual * sums.quiet_n), 0), _PERMILLE)
