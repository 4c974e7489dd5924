"""The records: golden vectors, sizes, closed schemas, and what a type code may do."""

from typing import Any

import make_golden
import pytest
from nacl.signing import VerifyKey
from wire_refusals import REFUSED_FIELDS
from wire_samples import CHAIN_ID, samples

from truewatt.hostile.mutation import mutants
from wireformat import (
    chained,
    codes,
    control,
    cose,
    errors,
    identity,
    registry,
    release,
    schema,
    unchained,
)
from wireformat.errors import RecordError, WireError

_MODULES = (chained, control, release, unchained)


def _classes() -> list[type[schema.Record]]:
    found = []
    for module in _MODULES:
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, schema.Record) and value.CODE:
                found.append(value)
    return found


# ---- golden vectors --------------------------------------------------------------------------


def test_the_golden_vectors_come_out_unchanged() -> None:
    assert make_golden.PATH.read_text() == make_golden.text(), (
        "the wire format changed; if that is meant, run hw-tests/wireformat/make_golden.py"
    )


def test_every_type_has_a_golden_vector(golden: dict[str, Any]) -> None:
    assert {record["code"] for record in golden["records"]} == set(registry.BY_CODE)


def _fields(record: dict[str, Any]) -> dict[str, Any]:
    return {name: _from_json(value) for name, value in record["fields"].items()}


def _from_json(value: Any) -> Any:
    if isinstance(value, dict):
        return bytes.fromhex(value["hex"])
    return [_from_json(item) for item in value] if isinstance(value, list) else value


def test_golden_records_are_read_as_what_they_were_made_of(golden: dict[str, Any]) -> None:
    for record in golden["records"]:
        signed = bytes.fromhex(record["signed"])
        opened = registry.open_signed(record["code"], signed, golden["chain_id"])
        made = registry.BY_NAME[record["type"]](**_fields(record))
        assert opened.record == made
        assert opened.record.payload().hex() == record["payload"]
        assert opened.to_be_signed.hex() == record["to_be_signed"]
        public = bytes.fromhex(record["public_key"])
        assert opened.kid == identity.kid(public)
        VerifyKey(public).verify(opened.to_be_signed, opened.signature)


def test_the_chain_links_by_the_hash_of_the_signed_bytes(golden: dict[str, Any]) -> None:
    signed = bytes.fromhex(golden["records"][0]["signed"])
    assert identity.prev_hash(signed) == identity.record_hash(signed)[:16]
    assert bytes(16) == identity.GENESIS_PREV
    assert len(identity.address(bytes(32))) == 20


# ---- refusals --------------------------------------------------------------------------------


def test_every_refused_record_is_refused_by_name(golden: dict[str, Any]) -> None:
    assert len(golden["refused_records"]) > 40
    for case in golden["refused_records"]:
        with pytest.raises(WireError) as caught:
            registry.open_signed(case["code"], bytes.fromhex(case["hex"]), golden["chain_id"])
        assert type(caught.value).__name__ == case["error"], case["name"]
        assert case["says"] in caught.value.what, (case["name"], caught.value)


def _good_fields(name: str) -> dict[str, Any]:
    for _, record in samples():
        if type(record).__name__ == name:
            return {field: getattr(record, field) for _, field, _, _ in record.FIELDS}
    raise AssertionError(name)


@pytest.mark.parametrize(("name", "changes", "says"), REFUSED_FIELDS)
def test_a_record_that_does_not_fit_is_not_made(name: str, changes: Any, says: str) -> None:
    fields = _good_fields(name)
    cls = registry.BY_NAME[_type_name(name)]
    assert cls(**fields)
    with pytest.raises(RecordError) as caught:
        cls(**{**fields, **changes})
    assert caught.value.what.startswith(says)


def _type_name(class_name: str) -> str:
    return {cls.__name__: cls.TYPE for cls in registry.BY_CODE.values()}[class_name]


def test_a_null_is_no_second_way_to_leave_an_optional_field_out() -> None:
    enrolment = dict(samples())["enrolment of a meter"].payload()
    assert enrolment[0] == 0xA6
    with pytest.raises(RecordError, match="fixed_limit_w is no integer"):
        control.Enrolment.from_payload(b"\xa7" + enrolment[1:] + b"\x06\xf6")


