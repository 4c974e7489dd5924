"""Objects in the state, one dataclass each, as deterministic CBOR maps {0: first field, 1: ...}.

    pack(object) -> bytes        unpack(Class, data) -> object

Field order is the format: append new fields at the end with a default, never reorder.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from wireformat import cbor

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    T = TypeVar("T", bound=DataclassInstance)
else:
    T = TypeVar("T")

ACTIVE, FROZEN, REVOKED = 0, 1, 2
DEVICE_STATUS = {ACTIVE: "active", FROZEN: "frozen", REVOKED: "revoked"}

OPEN, DONE, REFUSED, EXPIRED = 0, 1, 2, 3
INTENT_STATUS = {OPEN: "open", DONE: "done", REFUSED: "refused", EXPIRED: "expired"}
"""1 to 3 are the wire's `codes.OUTCOME_STATUS`."""

SIGNED, ATTESTED = 0, 1
TRUST = {SIGNED: "signed", ATTESTED: "attested"}
"""Whose word a board's readings are: its own key's, or that of the gateway which read a meter.

Attested energy settles only up to what the M-LMD's own measurement leaves (docs/ledger.md).
"""

RELAY_OPEN, RELAY_CLOSED, RELAY_UNKNOWN = 0, 1, 2

RELAY_KIND, LIMIT_KIND, BATTERY_KIND, SG_READY_KIND = 0, 1, 2, 3
KINDS = {
    RELAY_KIND: "relay",
    LIMIT_KIND: "power limit",
    BATTERY_KIND: "battery",
    SG_READY_KIND: "sg_ready",
}
"""How an asset is commanded; graded ones give way by degrees."""
GRADED = (LIMIT_KIND, BATTERY_KIND)


def pack(item: DataclassInstance) -> bytes:
    """The object's bytes in the state."""
    return cbor.encode({i: getattr(item, f.name) for i, f in enumerate(fields(item))})


def unpack(cls: type[T], data: bytes) -> T:
    """The object behind bytes that `pack` wrote, the caller's own."""
    values, lists = _values(data)
    if not lists:
        return cls(*values)
    own = list(values)
    for at in lists:
        own[at] = _own(own[at])
    return cls(*own)


@lru_cache(maxsize=8_192)
def _values(data: bytes) -> tuple[tuple[object, ...], tuple[int, ...]]:
    """Field values in order, and which of them are lists.

    Most objects are read in every block and change seldom, so decoding them once is enough.
    """
    pairs = cbor.decode(data)
    if not isinstance(pairs, dict):
        raise TypeError("a state value is no map")
    values = tuple(pairs[i] for i in range(len(pairs)))
    return values, tuple(at for at, value in enumerate(values) if isinstance(value, list))


def _own(value: object) -> object:
    """A value that can be changed without anyone else seeing it."""
    return [_own(item) for item in value] if isinstance(value, list) else value


@dataclass(slots=True)
class Device:
    """`registry/device/<addr>`: what an enrolled board is (fixed) and how it stands (status).

    `trust` is of `TRUST`; `behind` the meter that measures this device's energy too, or empty;
    `calibration` the digest of what decides what a Wh is, empty if the enrolment named none.
    """

    public_key: bytes
    role: int
    channels: list[list[int]]
    hardware_id: bytes
    firmware: str
    relays: int
    fixed_limit_w: int
    area: int
    section: bytes
    installer: bytes
    enrolled_height: int
    status: int = ACTIVE
    status_height: int = 0
    trust: int = SIGNED
    behind: bytes = b""
    calibration: bytes = b""


@dataclass(slots=True)
class KeyCertificate:
    """`registry/cert/<addr>`: a key's role in an area; `revoked_height` 0 means in force."""

    role: int
    area: int
    public_key: bytes
    serial: int
    expires_s: int
    signed: bytes
    height: int
    revoked_height: int = 0


@dataclass(slots=True)
class Account:
    """`registry/account/<addr>`: a prosumer's key; devices are under `registry/owner/`."""

    public_key: bytes
    height: int
    revoked_height: int = 0


@dataclass(slots=True)
class LastRecord:
    """`metering/last/<addr>`: head of a board's chain of records."""

    epoch: int
    seq: int
    head: bytes
    height: int
    records: int


@dataclass(slots=True)
class Registers:
    """`metering/registers/<addr>`: last plausible measurement; registers as [import, export] Wh."""

    time_s: int
    registers_wh: list[list[int]]
    mean_w: list[int]
    flags: int


@dataclass(slots=True)
class Evidence:
    """`metering/evidence/<addr>`: why a board is frozen, with both records.

    `first` is the start of the hash of the record that the chain holds, `second` the other record.
    """

    reason: int
    epoch: int
    seq: int
    first: bytes
    second: bytes
    height: int


@dataclass(slots=True)
class PriceInterval:
    """`pricing/<area>/open`: energy in the running interval; generation as [[type, Wh], ...]."""

    start_ms: int
    load_wh: int = 0
    generated_wh: list[list[int]] = field(default_factory=list)


@dataclass(slots=True)
class Price:
    """`pricing/<area>/now` and `/history/<start>`: micro-units per kWh as [[type, price], ...].

    `mix` is the price of the area's supply mix in the interval that set it.
    """

    since_ms: int
    prices: list[list[int]]
    mix: int
    load_wh: int
    generated_wh: list[list[int]]


