"""Why a transaction fails, each with the code that its result carries on the chain.

Codes are part of consensus (they enter last_results_hash): never reuse one, append new ones.
0 is success; 1-9 are refusals before any contract runs.
"""

from __future__ import annotations


class ContractError(Exception):
    """A transaction that a contract refuses; it leaves no trace in the state."""

    code = 1


class NotATransaction(ContractError):
    """Bytes that `ledger.tx` cannot open."""

    code = 2


class UnknownSigner(ContractError):
    """The key id belongs to no operator, certificate or account."""

    code = 3


class UsedNonce(ContractError):
    """The nonce is not above the signer's last one: a replay, or out of order."""

    code = 4


class WrongSignature(ContractError):
    """The transaction is not signed by the key that it names."""

    code = 5


class UnknownKind(ContractError):
    """No contract handles transactions of this kind."""

    code = 6


class BadBody(ContractError):
    """The body does not fit the schema of its kind."""

    code = 7


class NotAllowed(ContractError):
    """The signer's role, area or ownership does not allow this."""

    code = 10


class UnknownArea(ContractError):
    """The genesis lists no such area."""

    code = 11


class BadCertificate(ContractError):
    """Not a certificate signed by the operator root, expired, or of an impossible kind."""

    code = 12


class StaleSerial(ContractError):
    """A certificate whose serial is not above the last of its role and area."""

    code = 13


class KeyInUse(ContractError):
    """The key, or another one of the same key id, is registered already."""

    code = 14


class BadEnrolment(ContractError):
    """Not an enrolment signed by the board's own key, or channels that its role can't have."""

    code = 15


class UnknownDevice(ContractError):
    """No device of that address is enrolled."""

    code = 16


class UnknownAddress(ContractError):
    """Nothing is registered under that address."""

    code = 17


class BadPreferences(ContractError):
    """Preferences that contradict each other or the asset."""

    code = 18


class BadLimit(ContractError):
    """A section limit above the fixed one, or one that ends in the past."""

    code = 19


class BadLossModel(ContractError):
    """Losses set for a board that is no M-LMD."""

    code = 21


class ContractFault(ContractError):
    """A mistake in a contract, met by this transaction: report it. Nothing of it took effect."""

    code = 20
