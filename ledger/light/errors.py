"""Errors of the light client: one tree under :class:`LightError`.

LightError
+- HeaderExpired            our own trusted header is too old to build on
+- NotEnoughTrust           too few of the validators that we know signed; bisect
+- InvalidLightBlock        the new block is wrong, whoever sent it is not to be trusted
|  +- MalformedLightBlock, WrongChain, WrongHeight, TimeNotRising, HeaderFromFuture
|  +- HashMismatch          commit, validators or parent belong to another header
|  +- InvalidCommit         commit and validator set do not fit
|     +- AddressMismatch, NotEnoughPower
+- ProviderError            a source of blocks failed
|  +- BlockNotFound         it does not have this height (yet, or any more)
+- StoreError               the local store failed or does not hold what it should
+- NoTrustedBlock           nothing to start from: give a height and hash to trust
+- ConflictingHeaders       two sources disagree on a height: a fork or an attack
"""

from __future__ import annotations


class LightError(Exception):
    """Base of everything that ``ledger.light`` raises on purpose."""


class HeaderExpired(LightError):
    """The trusted header is older than the trusting period; trust must be set anew."""


class NotEnoughTrust(LightError):
    """Known validators signed with too little power to skip this far."""


class InvalidLightBlock(LightError):
    """A block that must not be accepted; not a matter of time or of trust."""


class MalformedLightBlock(InvalidLightBlock):
    """A header, commit or validator set that breaks the format."""


class WrongChain(InvalidLightBlock):
    """A header of another chain id."""


class WrongHeight(InvalidLightBlock):
    """A height that is not the one asked for, or not above (below) the trusted one."""


class TimeNotRising(InvalidLightBlock):
    """A header that is not later (earlier) than the trusted one."""


class HeaderFromFuture(InvalidLightBlock):
    """A header dated later than our clock and the allowed drift."""


class HashMismatch(InvalidLightBlock):
    """Parts of a light block, or two blocks, that do not belong together."""


class InvalidCommit(InvalidLightBlock):
    """A commit that does not fit the validator set or the block."""


class AddressMismatch(InvalidCommit):
    """A vote under the address of another validator than the one at its index."""


class NotEnoughPower(InvalidCommit):
    """Valid votes for the block hold two thirds of the power or less."""


class ProviderError(LightError):
    """A source of blocks could not be asked, or gave no usable answer."""


class BlockNotFound(ProviderError):
    """A source of blocks does not have the height asked for."""


class StoreError(LightError):
    """The local store cannot be used, or holds something else than what was put in."""


class NoTrustedBlock(LightError):
    """The store is empty: call ``LightClient.trust`` with a height and hash first."""


class ConflictingHeaders(LightError):
    """Two sources gave different headers for one height; stop, and have a person look."""

    def __init__(self, height: int, ours: bytes, theirs: bytes, source: str) -> None:
        super().__init__(
            f"height {height}: we have header {ours.hex()}, {source} has {theirs.hex()};"
            " stop following until it is known which one is right"
        )
        self.height = height
        self.ours = ours
        self.theirs = theirs
