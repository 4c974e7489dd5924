"""`truewatt ledger init`: keys and a genesis for a new chain."""

from __future__ import annotations

from pathlib import Path

from ledger import keys
from ledger.blocks.header import MAX_CHAIN_ID_CHARS
from ledger.clock import Clock
from ledger.genesis import Genesis
from ledger.setup import (
    CONTROL_KEY,
    GENESIS_FILE,
    VALIDATOR_KEY,
    certify,
    default_area,
    make_genesis,
)
from wireformat import codes

OPERATOR_KEY, GATEWAY_KEY, INSTALLER_KEY = (
    "keys/operator.key",
    "keys/gateway.key",
    "keys/installer.key",
)
GATEWAY_CERTIFICATE = "gateway.cert"
CERTIFICATE_S = 365 * 86_400
_ROLES = (
    (CONTROL_KEY, codes.CONTROL),
    (GATEWAY_KEY, codes.ACK),
    (INSTALLER_KEY, codes.INSTALLER),
)


class InitError(ValueError):
    """A home that cannot be made as asked."""


def init(home: Path, chain_id: str, areas: int, price_interval_s: int) -> int:
    """Make a home at `home`; keys that are there already are kept."""
    target = home / GENESIS_FILE
    if target.exists():
        raise InitError(f"{target}: there is a chain already; choose another --home")
    if not 1 <= areas <= 256:
        raise InitError(f"--areas {areas}: expected 1..256")
    if not 0 < len(chain_id.encode()) <= MAX_CHAIN_ID_CHARS or "|" in chain_id:
        raise InitError(f"--chain-id {chain_id!r}: expected a chain id of 1 to 50 bytes, no '|'")
    if not 10 <= price_interval_s <= 86_400:
        raise InitError(f"--price-interval {price_interval_s}: expected 10..86400 seconds")
    home.mkdir(parents=True, exist_ok=True)
    genesis = _genesis(home, chain_id, areas, price_interval_s)
    (home / GATEWAY_CERTIFICATE).write_text(_of_role(genesis, codes.ACK).hex() + "\n")
    draft = target.with_suffix(".new")
    Genesis.from_json(genesis.to_json()).save(draft)
    draft.replace(target)
    print(f"made {target} for chain {chain_id}, areas 1..{areas}")
    print(f"for a gateway: {home / GATEWAY_KEY}, {home / GATEWAY_CERTIFICATE}, {target}")
    print(f"next: truewatt ledger run --home {home}")
    return 0


def _of_role(genesis: Genesis, role: int) -> bytes:
    roles = [known for _, known in _ROLES]
    return genesis.params.certificates[roles.index(role)]


def _genesis(home: Path, chain_id: str, areas: int, price_interval_s: int) -> Genesis:
    operator = keys.load_or_create_seed(home / OPERATOR_KEY)
    validator = keys.load_or_create_seed(home / VALIDATOR_KEY)
    now_ms = Clock.from_env().unix_ms()
    certificates = [
        certify(
            operator,
            chain_id,
            role=role,
            area=0,
            public_key=keys.public_key(keys.load_or_create_seed(home / file)),
            serial=1,
            expires_s=now_ms // 1000 + CERTIFICATE_S,
        )
        for file, role in _ROLES
    ]
    return make_genesis(
        chain_id=chain_id,
        time_ms=now_ms,
        operator_root=keys.public_key(operator),
        validator_public_key=keys.public_key(validator),
        areas=[default_area(number, price_interval_s) for number in range(1, areas + 1)],
        certificates=certificates,
    )
