"""The genesis document: what everybody must agree on before the first block.

    Genesis.load(path) / genesis.save(path)       Genesis.from_json(document) / genesis.to_json()

The JSON is CometBFT v0.38's genesis.json; `app_state` holds `ledger.contracts.params.ChainParams`.
Raises `GenesisError` naming file and path.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from ledger.blocks import BlockError, ConsensusParams, Validator, ValidatorSet
from ledger.blocks.json_fields import Object, base64_text, hex_text
from ledger.blocks.jsonrpc import (
    ED25519_JSON_TYPE,
    consensus_params_from_json,
    consensus_params_to_json,
)
from ledger.blocks.proto import utf8
from ledger.blocks.times import format_rfc3339
from ledger.contracts.app import genesis_changes
from ledger.contracts.errors import ContractError
from ledger.contracts.params import ChainParams, ParamsError
from ledger.state.store import Changes
from wireformat.errors import WireError

MAX_GENESIS_BYTES = 1 << 20
_KEYS = (
    "genesis_time",
    "chain_id",
    "initial_height",
    "consensus_params",
    "validators",
    "app_hash",
    "app_state",
)


class GenesisError(ValueError):
    """A genesis document that cannot be used; the text says where it is wrong."""


@dataclass(frozen=True, slots=True)
class Genesis:
    """Chain id, start, validators and the contracts' parameters. Chains begin at height 1."""

    chain_id: str
    time_ns: int
    validators: ValidatorSet
    params: ChainParams
    consensus_params: ConsensusParams = field(default_factory=ConsensusParams)

    def initial_changes(self) -> Changes:
        """The state before height 1; raises `GenesisError` for certificates that don't hold."""
        try:
            return genesis_changes(self.params, self.chain_id, self.time_ns // 1_000_000)
        except (ContractError, WireError) as error:
            name = type(error).__name__
            raise GenesisError(f"genesis.app_state: {name}: {error}") from error

    def to_json(self) -> dict[str, object]:
        """The document."""
        return {
            "genesis_time": format_rfc3339(self.time_ns),
            "chain_id": self.chain_id,
            "initial_height": "1",
            "consensus_params": consensus_params_to_json(self.consensus_params),
            "validators": [_validator_to_json(v) for v in self.validators.validators],
            "app_hash": "",
            "app_state": self.params.to_json(),
        }

    @classmethod
    def from_json(cls, document: object) -> Genesis:
        """Inverse of `to_json`; every key is needed and no other is known."""
        try:
            fields = Object(document, "genesis", _KEYS)
            if fields.int64("initial_height") != 1 or fields.text("app_hash"):
                raise GenesisError("genesis: initial_height must be 1 and app_hash empty")
            return cls(
                chain_id=_chain_id(fields.text("chain_id")),
                time_ns=fields.time_ns("genesis_time"),
                validators=ValidatorSet.of(
                    _validator_from_json(item, f"genesis.validators[{index}]")
                    for index, item in enumerate(fields.items("validators"))
                ),
                params=ChainParams.from_json(fields.value("app_state")),
                consensus_params=consensus_params_from_json(
                    fields.value("consensus_params"), "genesis.consensus_params"
                ),
            )
        except (BlockError, ParamsError) as error:
            raise GenesisError(str(error)) from error

    def save(self, path: Path) -> None:
        """Write the document to `path`; on the medium when this returns."""
        with path.open("w") as file:
            file.write(json.dumps(self.to_json(), indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())

    @classmethod
    def load(cls, path: Path) -> Genesis:
        """Read the document at `path`."""
        try:
            if path.stat().st_size > MAX_GENESIS_BYTES:
                raise GenesisError(f"{path}: larger than {MAX_GENESIS_BYTES} bytes")
            document = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise GenesisError(f"{path}: {error}") from error
        try:
            return cls.from_json(document)
        except GenesisError as error:
            raise GenesisError(f"{path}: {error}") from error


def _chain_id(text: str) -> str:
    if not 0 < len(utf8(text)) <= 50 or "|" in text:
        raise GenesisError("genesis.chain_id: expected 1 to 50 bytes without '|'")
    return text


def _validator_to_json(validator: Validator) -> dict[str, object]:
    return {
        "address": hex_text(validator.address),
        "pub_key": {"type": ED25519_JSON_TYPE, "value": base64_text(validator.public_key)},
        "power": str(validator.power),
        "name": "",
    }


def _validator_from_json(document: object, path: str) -> Validator:
    fields = Object(document, path, ("address", "pub_key", "power", "name"))
    key = Object(fields.value("pub_key"), f"{path}.pub_key", ("type", "value"))
    if key.text("type") != ED25519_JSON_TYPE:
        raise GenesisError(f"{path}.pub_key.type: only {ED25519_JSON_TYPE} is supported")
    validator = Validator(key.base64("value"), fields.int64("power"))
    if hex_text(validator.address) != fields.text("address"):
        raise GenesisError(f"{path}.address: is not the address of pub_key")
    return validator
