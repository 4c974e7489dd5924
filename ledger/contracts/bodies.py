"""Bodies of transactions, one closed schema per kind (docs/ledger.md shows them as a table).

Body(field=...).to_map() -> dict            # for `ledger.tx.make_tx`
Body.from_map(body) -> Body                 # raises `BadBody` naming the field
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from ledger.contracts.errors import BadBody
from wireformat.errors import RecordError
from wireformat.identity import ADDRESS_BYTES
from wireformat.registry import MAX_RECORD_BYTES
from wireformat.schema import U8, U16, U32, U48, Bytes, Many, Record, Text, Uint

MAX_RECORDS = 64
MAX_BATCHED = 256
"""Records that one batch may stand for."""

_ADDRESS = Bytes(ADDRESS_BYTES)
_SIGNED = Bytes(MAX_RECORD_BYTES, 1)
_DAY_S = 86_400


class _Coded:
    """A row of type code and signed record."""

    def fault(self, value: object) -> str:
        """Why `value` does not fit, or an empty string."""
        if not isinstance(value, (list, tuple)) or len(value) != 2:
            return "is no row of 2"
        return Uint(U8).fault(value[0]) or _SIGNED.fault(value[1])


class _Batched:
    """A row of `batches.Batch`."""

    _KINDS: tuple[Uint | Bytes, ...] = (
        Uint(MAX_RECORDS - 1),
        Uint(U32),
        Uint(U32),
        Uint(MAX_BATCHED),
        Bytes(32),
        Bytes(32),
    )

    def fault(self, value: object) -> str:
        """Why `value` does not fit, or an empty string."""
        if not isinstance(value, (list, tuple)) or len(value) != len(self._KINDS):
            return f"is no row of {len(self._KINDS)}"
        pairs = zip(self._KINDS, value, strict=True)
        return next((text for kind, one in pairs if (text := kind.fault(one))), "")


class Body(Record):
    """Base of the bodies."""

    def to_map(self) -> dict[int, object]:
        """The body as it stands in a transaction."""
        pairs = ((key, getattr(self, name)) for key, name, _, _ in self.FIELDS)
        return {key: value for key, value in pairs if value is not None}

    @classmethod
    def from_map(cls, body: Mapping[int, object]) -> Self:
        """Check a transaction's body."""
        names = {key: name for key, name, _, _ in cls.FIELDS}
        unknown = sorted(set(body) - set(names))
        if unknown:
            raise BadBody(f"{cls.TYPE} body has no key {unknown[0]}")
        try:
            return cls(**{names[key]: value for key, value in body.items()})
        except RecordError as error:
            raise BadBody(str(error)) from error


class CertificateBody(Body):
    """A key's certificate, signed by the operator root; anyone known may carry it."""

    TYPE = "certificate"
    FIELDS = ((0, "certificate", _SIGNED, False),)
    certificate: bytes


class AccountBody(Body):
    """Operator: a prosumer's key, and the devices that it owns from now on."""

    TYPE = "account"
    FIELDS = ((0, "public_key", Bytes(32), False), (1, "devices", Many(_ADDRESS, 0, 64), False))
    public_key: bytes
    devices: list[bytes]


class EnrolBody(Body):
    """Installer: a board's signed enrolment, its area, and the M-LMD that it stands behind.

    `behind` names the meter whose circuit it is part of, so that its energy is counted once.
    """

    TYPE = "enrol"
    FIELDS = (
        (0, "enrolment", _SIGNED, False),
        (1, "area", Uint(U32), False),
        (2, "section", Bytes(ADDRESS_BYTES, 0), False),
        (3, "behind", _ADDRESS, True),
    )
    enrolment: bytes
    area: int
    section: bytes
    behind: bytes | None


class RevokeBody(Body):
    """Operator: end a certificate, account or device from this height on."""

    TYPE = "revoke"
    FIELDS = ((0, "address", _ADDRESS, False), (1, "why", Text(80), False))
    address: bytes
    why: str


class RecordsBody(Body):
    """Gateway: signed records of boards as [type code, bytes], in each board's order.

    `batches`: what is left out before some of them (`ledger.contracts.batches`), each row's first
    number, the place of the record that closes it, above that of the row before.
    """

    TYPE = "records"
    FIELDS = (
        (0, "records", Many(_Coded(), 1, MAX_RECORDS), False),
        (1, "batches", Many(_Batched(), 1, MAX_RECORDS), True),
    )
    records: list[tuple[int, bytes]]
    batches: list[list[Any]] | None


class PreferencesBody(Body):
    """Prosumer: what one asset may cost, when it must have run, what goes first in a shortage."""

    TYPE = "preferences"
    FIELDS = (
        (0, "device", _ADDRESS, False),
        (1, "asset", Uint(U8), False),
        (2, "price_limit", Uint(10**9), False),  # micro-units per kWh; 0: any price
        (3, "energy", Uint(U8), False),  # whose price counts: codes.SOLAR ...; 0: the supply mix
        (4, "priority", Uint(U8), False),  # the lowest is shed first
        (
            5,
            "run_s",
            Uint(7 * _DAY_S),
            False,
        ),  # must be on that long each period; 0: not deferrable
        (6, "deadline_s", Uint(7 * _DAY_S), False),  # end of the run, seconds into the period (UTC)
        (7, "period_s", Uint(7 * _DAY_S), False),  # 86400: daily
        (8, "min_on_s", Uint(_DAY_S), False),
        (9, "min_off_s", Uint(_DAY_S), False),
        (10, "rated_w", Uint(U32), False),  # what shedding it takes off; 0: not known
        (11, "kind", Uint(3), True),  # objects.KINDS; left out: a relay
        (12, "least_w", Uint(U32), True),  # power limit: below this it can only pause
        (13, "energy_wh", Uint(U32), True),  # power limit: must have arrived by each deadline
        (14, "low_price", Uint(10**9), True),  # SG-Ready: recommended on at or below; 0: never
        (15, "high_price", Uint(10**9), True),  # battery: gives at or above; 0: never
        (16, "capacity_wh", Uint(U32), True),  # battery
        (17, "reserve_wh", Uint(U32), True),  # battery: kept for a shortage on the section
    )
    device: bytes
    asset: int
    price_limit: int
    energy: int
    priority: int
    run_s: int
    deadline_s: int
    period_s: int
    min_on_s: int
    min_off_s: int
    rated_w: int
    kind: int | None
    least_w: int | None
    energy_wh: int | None
    low_price: int | None
    high_price: int | None
    capacity_wh: int | None
    reserve_wh: int | None


class LossModelBody(Body):
    """Operator: what a section may lose behind its M-LMD; fields as in `objects.LossModel`."""

    TYPE = "loss_model"
    FIELDS = (
        (0, "mlmd", _ADDRESS, False),
        (1, "fixed_w", Uint(U16), False),
        (2, "quadratic_mw", Uint(10**6), False),
        (3, "accuracy_ppm", Uint(200_000), False),
        (4, "margin_wh", Uint(U16), False),
        (5, "skew_s", Uint(300), False),
    )
    mlmd: bytes
    fixed_w: int
    quadratic_mw: int
    accuracy_ppm: int
    margin_wh: int
    skew_s: int


class SectionLimitBody(Body):
    """Operator: lower an M-LMD's overload limit until a time; 0 W lifts it at once."""

    TYPE = "section_limit"
    FIELDS = (
        (0, "mlmd", _ADDRESS, False),
        (1, "limit_w", Uint(U32), False),
        (2, "until_s", Uint(U48), False),
    )
    mlmd: bytes
    limit_w: int
    until_s: int
