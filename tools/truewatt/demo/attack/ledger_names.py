"""The ledger's words for what it refuses."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.contracts import errors
from truewatt.demo.attack.verdict import TAKEN


def _all(cls: type[errors.ContractError]) -> Iterator[type[errors.ContractError]]:
    yield cls
    for kind in cls.__subclasses__():
        yield from _all(kind)


_NAMES = {kind.code: kind.__name__ for kind in _all(errors.ContractError)}


def result_name(code: int) -> str:
    """The name of a transaction's result code."""
    return TAKEN if code == 0 else _NAMES.get(code, f"code {code}")
