"""Write golden.json anew: `python hw-tests/wireformat/make_golden.py`.

Everything in it follows from the samples and the refusals beside this file and from fixed seeds,
so an unchanged wire format gives an unchanged file. Signatures are libsodium's (PyNaCl).
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from nacl.signing import SigningKey

HERE = Path(__file__).resolve().parent
PATH = HERE / "golden.json"

if __name__ == "__main__":
    sys.path.insert(0, str(HERE))

from wire_refusals import REFUSED_CBOR, refused_records  # noqa: E402
from wire_samples import CHAIN_ID, samples  # noqa: E402

from wireformat import cose, schema  # noqa: E402


def seed(record_type: str) -> bytes:
    """The signer's seed for all samples of one type."""
    return hashlib.sha256(b"truewatt golden " + record_type.encode()).digest()


def as_json(value: Any) -> Any:
    """A field's value for JSON: byte strings become {"hex": ...}."""
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    return [as_json(item) for item in value] if isinstance(value, list) else value


def entry(name: str, record: schema.Record) -> dict[str, Any]:
    """One golden vector, from fields to signed bytes."""
    key = SigningKey(seed(record.TYPE))
    unsigned = schema.Unsigned(record, bytes(key.verify_key), CHAIN_ID)
    signature = key.sign(unsigned.to_be_signed).signature
    fields = {field: as_json(getattr(record, field)) for _, field, _, _ in record.FIELDS}
    return {
        "name": name,
        "type": record.TYPE,
        "code": record.CODE,
        "seed": bytes(key).hex(),
        "public_key": bytes(key.verify_key).hex(),
        "fields": {field: value for field, value in fields.items() if value is not None},
        "payload": unsigned.payload.hex(),
        "external_aad": cose.external_aad(record.TYPE, CHAIN_ID).hex(),
        "to_be_signed": unsigned.to_be_signed.hex(),
        "signed": unsigned.with_signature(signature).hex(),
    }


def document() -> dict[str, Any]:
    """All of golden.json."""
    records = [entry(name, record) for name, record in samples()]
    reading = bytes.fromhex(records[0]["signed"])
    return {
        "note": "written by make_golden.py; both Pythons are held to it",
        "chain_id": CHAIN_ID,
        "records": records,
        "refused_cbor": [
            {"name": name, "hex": data, "error": error, "offset": offset}
            for name, data, error, offset in REFUSED_CBOR
        ],
        "refused_records": [
            {"name": name, "code": code, "hex": data.hex(), "error": error, "says": says}
            for name, code, data, error, says in refused_records(reading)
        ],
    }


def text() -> str:
    """golden.json as it is stored."""
    return json.dumps(document(), indent=1, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    PATH.write_text(text())
    print("wrote", PATH.name)
