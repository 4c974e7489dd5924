"""Transactions that wait for a block: bounded, each once, in order of arrival."""

from __future__ import annotations

from collections.abc import Iterable

from ledger.contracts.app import Checked, check_tx
from ledger.contracts.errors import ContractError, UsedNonce
from ledger.state import State
from ledger.tx import tx_id

MAX_TXS = 1_000
MAX_TXS_OF_ONE = 100
"""What one signer may have waiting: no household's key may keep a gateway's records out."""
MAX_BYTES = 8 << 20
MAX_BLOCK_TXS = 100
MAX_BLOCK_BYTES = 1 << 20


class MempoolFull(ContractError):
    """No room for more transactions until a block was made; try again in some seconds."""

    code = 8


class Mempool:
    """Accepts what `check_tx` accepts; a signer's nonces must also rise among what waits."""

    def __init__(self, chain_id: str) -> None:
        self._chain_id = chain_id
        self._waiting: dict[bytes, bytes] = {}
        self._nonces: dict[bytes, int] = {}
        self._signers: dict[bytes, bytes] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, state: State, data: bytes, now_s: int) -> bool:
        """Take a transaction in; False if it waits already. Raises `ContractError`."""
        identifier = tx_id(data)
        if identifier in self._waiting:
            return False
        # Before any parsing: a full pool must cost nothing.
        if len(self._waiting) >= MAX_TXS or self._bytes + len(data) > MAX_BYTES:
            raise MempoolFull(f"{len(self._waiting)} transactions of {self._bytes} bytes wait")
        checked = check_tx(state, self._chain_id, data, now_s)
        self._check_order(checked)
        self._waiting[identifier] = data
        self._nonces[checked.address] = checked.nonce
        self._signers[identifier] = checked.address
        self._bytes += len(data)
        return True

    def _check_order(self, checked: Checked) -> None:
        waiting_nonce = self._nonces.get(checked.address, 0)
        if checked.nonce <= waiting_nonce:
            raise UsedNonce(f"nonce {checked.nonce} is not above {waiting_nonce}, which waits")
        count = sum(address == checked.address for address in self._signers.values())
        if count >= MAX_TXS_OF_ONE:
            raise MempoolFull(f"{count} transactions of this signer wait")

    def peek(self) -> list[bytes]:
        """The oldest transactions that fit one block; they stay until `remove`."""
        chosen: list[bytes] = []
        room = MAX_BLOCK_BYTES
        for data in self._waiting.values():
            room -= len(data)
            if room < 0 or len(chosen) == MAX_BLOCK_TXS:
                break
            chosen.append(data)
        return chosen

    def remove(self, txs: Iterable[bytes]) -> None:
        """Forget transactions that are in a block now."""
        for data in txs:
            self._signers.pop(tx_id(data), None)
            if self._waiting.pop(tx_id(data), None) is not None:
                self._bytes -= len(data)
        if not self._waiting:
            self._nonces = {}