@dataclass(slots=True)
class Preferences:
    """`management/preferences/<addr><asset>`: what the owner wants of one asset."""

    price_limit: int
    energy: int
    priority: int
    run_s: int
    deadline_s: int
    period_s: int
    min_on_s: int
    min_off_s: int
    rated_w: int
    height: int
    kind: int = RELAY_KIND
    least_w: int = 0
    energy_wh: int = 0
    low_price: int = 0
    high_price: int = 0
    capacity_wh: int = 0
    reserve_wh: int = 0


@dataclass(slots=True)
class Asset:
    """`management/asset/<addr><asset>`: what the contract last asked of one asset, and why.

    `desired` by kind: a relay's state; the W that a charger may draw; the W that a battery is to
    take (negative: give); an SG-Ready mode. `actual` is the same as read back or measured, at
    `actual_ms`. While `bound_ms` is set the section allows no more than `bound_w`, the last cut
    being `cut_w`.
    """

    desired: int = RELAY_UNKNOWN
    reason: str = ""
    since_ms: int = 0
    renew_ms: int = 0
    switches_ms: list[int] = field(default_factory=list)
    actual: int = RELAY_UNKNOWN
    period: int = 0
    run_s: int = 0
    shed_ms: int = 0
    actual_ms: int = 0
    energy_wh: int = 0
    stored_wh: int = 0
    bound_ms: int = 0
    bound_w: int = 0
    cut_w: int = 0


@dataclass(slots=True)
class Out:
    """`management/out/<addr>`: the board obeys the people on site alone, for `reason` of `codes`.

    `since_ms` is its own time of saying so, 0 if it does not vouch for that. At `probe_ms` the
    contract asks it again; 0: only the board's own word ends it.
    """

    since_ms: int
    reason: int
    probe_ms: int = 0


@dataclass(slots=True)
class Section:
    """`management/section/<addr>`: an M-LMD's section; `limit_w` 0 means the fixed limit alone."""

    limit_w: int = 0
    until_s: int = 0
    asked_w: int = 0
    renew_ms: int = 0
    load_w: int = 0
    load_time_s: int = 0


@dataclass(slots=True)
class LossModel:
    """`losses_model/<area><mlmd>`: what a section may lose without anyone being suspected.

    Technical losses are `fixed_w` + `quadratic_mw` (mW per kW^2) times the square of the section's
    mean power. `accuracy_ppm` of all energy counted at both ends may be error of meters; registers
    may be `skew_s` old, each a Wh short, and `margin_wh` is kept on top.
    """

    fixed_w: int = 0
    quadratic_mw: int = 600
    accuracy_ppm: int = 10_000
    margin_wh: int = 50
    skew_s: int = 5


@dataclass(slots=True)
class Boundary:
    """`losses_boundary/<area><mlmd><slot>`: registers at one boundary, while some are missing.

    Rows by address: [address, taken Wh, given Wh, of it load Wh, doubt Wh].
    """

    rows: list[list[Any]] = field(default_factory=list)


@dataclass(slots=True)
class LossAccount:
    """`losses/<area><mlmd>`: a section's energy against that of the meters behind it.

    `rows` are the registers at boundary `slot`, the last that is complete. Totals since the first
    are in Wh, with import - export = signed + attested + technical + residual, always. `high` and
    `low` are the sums of the sequential rule, `runs` counts intervals since `high` left 0, and the
    doubts are those of the boundary where each left 0.
    `recent` holds the last intervals as [slot at the end, slots, import, export, signed, attested,
    technical, residual, allowed]. `suspected_slot` and `surplus_slot`: when one was
    told of, 0 if none is.
    """

    slot: int
    rows: list[list[Any]]
    intervals: int = 0
    unjudged: int = 0
    import_wh: int = 0
    export_wh: int = 0
    signed_wh: int = 0
    attested_wh: int = 0
    technical_wh: int = 0
    residual_wh: int = 0
    high: int = 0
    high_doubt_wh: int = 0
    low: int = 0
    low_doubt_wh: int = 0
    limit_wh: int = 0
    runs: int = 0
    suspected_slot: int = 0
    surplus_slot: int = 0
    recent: list[list[int]] = field(default_factory=list)


@dataclass(slots=True)
class Suspects:
    """`losses_suspects/<area><mlmd>`: sums that tell whose profile the residual follows.

    Over the `n` intervals since the residual rose: sum of residuals and of their squares. Meters as
    [address, quiet Wh, load, load squared, load x residual], quiet over the `quiet_n` before.
    `quiet_run` counts the quiet intervals up to now; `is_told` if a loss was told of meanwhile.
    """

    n: int = 0
    residual: int = 0
    squared: int = 0
    quiet_n: int = 0
    meters: list[list[Any]] = field(default_factory=list)
    quiet_run: int = 0
    is_told: int = 0
    likely: bytes = b""


@dataclass(slots=True)
class Intent:
    """`control/intent/<id>`: one order to one board; fields 0 to 9 are those of its command."""

    id: bytes
    counter: int
    target: bytes
    asset: int
    action: int
    value: int
    not_before_s: int
    expires_s: int
    height: int
    index: int
    status: int = OPEN
    reason: int = 0
    state: int = 0
    at_ms: int = 0
    closed_height: int = 0


@dataclass(slots=True)
class Held:
    """`control/held/<area><device><asset>`: what a rank of `priority` asked for."""

    id: bytes
    rank: int
    action: int
    value: int
    expires_s: int
