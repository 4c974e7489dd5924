"""Runs on MicroPython: does this Python hold the golden vectors and agree on hostile bytes?

    micropython wire_board_agrees.py GOLDEN.json HOSTILE.txt

HOSTILE.txt has a line an input: hex (or "-" for none), then what CPython made of it, "ok" or an
error's name and offset. Prints one line a disagreement, then "agreed <count>".
"""

import json
import sys

from wire_refusals import REFUSED_FIELDS, REFUSED_VALUES

from wireformat import cbor, cose, identity, registry, schema
from wireformat.errors import WireError

_agreed = 0


def expect(what: str, got: object, wanted: object) -> None:
    """Count an agreement or print the disagreement."""
    global _agreed
    if got == wanted:
        _agreed += 1
    else:
        print("DISAGREES", what, "got", got, "wanted", wanted)


def from_json(value):
    if isinstance(value, dict):
        return bytes.fromhex(value["hex"])
    return [from_json(item) for item in value] if isinstance(value, list) else value


def check_record(vector, chain_id):
    """From the fields to the signed bytes and back."""
    name = vector["name"]
    fields = {field: from_json(value) for field, value in vector["fields"].items()}
    record = registry.BY_NAME[vector["type"]](**fields)
    public = bytes.fromhex(vector["public_key"])
    signed = bytes.fromhex(vector["signed"])
    unsigned = schema.Unsigned(record, public, chain_id)
    expect(name, unsigned.payload.hex(), vector["payload"])
    expect(name, unsigned.to_be_signed.hex(), vector["to_be_signed"])
    expect(name, unsigned.with_signature(signed[-64:]).hex(), vector["signed"])
    opened = registry.open_signed(vector["code"], signed, chain_id)
    expect(name, opened.record, record)
    expect(name, opened.to_be_signed, unsigned.to_be_signed)
    expect(name, (opened.kid, opened.signature), (identity.kid(public), signed[-64:]))
    for field, value in fields.items():
        expect(name + "." + field, getattr(opened.record, field), value)
    expect(name, vars_of(cose._split_by_parsing(signed, 240)), vars_of(cose.split(signed, 240)))


def vars_of(envelope):
    return envelope.kid, envelope.protected, envelope.payload, envelope.signature


def outcome(function, *arguments):
    """Name of the error and the error, or "ok" and the result."""
    try:
        return "ok", function(*arguments)
    except WireError as refused:
        return type(refused).__name__, refused


def check_refusals(golden):
    """The tables that CPython is held to."""
    for case in golden["refused_cbor"]:
        name, refused = outcome(cbor.decode, bytes.fromhex(case["hex"].replace(" ", "")))
        expect(case["name"], (name, refused.offset), (case["error"], case["offset"]))
    for case in golden["refused_records"]:
        data = bytes.fromhex(case["hex"])
        name, refused = outcome(registry.open_signed, case["code"], data, golden["chain_id"])
        expect(case["name"], name, case["error"])
        expect(case["name"], case["says"] in refused.what, True)
    for name, make, error in REFUSED_VALUES:
        expect(name, outcome(cbor.encode, make())[0], error)


def check_fields(golden):
    """Records that do not fit are not made."""
    good = {}
    for vector in golden["records"]:
        cls = registry.BY_NAME[vector["type"]]
        fields = {field: from_json(value) for field, value in vector["fields"].items()}
        good.setdefault(cls.__name__, (cls, fields))
    for name, changes, says in REFUSED_FIELDS:
        cls, fields = good[name]
        fields = dict(fields)
        fields.update(changes)
        error, refused = outcome(lambda cls=cls, fields=fields: cls(**fields))
        expect(says, error, "RecordError")
        expect(says, refused.what[: len(says)], says)


def check_hostile(path):
    """Byte for byte the same verdict as CPython's."""
    with open(path) as lines:
        for line in lines:
            data, wanted = line.split(None, 1)
            data = b"" if data == "-" else bytes.fromhex(data)
            name, result = outcome(cbor.decode, data)
            if name == "ok":
                expect(line, cbor.encode(result), data)
                expect(line, "ok", wanted.strip())
            else:
                expect(line, f"{name} {result.offset}", wanted.strip())


def main(golden_path, hostile_path):
    with open(golden_path) as file:
        golden = json.load(file)
    for vector in golden["records"]:
        check_record(vector, golden["chain_id"])
    check_refusals(golden)
    check_fields(golden)
    check_hostile(hostile_path)
    print("agreed", _agreed)


main(sys.argv[1], sys.argv[2])
