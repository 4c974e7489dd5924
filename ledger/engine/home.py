"""A ledger's home folder: genesis.json, keys/ (0600), chain.db, rpc.json, and the lock on it."""

from __future__ import annotations

from pathlib import Path

from ledger import keys
from ledger.contracts import registry
from ledger.contracts.objects import KeyCertificate, unpack
from ledger.engine.errors import HomeInUse, HomeMissing, KeyMismatch
from ledger.genesis import Genesis
from ledger.lockfile import LockFile
from ledger.setup import CONTROL_KEY, GENESIS_FILE, VALIDATOR_KEY
from ledger.state import State
from wireformat import codes, identity

DATABASE_FILE, RPC_FILE, LOCK_FILE = "chain.db", "rpc.json", "lock"


class Home:
    """Paths and contents of one home; `with home.locked():` keeps other engines out."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = path / DATABASE_FILE
        self.rpc_file = path / RPC_FILE

    def genesis(self) -> Genesis:
        """The chain's genesis; raises `HomeMissing` or `GenesisError`."""
        file = self.path / GENESIS_FILE
        if not file.is_file():
            raise HomeMissing(f"{file}: no genesis; make one with: truewatt ledger init")
        return Genesis.load(file)

    def validator_seed(self, genesis: Genesis) -> bytes:
        """Seed of the authority's block-signing key, which the genesis must name."""
        seed = keys.load_seed(self.path / VALIDATOR_KEY)
        if genesis.validators.find(keys.address(seed)) is None:
            raise KeyMismatch(
                f"{self.path / VALIDATOR_KEY}: key {keys.address(seed).hex()} is no validator of"
                f" {genesis.chain_id}; put the right key there"
            )
        return seed

    def control_seed(self, state: State) -> bytes:
        """Seed of the key that signs commands, which the state must certify for control."""
        seed = keys.load_seed(self.path / CONTROL_KEY)
        address = identity.address(keys.public_key(seed))
        data = state.get(registry.CERT + address)
        cert = unpack(KeyCertificate, data) if data else None
        if cert is None or cert.role != codes.CONTROL or cert.revoked_height:
            raise KeyMismatch(
                f"{self.path / CONTROL_KEY}: key {address.hex()} holds no control certificate on"
                " this chain; boards would refuse its commands"
            )
        return seed

    def locked(self) -> LockFile:
        """The exclusive lock of this home, for the life of a `with` block."""
        taken = HomeInUse(f"{self.path}: another ledger process runs here; stop it first")
        return LockFile(self.path / LOCK_FILE, taken)
