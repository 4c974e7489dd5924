"""docs/wire-format.cddl, the schema classes and the golden vectors say the same."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cddl_subset import Cddl
from wire_samples import samples

from ledger.tx import make_tx
from truewatt.hostile.mutation import mutants
from wireformat import cbor, listing, registry, schema
from wireformat.errors import WireError

PATH = Path(__file__).resolve().parents[2] / "docs" / "wire-format.cddl"
CDDL = Cddl(PATH.read_text())
CLASSES = list(registry.BY_CODE.values())


def _schema_accepts(cls: type[schema.Record], value: Any) -> bool:
    try:
        cls.from_payload(cbor.encode(value))
    except WireError:
        return False
    return True


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.TYPE)
def test_names_keys_and_codes_agree(cls: type[schema.Record]) -> None:
    """The comments are part of what people read, so they are held too."""
    text = PATH.read_text()
    body = re.search(rf"^{cls.TYPE} = \{{ +; code (\d+)[^\n]*\n(.*?)^\}}", text, re.M | re.S)
    assert body, cls.TYPE
    assert int(body[1]) == cls.CODE
    lines = body[2]
    for group in ("chain-fields", "measured-fields"):
        if group in lines:
            found = re.search(rf"^{group} = \((.*?)^\)", text, re.M | re.S)
            lines = found[1] + lines if found else lines
    fields = re.findall(r"^  (\? )?(\d+): .*?; (\w+)", lines, re.M)
    said = sorted((int(key), name, bool(optional)) for optional, key, name in fields)
    assert said == [(key, name, optional) for key, name, _, optional in cls.FIELDS]


def test_every_golden_vector_matches_its_rule(golden: dict[str, Any]) -> None:
    for record in golden["records"]:
        payload = cbor.decode(bytes.fromhex(record["payload"]))
        assert CDDL.accepts(record["type"], payload), record["name"]
        assert CDDL.accepts_signed(record["type"], cbor.decode(bytes.fromhex(record["signed"])))


def test_every_refused_record_breaks_its_rule(golden: dict[str, Any]) -> None:
    checked = 0
    for case in golden["refused_records"]:
        try:
            value = cbor.decode(bytes.fromhex(case["hex"]))
        except WireError:
            continue
        if case["code"] in registry.BY_CODE:
            assert not CDDL.accepts_signed(registry.BY_CODE[case["code"]].TYPE, value), case["name"]
            checked += 1
    assert checked > 30


# ---- both judges on the same boundary values --------------------------------------------------


def _edges(kind: Any) -> Iterator[Any]:
    """Values at and just beyond every bound of `kind`, right and wrong ones alike."""
    yield from (None, True, "x", b"x", -1, 0, [], {}, (1 << 64) - 1)
    if isinstance(kind, (schema.Uint, schema.Sint)):
        yield from (kind.low - 1, kind.low, kind.high, kind.high + 1)
    elif isinstance(kind, schema.Bytes):
        sizes = {0, kind.least - 1, kind.least, kind.size, kind.size + 1}
        yield from (bytes(size) for size in sizes if size >= 0)
    elif isinstance(kind, schema.Text):
        yield from ("", "x" * kind.size, "x" * (kind.size + 1), "\u00e4" * (kind.size // 2 + 1))
    elif isinstance(kind, schema.Row):
        good = [each.high for each in kind.kinds]
        yield from (good[:-1], [*good, 0])
        for index, each in enumerate(kind.kinds):
            for value in _edges(each):
                yield [*good[:index], value, *good[index + 1 :]]
    else:
        for count in {0, kind.least, kind.most, kind.most + 1}:
            yield [_good(kind.kind)] * count
        for value in _edges(kind.kind):
            yield [value]


def _good(kind: Any) -> Any:
    for value in _edges(kind):
        if not kind.fault(value):
            return value
    raise AssertionError(kind)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.TYPE)
def test_schema_and_cddl_judge_every_boundary_alike(cls: type[schema.Record]) -> None:
    good = {key: _good(kind) for key, _, kind, _ in cls.FIELDS}
    assert CDDL.accepts(cls.TYPE, good)
    verdicts = set()
    for key, name, kind, _ in cls.FIELDS:
        for value in _edges(kind):
            changed = {**good, key: value}
            verdict = _schema_accepts(cls, changed)
            assert CDDL.accepts(cls.TYPE, changed) == verdict, (name, value)
            verdicts.add(verdict)
        missing = {other: value for other, value in good.items() if other != key}
        assert CDDL.accepts(cls.TYPE, missing) == _schema_accepts(cls, missing), name
    assert verdicts == {True, False}
    for extra in (len(cls.FIELDS), 23, -1, "x"):
        unknown = {**good, extra: 0}
        assert CDDL.accepts(cls.TYPE, unknown) == _schema_accepts(cls, unknown) is False


def test_schema_and_cddl_judge_mutants_alike() -> None:
    accepted = 0
    for _, record in samples():
        payload = record.payload()
        for data in mutants([payload], 150, seed=8610):
            try:
                value = cbor.decode(data, schema.MAX_PAYLOAD_BYTES)
            except WireError:
                continue
            verdict = _schema_accepts(type(record), value)
            assert CDDL.accepts(record.TYPE, value) == verdict, data.hex()
            accepted += verdict
    assert accepted > 100


def test_a_type_matches_no_other_types_rule(golden: dict[str, Any]) -> None:
    """Not needed (the aad binds the type) but true, so a mix-up is seen at once."""
    payloads = {record["type"]: record["payload"] for record in golden["records"]}
    for mine, other in itertools.permutations(payloads, 2):
        assert not CDDL.accepts(other, cbor.decode(bytes.fromhex(payloads[mine]))), (mine, other)


def test_a_transaction_matches_its_rule() -> None:
    data = make_tx(bytes(32), "truewatt-golden-1", 7, "records", {0: [[1, b"record"]]})
    item = cbor.decode(data)
    assert CDDL.accepts_signed("tx", item)
    assert not CDDL.accepts("tx", {0: 0, 1: "records", 2: {}})
    assert not CDDL.accepts("tx", {0: 1, 1: "records", 2: {"a": 1}})
    assert not CDDL.accepts("tx", {0: 1, 1: "", 2: {}})


def test_no_rule_is_left_over() -> None:
    text = PATH.read_text()
    records = {cls.TYPE for cls in CLASSES} | {"tx", "signed", "listing-entry"}
    for rule in CDDL.rules:
        used = len(re.findall(rf"(?<![\w-]){re.escape(rule)}(?![\w-])", re.sub(r";.*", "", text)))
        assert rule in records or used > 1, rule


def test_a_listing_is_a_sequence_of_its_rule() -> None:
    entry = listing.pack_entry("core/gate.mpy", 3456, bytes(32))
    assert CDDL.accepts("listing-entry", cbor.decode(entry))
    assert listing.read_entry(entry + entry[:50]) == ("core/gate.mpy", 3456, bytes(32), len(entry))
    longest = listing.pack_entry("p" * listing.PATH_CHARS, listing.MAX_FILE_BYTES, bytes(32))
    assert len(longest) <= listing.ENTRY_BYTES


@pytest.mark.parametrize(
    "entry",
    [
        ["../main.py", 1, bytes(32)],
        ["/main.py", 1, bytes(32)],
        ["a//b", 1, bytes(32)],
        ["a/", 1, bytes(32)],
        [".hidden", 1, bytes(32)],
        ["A.py", 1, bytes(32)],
        ["", 1, bytes(32)],
        ["p" * 61, 1, bytes(32)],
        [b"main.py", 1, bytes(32)],
        ["main.py", -1, bytes(32)],
        ["main.py", True, bytes(32)],
        ["main.py", 65536, bytes(32)],
        ["main.py", 1, bytes(31)],
        ["main.py", 1],
        {"main.py": 1},
        7,
    ],
)
def test_a_bad_entry_is_refused(entry: Any) -> None:
    with pytest.raises(WireError):
        listing.read_entry(cbor.encode(entry))
