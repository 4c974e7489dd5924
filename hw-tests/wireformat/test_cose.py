"""The envelope: published vectors, pycose both ways, and one encoding per envelope."""

import json
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cbor_oracle import plain
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey
from pycose.algorithms import EdDSA
from pycose.headers import KID, Algorithm
from pycose.keys import OKPKey
from pycose.keys.curves import Ed25519
from pycose.messages import Sign1Message

from truewatt.hostile.mutation import mutants
from wireformat import cose, identity, registry
from wireformat.errors import CborError, CoseError, WireError

# ---- examples of the COSE working group ------------------------------------------------------


def _examples(folder: Path) -> list[dict[str, Any]]:
    names = [
        *sorted(folder.glob("eddsa-examples/eddsa-sig-*")),
        *sorted(folder.glob("sign1-tests/*")),
    ]
    return [json.loads(name.read_text()) for name in names]


def test_bytes_to_sign_are_those_of_the_working_groups_examples(public_vectors: Path) -> None:
    compared = 0
    for example in _examples(public_vectors / "cose"):
        if example.get("fail") or "ChangeProtected" in example["input"].get("failures", {}):
            continue
        item = cbor2.loads(bytes.fromhex(example["output"]["cbor"]))
        protected, _, payload, signature = item.value if hasattr(item, "value") else item
        aad = bytes.fromhex(example["input"]["sign0"].get("external", ""))
        message = cose.to_be_signed(protected, aad, payload)
        assert message.hex().upper() == example["intermediates"]["ToBeSign_hex"], example["title"]
        key = example["input"]["sign0"]["key"]
        if key.get("crv") == "Ed25519":
            VerifyKey(bytes.fromhex(key["x_hex"])).verify(message, signature)
        compared += 1
    assert compared == 4


def test_every_other_envelope_is_refused(public_vectors: Path) -> None:
    for example in _examples(public_vectors / "cose"):
        with pytest.raises((CoseError, CborError)) as caught:
            cose.split(bytes.fromhex(example["output"]["cbor"]))
        assert caught.value.offset >= 0, example["title"]


# ---- pycose ----------------------------------------------------------------------------------


def _pycose_message(signed: bytes) -> Sign1Message:
    # pycose 1.1's own decode() fails on the immutable types that cbor2 6 yields.
    protected, unprotected, payload, signature = cbor2.loads(signed).value
    return Sign1Message.from_cose_obj([protected, dict(unprotected), payload, signature], True)


def test_pycose_verifies_every_golden_record(golden: dict[str, Any]) -> None:
    for record in golden["records"]:
        message = _pycose_message(bytes.fromhex(record["signed"]))
        message.key = OKPKey(crv=Ed25519, x=bytes.fromhex(record["public_key"]))
        message.external_aad = bytes.fromhex(record["external_aad"])
        assert message.verify_signature(), record["name"]
        assert message.phdr[KID] == identity.kid(bytes.fromhex(record["public_key"]))


@pytest.mark.parametrize(
    "aad", [b"truewatt/1|event|truewatt-golden-1", b"truewatt/1|reading|truewatt-golden-2", b""]
)
def test_pycose_refuses_another_type_or_chain(golden: dict[str, Any], aad: bytes) -> None:
    record = golden["records"][0]
    message = _pycose_message(bytes.fromhex(record["signed"]))
    message.key = OKPKey(crv=Ed25519, x=bytes.fromhex(record["public_key"]))
    message.external_aad = aad
    assert not message.verify_signature()


def test_what_pycose_signs_is_our_record_byte_for_byte(golden: dict[str, Any]) -> None:
    for record in golden["records"]:
        seed, public = bytes.fromhex(record["seed"]), bytes.fromhex(record["public_key"])
        message = Sign1Message(
            phdr={Algorithm: EdDSA, KID: identity.kid(public)},
            payload=bytes.fromhex(record["payload"]),
            external_aad=bytes.fromhex(record["external_aad"]),
            key=OKPKey(crv=Ed25519, d=seed, x=public),
        )
        signed = message.encode()
        assert signed.hex() == record["signed"], record["name"]
        opened = registry.open_signed(record["code"], signed, golden["chain_id"])
        SigningKey(seed).verify_key.verify(opened.to_be_signed, opened.signature)


# ---- our own rules ---------------------------------------------------------------------------


def test_a_flipped_bit_breaks_the_envelope_or_the_signature(golden: dict[str, Any]) -> None:
    """Each bit of a record counts: no two envelopes share a signature."""
    record = golden["records"][0]
    signed = bytes.fromhex(record["signed"])
    key = VerifyKey(bytes.fromhex(record["public_key"]))
    for bit in range(8 * len(signed)):
        forged = bytearray(signed)
        forged[bit // 8] ^= 1 << (bit % 8)
        with pytest.raises((WireError, BadSignatureError)):
            _verify(key, record["code"], bytes(forged), golden["chain_id"])


def _verify(key: VerifyKey, code: int, data: bytes, chain_id: str) -> None:
    opened = registry.open_signed(code, data, chain_id)
    key.verify(opened.to_be_signed, opened.signature)


def _outcome(split: Any, *arguments: Any) -> Any:
    try:
        envelope = split(*arguments)
    except WireError as refused:
        return type(refused), refused.what, refused.offset
    return envelope and vars(envelope)


def test_the_short_way_and_the_full_parse_agree(golden: dict[str, Any]) -> None:
    seeds = [bytes.fromhex(record["signed"]) for record in golden["records"]]
    for data in seeds:
        assert vars(cose.split(data)) == vars(cose._split_by_parsing(data, 1024))
        assert cose._split_at_fixed_places(data) is not None
    for data in mutants(seeds, 4000, seed=9052):
        assert _outcome(cose.split, data) == _outcome(cose._split_by_parsing, data, 1024)


@pytest.mark.parametrize("size", [0, 1, 23, 24, 255, 256, 65_535, 65_536, 70_000])
def test_payloads_of_every_head_size(size: int) -> None:
    protected = cose.protected_header(b"k" * 8)
    data = cose.assemble(protected, bytes(size), b"s" * 64)
    assert plain(cbor2.loads(data)).value == [protected, {}, bytes(size), b"s" * 64]
    envelope = cose.split(data, len(data))
    assert (envelope.kid, envelope.payload) == (b"k" * 8, bytes(size))
    assert (envelope.protected, envelope.signature) == (protected, b"s" * 64)
    assert _outcome(cose.split, data, len(data) - 1)[0].__name__ == "TooLong"


def test_parts_of_the_wrong_size_are_not_assembled() -> None:
    with pytest.raises(CoseError, match="kid of 7 bytes"):
        cose.protected_header(bytes(7))
    with pytest.raises(CoseError, match="signature of 63 bytes"):
        cose.assemble(b"", b"", bytes(63))


@pytest.mark.parametrize("chain_id", ["", "a|b", "|"])
def test_a_chain_id_can_not_blur_into_the_type(chain_id: str) -> None:
    with pytest.raises(CoseError, match="chain id"):
        cose.external_aad("reading", chain_id)


def test_a_chain_id_that_is_no_text_is_a_wire_error() -> None:
    with pytest.raises(WireError, match="surrogate"):
        cose.external_aad("reading", "\ud800")
