"""Who signed a commit, and is it enough. Signatures come last and no more than needed are checked.

    verify_commit(chain_id, validators, block_id, height, commit)      # > 2/3 of this set
    verify_trusted_power(chain_id, trusted, commit, trust_level)       # > that much of a known set

CometBFT validators follow ZIP-215; here a vote that libsodium refuses counts as absent, and
does not spoil the others. More than two thirds must still be signed in a way that both accept.
Source: CometBFT v0.38 ``types/validation.go``, ``spec/light-client/verification``.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from nacl.exceptions import CryptoError
from nacl.signing import VerifyKey

from ledger.blocks.commit import BlockIDFlag, Commit
from ledger.blocks.errors import BlockError
from ledger.blocks.ids import SIGNATURE_BYTES, BlockID
from ledger.blocks.validators import Validator, ValidatorSet
from ledger.light.errors import AddressMismatch, InvalidCommit, NotEnoughPower, NotEnoughTrust

TWO_THIRDS = Fraction(2, 3)


def verify_commit(
    chain_id: str, validators: ValidatorSet, block_id: BlockID, height: int, commit: Commit
) -> None:
    """Raise :class:`InvalidCommit` unless over 2/3 of ``validators`` signed ``block_id``."""
    if commit.height != height or commit.block_id != block_id:
        raise InvalidCommit(
            f"commit is for height {commit.height}, block {commit.block_id.hash.hex()}; expected"
            f" height {height}, block {block_id.hash.hex()} and the same parts"
        )
    check_commit_fits(validators, commit)
    votes = [
        (index, validators.validators[index])
        for index, sig in enumerate(commit.signatures)
        if sig.flag is BlockIDFlag.COMMIT
    ]
    signed = _signed_power(chain_id, commit, votes, validators.total_power * TWO_THIRDS)
    if signed * 3 <= validators.total_power * 2:
        raise NotEnoughPower(
            f"height {height}: valid votes hold {signed} of {validators.total_power}; more than"
            " two thirds are needed"
        )


def verify_trusted_power(
    chain_id: str, trusted: ValidatorSet, commit: Commit, trust_level: Fraction
) -> None:
    """Raise :class:`NotEnoughTrust` unless over ``trust_level`` of ``trusted`` signed.

    ``commit`` must have passed :func:`check_commit_fits`: then nobody votes twice in it.
    """
    votes = []
    for index, sig in enumerate(commit.signatures):
        known = trusted.find(sig.validator_address)
        if sig.flag is BlockIDFlag.COMMIT and known is not None:
            votes.append((index, known))
    needed = trusted.total_power * trust_level
    signed = _signed_power(chain_id, commit, votes, needed)
    if signed <= needed:
        raise NotEnoughTrust(
            f"height {commit.height}: known validators signed with {signed} of"
            f" {trusted.total_power}; more than {trust_level} is needed to skip there"
        )


def check_commit_fits(validators: ValidatorSet, commit: Commit) -> None:
    """Raise :class:`InvalidCommit` unless entries and set match one to one; no signature check."""
    try:
        commit.check()
    except BlockError as error:
        raise InvalidCommit(f"height {commit.height}: {error}") from error
    if len(commit.signatures) != len(validators.validators):
        raise InvalidCommit(
            f"height {commit.height}: {len(commit.signatures)} votes for"
            f" {len(validators.validators)} validators"
        )
    for index, (sig, validator) in enumerate(
        zip(commit.signatures, validators.validators, strict=True)
    ):
        if sig.flag is not BlockIDFlag.ABSENT and sig.validator_address != validator.address:
            raise AddressMismatch(
                f"height {commit.height}: vote {index} is under {sig.validator_address.hex()}, but"
                f" validator {index} is {validator.address.hex()}"
            )


def _signed_power(
    chain_id: str, commit: Commit, votes: Iterable[tuple[int, Validator]], needed: Fraction
) -> int:
    """Power of valid ``votes``; stops once it exceeds ``needed``, or can no longer do so."""
    pending = list(votes)
    possible = sum(voter.power for _, voter in pending)
    signed = 0
    for index, voter in pending:
        if possible <= needed or signed > needed:
            break
        if _is_signed(chain_id, commit, index, voter):
            signed += voter.power
        else:
            possible -= voter.power
    return signed


def _is_signed(chain_id: str, commit: Commit, index: int, voter: Validator) -> bool:
    signature = commit.signatures[index].signature
    if len(signature) != SIGNATURE_BYTES:
        return False
    try:
        VerifyKey(voter.public_key).verify(commit.vote_sign_bytes(chain_id, index), signature)
    except CryptoError:
        return False
    return True