def test_mutants_of_records_are_refused_or_keep_their_one_encoding(golden: dict[str, Any]) -> None:
    by_code = [(record["code"], bytes.fromhex(record["payload"])) for record in golden["records"]]
    accepted = 0
    for code, payload in by_code:
        cls = registry.BY_CODE[code]
        for data in mutants([payload], 250, seed=code):
            try:
                record = cls.from_payload(data)
            except WireError:
                continue
            assert record.payload() == data
            assert cls.from_payload(record.payload()) == record
            accepted += 1
    assert accepted > 100


# ---- sizes -----------------------------------------------------------------------------------


def _signed_size(record: schema.Record) -> int:
    return len(schema.Unsigned(record, bytes(32), CHAIN_ID).with_signature(bytes(64)))


def test_every_record_fits_240_bytes_at_the_extremes_of_the_field() -> None:
    sizes = {name: _signed_size(record) for name, record in samples()}
    assert max(sizes.values()) <= registry.MAX_RECORD_BYTES == schema.MAX_RECORD_BYTES == 240
    # The bound is used, not merely kept: four channels and a breaker.
    assert sizes["largest feeder"] == 236
    assert sizes["largest reading"] == 222


def _largest(kind: Any) -> Any:
    if isinstance(kind, schema.Sint):
        return kind.low
    if isinstance(kind, schema.Uint):
        return kind.high
    if isinstance(kind, schema.Bytes):
        return b"\xff" * kind.size
    if isinstance(kind, schema.Text):
        return "x" * kind.size
    if isinstance(kind, schema.Row):
        return [_largest(each) for each in kind.kinds]
    return [_largest(kind.kind)] * kind.most


def test_only_readings_and_feeders_can_outgrow_240_bytes_and_are_then_not_signed() -> None:
    """Every other type fits at the limits of its schema; these two need a second record."""
    for cls in _classes():
        record = cls(**{name: _largest(kind) for _, name, kind, _ in cls.FIELDS})
        if cls in (chained.Reading, chained.Feeder):
            with pytest.raises(RecordError, match=r"at most 240: split it"):
                _signed_size(record)
        else:
            assert _signed_size(record) <= 240, cls.TYPE


def test_two_channels_fit_at_the_limits_of_the_schema() -> None:
    for cls in (chained.Reading, chained.Feeder):
        fields = {name: _largest(kind) for _, name, kind, _ in cls.FIELDS}
        fields["channels"] = fields["channels"][:2]
        assert _signed_size(cls(**fields)) <= 240


def test_the_envelope_adds_a_constant() -> None:
    for _, record in samples():
        if len(record.payload()) >= 24:
            assert (
                _signed_size(record)
                == len(record.payload()) + cose.OVERHEAD_BYTES
                == 85 + len(record.payload())
            )


# ---- types, codes, keys ----------------------------------------------------------------------


def test_every_record_class_is_registered_once() -> None:
    classes = _classes()
    assert {cls.CODE: cls for cls in classes} == registry.BY_CODE
    assert {cls.TYPE: cls for cls in classes} == registry.BY_NAME
    assert sorted(registry.BY_CODE) == list(range(1, 14))
    assert registry.CHAINED_CODES == (1, 4, 5, 7)


def test_keys_ascend_below_24_as_the_writer_relies_on() -> None:
    for cls in _classes():
        keys = [key for key, _, _, _ in cls.FIELDS]
        assert keys == sorted(set(keys))
        assert 0 <= keys[0] <= keys[-1] < 24


def test_chained_records_begin_alike() -> None:
    for code in registry.CHAINED_CODES:
        assert registry.BY_CODE[code].FIELDS[:5] == chained.CHAIN_FIELDS


def test_numbers_of_one_kind_are_distinct_and_named() -> None:
    prefixes = {
        "R_": codes.REASONS,
        "RB_": codes.ROLL_BACKS,
        "EV_": codes.EVENT_KINDS,
        "TRIP_": codes.TRIP_CAUSES,
    }
    for prefix, names in prefixes.items():
        numbers = [
            value
            for name, value in vars(codes).items()
            if name.startswith(prefix) and isinstance(value, int)
        ]
        assert sorted(numbers) == sorted(names)
        assert len(set(names.values())) == len(names)


def test_error_tree_has_one_root() -> None:
    named = [value for value in vars(errors).values() if isinstance(value, type)]
    assert len(named) == 12
    assert all(issubclass(error, WireError) for error in named)
    assert all(error.__doc__ for error in named)
