"""Pure rules of the light client: may a new block be trusted because an older one is.

    verify_adjacent(trusted, new, ...)     # height + 1: the old header names the new validators
    verify_skipping(trusted, new, ...)     # any later height: over 1/3 of the old validators signed
    verify_backwards(trusted, older)       # height - 1: the hash chain
    verify(trusted, new, ...)              # picks one of the first two

No clock and no I/O: time comes in as integer nanoseconds. Cheap checks first, signatures last, so
that junk is cheap to refuse. Source: CometBFT v0.38 ``spec/light-client/verification`` and
``light/verifier.go``; beyond them, ``verify_adjacent`` demands that the new header names the
trusted one as its parent, so that an authority restored from an old backup cannot fork a client.
"""

from __future__ import annotations

from fractions import Fraction

from ledger.light.commits import check_commit_fits, verify_commit, verify_trusted_power
from ledger.light.errors import (
    HashMismatch,
    HeaderExpired,
    HeaderFromFuture,
    TimeNotRising,
    WrongHeight,
)
from ledger.light.light_block import LightBlock

DEFAULT_TRUST_LEVEL = Fraction(1, 3)


def verify(
    trusted: LightBlock,
    new: LightBlock,
    *,
    now_ns: int,
    trusting_period_ns: int,
    max_clock_drift_ns: int,
    trust_level: Fraction = DEFAULT_TRUST_LEVEL,
) -> None:
    """Raise :class:`LightError` unless ``new``, of any later height, follows from ``trusted``."""
    if new.height == trusted.height + 1:
        verify_adjacent(
            trusted,
            new,
            now_ns=now_ns,
            trusting_period_ns=trusting_period_ns,
            max_clock_drift_ns=max_clock_drift_ns,
        )
    else:
        verify_skipping(
            trusted,
            new,
            now_ns=now_ns,
            trusting_period_ns=trusting_period_ns,
            max_clock_drift_ns=max_clock_drift_ns,
            trust_level=trust_level,
        )


def verify_adjacent(
    trusted: LightBlock,
    new: LightBlock,
    *,
    now_ns: int,
    trusting_period_ns: int,
    max_clock_drift_ns: int,
) -> None:
    """Raise :class:`LightError` unless ``new``, of the next height, follows from ``trusted``."""
    if new.height != trusted.height + 1:
        raise WrongHeight(f"height {new.height} does not follow on {trusted.height}")
    _check_not_expired(trusted, now_ns, trusting_period_ns)
    _check_new(trusted, new, now_ns, max_clock_drift_ns)
    if new.header.validators_hash != trusted.header.next_validators_hash:
        raise HashMismatch(
            f"height {new.height} has validators {new.header.validators_hash.hex()}, but the header"
            f" before announced {trusted.header.next_validators_hash.hex()}"
        )
    if new.header.last_block_id != trusted.commit.block_id:
        raise HashMismatch(
            f"height {new.height} follows on block {new.header.last_block_id.hash.hex()}, not on"
            f" the trusted {trusted.hash.hex()}"
        )
    _verify_own_commit(new)


def verify_skipping(
    trusted: LightBlock,
    new: LightBlock,
    *,
    now_ns: int,
    trusting_period_ns: int,
    max_clock_drift_ns: int,
    trust_level: Fraction = DEFAULT_TRUST_LEVEL,
) -> None:
    """Raise :class:`LightError` unless ``new`` may be trusted without the blocks between.

    :class:`NotEnoughTrust` alone means: try a height in between. ``trust_level`` is in [1/3, 1].
    """
    if not DEFAULT_TRUST_LEVEL <= trust_level <= 1:
        raise ValueError(f"trust_level {trust_level} is outside [1/3, 1]")
    if new.height <= trusted.height + 1:
        raise WrongHeight(f"height {new.height} is not beyond the one after {trusted.height}")
    _check_not_expired(trusted, now_ns, trusting_period_ns)
    _check_new(trusted, new, now_ns, max_clock_drift_ns)
    check_commit_fits(new.validators, new.commit)
    verify_trusted_power(new.header.chain_id, trusted.validators, new.commit, trust_level)
    # Last: a hostile validator set can be made very large, the trusted one cannot.
    _verify_own_commit(new)


def verify_backwards(trusted: LightBlock, older: LightBlock) -> None:
    """Raise :class:`LightError` unless ``older`` is the block right before ``trusted``."""
    if older.height != trusted.height - 1:
        raise WrongHeight(f"height {older.height} is not the one before {trusted.height}")
    older.check(trusted.header.chain_id)
    if older.header.time_ns >= trusted.header.time_ns:
        raise TimeNotRising(f"height {older.height} is not earlier than {trusted.height}")
    if older.commit.block_id != trusted.header.last_block_id:
        raise HashMismatch(
            f"height {older.height} is block {older.hash.hex()}, but the trusted header after it"
            f" names {trusted.header.last_block_id.hash.hex()}, or other parts of it"
        )


def _check_not_expired(trusted: LightBlock, now_ns: int, trusting_period_ns: int) -> None:
    expires_ns = trusted.header.time_ns + trusting_period_ns
    if expires_ns <= now_ns:
        raise HeaderExpired(
            f"trusted header of height {trusted.height} expired {now_ns - expires_ns} ns ago; set"
            " a newer height and hash to trust, from a source that you know"
        )


def _check_new(trusted: LightBlock, new: LightBlock, now_ns: int, max_clock_drift_ns: int) -> None:
    if new.header.time_ns <= trusted.header.time_ns:
        raise TimeNotRising(f"height {new.height} is not later than {trusted.height}")
    if new.header.time_ns >= now_ns + max_clock_drift_ns:
        raise HeaderFromFuture(
            f"height {new.height} is {new.header.time_ns - now_ns} ns ahead of our clock; at most"
            f" {max_clock_drift_ns} ns are allowed: check the clock"
        )
    new.check(trusted.header.chain_id)


def _verify_own_commit(new: LightBlock) -> None:
    verify_commit(new.header.chain_id, new.validators, new.commit.block_id, new.height, new.commit)
