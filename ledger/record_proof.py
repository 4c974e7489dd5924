"""A record's way to the chain: its bytes, the path to its batch's root, the transaction with that.

    proof = RecordProof.from_json(document)
    found = check(proof, tx, answer, chain_id)   # the transaction's bytes and result, both proven
    found.check_signature(public_key)            # the board's key, as the registry has it

A gateway hands out the proof; nothing of it is believed. What is: a transaction that a block holds,
and the result that the next header commits to. A record that went whole has no path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ledger import merkle
from ledger.contracts.batches import Batch, by_closing
from ledger.contracts.bodies import RecordsBody
from ledger.contracts.errors import BadBody
from ledger.contracts.metering import DUPLICATE, FIRST_REFUSAL, HEARD, NOTED
from ledger.tx import MalformedTx, open_tx, signature_holds, tx_id
from wireformat import cbor, identity
from wireformat.chained import Chained
from wireformat.errors import WireError
from wireformat.registry import CHAINED_CODES, MAX_RECORD_BYTES, Opened, open_signed

FORMAT = "truewatt-record-proof-1"


class ProofRefused(ValueError):
    """A proof that proves nothing; the text says which step fails."""


@dataclass(frozen=True)
class RecordProof:
    """`device` is the board's address; no `path` for a record that stands in the transaction."""

    device: bytes
    code: int
    record: bytes
    tx: bytes
    path: merkle.Proof | None = None

    def to_json(self) -> dict[str, object]:
        """For a file that anybody may keep."""
        found: dict[str, object] = {
            "format": FORMAT,
            "device": self.device.hex(),
            "code": self.code,
            "record": self.record.hex(),
            "tx": self.tx.hex(),
        }
        if self.path is not None:
            found["path"] = {
                "total": self.path.total,
                "index": self.path.index,
                "aunts": [node.hex() for node in self.path.aunts],
            }
        return found

    @classmethod
    def from_json(cls, document: object) -> RecordProof:
        """Raises `ProofRefused` for what is no proof."""
        try:
            return _parsed(document)
        except (KeyError, TypeError, ValueError, merkle.MerkleError) as error:
            raise ProofRefused(f"no {FORMAT}: {type(error).__name__}: {error}") from error


def _parsed(document: Any) -> RecordProof:
    if not isinstance(document, Mapping) or document["format"] != FORMAT:
        raise ValueError("another format")
    record, tx = bytes.fromhex(document["record"]), bytes.fromhex(document["tx"])
    code, path = document["code"], document.get("path")
    device = bytes.fromhex(document["device"])
    sizes = len(device), len(tx)
    fits = sizes == (identity.ADDRESS_BYTES, merkle.HASH_BYTES) and len(record) <= MAX_RECORD_BYTES
    if type(code) is not int or not fits:
        raise ValueError("device, code, record or tx is none")
    if path is None:
        return RecordProof(device, code, record, tx)
    total, index = path["total"], path["index"]
    if type(total) is not int or type(index) is not int or len(path["aunts"]) > merkle.MAX_AUNTS:
        raise ValueError("the path is none")
    aunts = tuple(bytes.fromhex(node) for node in path["aunts"])
    found = merkle.Proof(total, index, merkle.leaf_hash(record), aunts)
    found.check_shape()
    return RecordProof(device, code, record, tx, found)


@dataclass(frozen=True)
class Proven:
    """A record that the ledger holds, or that a root on it stands for."""

    opened: Opened
    whole: bool

    @property
    def record(self) -> Chained:
        """What it says; believe it once its signature was checked."""
        assert isinstance(self.opened.record, Chained)
        return self.opened.record

    def check_signature(self, public_key: bytes) -> None:
        """Raise `ProofRefused` unless the board of that key signed it."""
        signed = signature_holds(public_key, self.opened.to_be_signed, self.opened.signature)
        if identity.kid(public_key) != self.opened.kid or not signed:
            raise ProofRefused(f"the record is not signed by the key {public_key.hex()}")


def check(proof: RecordProof, tx: bytes, code: int, answer: bytes, chain_id: str) -> Proven:
    """Hold a proof against a transaction and its result. Raises `ProofRefused`."""
    opened = _opened(proof.code, proof.record, chain_id)
    if proof.device[: len(opened.kid)] != opened.kid:
        raise ProofRefused(f"the record is of another board than {proof.device.hex()}")
    if tx_id(tx) != proof.tx:
        raise ProofRefused("the transaction is another than the proof names")
    body = _body(tx, chain_id)
    codes = _codes(code, answer, len(body.records))
    if proof.path is None:
        _check_whole(proof, body, codes)
        return Proven(opened, True)
    _check_batched(proof.path, proof.record, opened, body, codes, chain_id)
    return Proven(opened, False)


def _check_whole(proof: RecordProof, body: RecordsBody, codes: list[int]) -> None:
    for (code, data), admission in zip(body.records, codes, strict=True):
        if (code, data) == (proof.code, proof.record) and _is_chained(admission):
            return
    raise ProofRefused("the transaction did not bring this record into its board's chain")


def _check_batched(
    path: merkle.Proof,
    record: bytes,
    opened: Opened,
    body: RecordsBody,
    codes: list[int],
    chain_id: str,
) -> None:
    batch = _batch_of(opened, body, codes, chain_id)
    said = opened.record
    assert isinstance(said, Chained)
    if path.total != batch.count or said.seq != batch.first_seq + path.index:
        raise ProofRefused(
            f"the path is for record {path.index} of {path.total}, sequence {said.seq} is another"
        )
    try:
        path.verify(batch.root, record)
    except merkle.MerkleError as error:
        raise ProofRefused(f"{type(error).__name__}: {error}") from error


def _batch_of(opened: Opened, body: RecordsBody, codes: list[int], chain_id: str) -> Batch:
    """The batch with the record's place, closed by a record of the same key that was admitted."""
    said = opened.record
    assert isinstance(said, Chained)
    for place, batch in by_closing(body.batches, len(body.records)).items():
        closing = _opened(*body.records[place], chain_id)
        mine = closing.kid == opened.kid and batch.epoch == said.epoch
        if mine and batch.first_seq <= said.seq <= batch.last_seq and _is_chained(codes[place]):
            return batch
    raise ProofRefused("no batch of this board in the transaction holds the record's place")


def _is_chained(admission: int) -> bool:
    """Whether that admission moved the board's chain; a duplicate was brought by another tx."""
    return admission < FIRST_REFUSAL and admission not in (DUPLICATE, NOTED, HEARD)


def _opened(code: int, data: bytes, chain_id: str) -> Opened:
    try:
        if code not in CHAINED_CODES:
            raise WireError(f"type code {code} is not chained")
        return open_signed(code, data, chain_id)
    except WireError as error:
        raise ProofRefused(f"no record of this chain: {error}") from error


def _body(tx: bytes, chain_id: str) -> RecordsBody:
    try:
        opened = open_tx(tx, chain_id)
        if opened.kind != RecordsBody.TYPE:
            raise BadBody(f"a transaction of kind {opened.kind!r}")
        return RecordsBody.from_map(opened.body)
    except (MalformedTx, BadBody) as error:
        raise ProofRefused(f"the transaction holds no records: {error}") from error


def _codes(code: int, answer: bytes, records: int) -> list[int]:
    if code:
        raise ProofRefused(f"the transaction failed with code {code}")
    try:
        found = cbor.decode(answer)
    except WireError as error:
        raise ProofRefused(f"the result is no list of admissions: {error}") from error
    if not isinstance(found, list) or len(found) != records:
        raise ProofRefused("the result does not fit the transaction")
    return [int(one) for one in found]
