"""The unit that a light client handles: a header, the votes for it, and who may vote.

LightBlock(header, commit, validators).height / .hash / .check(chain_id)
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.blocks.commit import Commit
from ledger.blocks.errors import BlockError
from ledger.blocks.header import Header
from ledger.blocks.validators import ValidatorSet
from ledger.light.errors import HashMismatch, MalformedLightBlock, WrongChain, WrongHeight


@dataclass(frozen=True, slots=True)
class LightBlock:
    """Header of one height, its commit, and the validators of that height."""

    header: Header
    commit: Commit
    validators: ValidatorSet

    @property
    def height(self) -> int:
        """Height of the header."""
        return self.header.height

    @property
    def hash(self) -> bytes:
        """Block hash, 32 bytes."""
        return self.header.hash()

    def check(self, chain_id: str) -> None:
        """Raise :class:`InvalidLightBlock` unless all parts belong together on this chain."""
        if self.header.chain_id != chain_id:
            raise WrongChain(f"header of chain {self.header.chain_id!r}; expected {chain_id!r}")
        try:
            self.header.check()
            self.commit.check()
        except BlockError as error:
            raise MalformedLightBlock(f"height {self.height}: {error}") from error
        if self.commit.height != self.height:
            raise WrongHeight(f"header of {self.height} came with a commit of {self.commit.height}")
        self._check_hashes()

    def _check_hashes(self) -> None:
        if self.commit.block_id.hash != self.hash:
            raise HashMismatch(
                f"height {self.height}: the header hashes to {self.hash.hex()}, but its commit is"
                f" for {self.commit.block_id.hash.hex()}"
            )
        if self.validators.hash() != self.header.validators_hash:
            raise HashMismatch(
                f"height {self.height}: the validators hash to {self.validators.hash().hex()}, but"
                f" the header names {self.header.validators_hash.hex()}"
            )
