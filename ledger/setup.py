"""Setting up a chain and filling it: genesis, homes, signed records and transactions.

make_genesis(...) -> Genesis        default_area(1) -> Area
make_home(home, genesis, validator_seed, control_seed)
certify(operator_seed, chain_id, role, area, public_key, serial, expires_s) -> bytes
seal(record, seed, chain_id) -> bytes
build_tx(seed, chain_id, nonce, Body(...)) -> bytes
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nacl.signing import SigningKey

from ledger import keys
from ledger.blocks import Validator, ValidatorSet
from ledger.contracts.bodies import (
    AccountBody,
    Body,
    CertificateBody,
    EnrolBody,
    LossModelBody,
    PreferencesBody,
    RecordsBody,
    RevokeBody,
    SectionLimitBody,
)
from ledger.contracts.params import Area, ChainParams, EnergyPrice, Limits
from ledger.genesis import Genesis
from ledger.tx import make_tx
from wireformat import codes
from wireformat.control import Certificate
from wireformat.schema import Record, Unsigned

__all__ = [
    "AccountBody",
    "CertificateBody",
    "EnrolBody",
    "LossModelBody",
    "PreferencesBody",
    "RecordsBody",
    "RevokeBody",
    "SectionLimitBody",
    "build_tx",
    "certify",
    "default_area",
    "make_genesis",
    "make_home",
    "seal",
]

GENESIS_FILE = "genesis.json"
VALIDATOR_KEY, CONTROL_KEY = "keys/validator.key", "keys/control.key"
VALIDATOR_POWER = 10


def seal(record: Record, seed: bytes, chain_id: str) -> bytes:
    """Sign any record of the wire format."""
    key = SigningKey(seed)
    unsigned = Unsigned(record, bytes(key.verify_key), chain_id)
    return unsigned.with_signature(key.sign(unsigned.to_be_signed).signature)


def certify(  # the fields of a certificate, by name
    operator_seed: bytes,
    chain_id: str,
    *,
    role: int,
    area: int,
    public_key: bytes,
    serial: int,
    expires_s: int,
) -> bytes:
    """A certificate under the operator root; `role` of `codes.KEY_ROLES`, area 0 is every area."""
    record = Certificate(
        role=role, area=area, public_key=public_key, serial=serial, expires_s=expires_s
    )
    return seal(record, operator_seed, chain_id)


def build_tx(seed: bytes, chain_id: str, nonce: int, body: Body) -> bytes:
    """The signed transaction that carries `body`."""
    return make_tx(seed, chain_id, nonce, body.TYPE, body.to_map())


def default_area(
    number: int, price_interval_s: int = 300, local: Sequence[int] = (codes.SOLAR, codes.BATTERY)
) -> Area:
    """An area of homes: grid energy dear under load, local energy cheaper the more there is."""
    grid = EnergyPrice(codes.GRID, 240_000, 120_000, 600_000, 12_000, 0)
    others = (EnergyPrice(e, 160_000, 40_000, 320_000, 6_000, 20_000) for e in sorted(local))
    return Area(number, price_interval_s, "linear", (grid, *others))


def make_genesis(
    *,
    chain_id: str,
    time_ms: int,
    operator_root: bytes,
    validator_public_key: bytes,
    areas: Sequence[Area],
    certificates: Sequence[bytes],
    limits: Limits | None = None,
) -> Genesis:
    """A genesis with one authority; `certificates` must hold one of the control key."""
    return Genesis(
        chain_id=chain_id,
        time_ns=time_ms * 1_000_000,
        validators=ValidatorSet.of([Validator(validator_public_key, VALIDATOR_POWER)]),
        params=ChainParams(
            operator_root,
            tuple(sorted(areas, key=lambda area: area.area)),
            tuple(certificates),
            limits or Limits(),
        ),
    )


def make_home(home: Path, genesis: Genesis, validator_seed: bytes, control_seed: bytes) -> None:
    """Lay out a ledger's home: genesis and both keys. The database is made on the first run."""
    home.mkdir(parents=True, exist_ok=True)
    keys.save_seed(home / VALIDATOR_KEY, validator_seed)
    keys.save_seed(home / CONTROL_KEY, control_seed)
    genesis.save(home / GENESIS_FILE)
