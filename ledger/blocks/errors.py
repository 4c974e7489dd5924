"""Errors of the block format: one tree under :class:`BlockError`.

BlockError
+- EncodingError     a value that the format cannot carry (a caller's mistake)
+- DecodingError     bytes that are not the one canonical protobuf encoding
+- JsonError         a document that is not CometBFT's RPC JSON
+- InvalidField      a well-formed structure whose content breaks a rule
|  +- InvalidHash, InvalidTime, InvalidValidators, InvalidCommit, InvalidBlock
"""

from __future__ import annotations


class BlockError(Exception):
    """Base of everything that ``ledger.blocks`` raises on purpose."""


class EncodingError(BlockError):
    """A value outside what the wire type can carry."""


class DecodingError(BlockError):
    """Bytes that are truncated, not canonical, or hold an unknown field."""


class JsonError(BlockError):
    """JSON that lacks a field, has one too many, or holds the wrong type."""


class InvalidField(BlockError):
    """A structure whose content breaks a rule of the format."""


class InvalidHash(InvalidField):
    """A hash, address or signature of the wrong length."""


class InvalidTime(InvalidField):
    """A time outside years 1..9999, or one that breaks the block-time rule."""


class InvalidValidators(InvalidField):
    """A validator set that is empty, unsorted, repeated, or too powerful."""


class InvalidCommit(InvalidField):
    """A commit whose entries contradict each other."""


class InvalidBlock(InvalidField):
    """A block whose header does not fit its body or its chain."""
