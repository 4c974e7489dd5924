"""What must hold for every value and for every input, with cbor2 as the judge."""

from typing import Any

import cbor2
import pytest
from cbor_oracle import by_encoded_key, check_any, for_cbor2, is_ours, plain, typed
from hypothesis import given, settings
from hypothesis import strategies as st

from truewatt.hostile.mutation import mutants
from wireformat import cbor, errors

_INTS = st.integers(-(1 << 64), (1 << 64) - 1) | st.sampled_from(
    [
        sign * (1 << bits) + step
        for sign in (1, -1)
        for bits in (5, 8, 16, 32, 63)
        for step in (-1, 0, 1)
    ]
)
_LEAVES = st.none() | st.booleans() | _INTS | st.binary(max_size=300) | st.text(max_size=80)
_KEYS = _INTS | st.binary(max_size=30) | st.text(max_size=30)


def _values(levels: int) -> st.SearchStrategy[Any]:
    if levels == 0:
        return _LEAVES
    inner = _values(levels - 1)
    return (
        _LEAVES
        | st.lists(inner, max_size=5)
        | st.dictionaries(_KEYS, inner, max_size=6)
        | st.builds(cbor.Tag, st.just(18), inner)
    )


@settings(max_examples=600, deadline=None)
@given(_values(3))
def test_what_is_written_is_read_back_and_is_what_cbor2_writes(value: Any) -> None:
    data = cbor.encode(value)
    assert cbor.decode(data) == value
    assert typed(cbor.decode(data)) == typed(value)
    assert data == cbor2.dumps(by_encoded_key(for_cbor2(value)))
    assert plain(cbor2.loads(data)) == value


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.integers(0, 1 << 40) | st.text(max_size=4), st.integers(0, 9)))
def test_any_flaw_in_the_order_of_keys_is_refused(value: dict[Any, int]) -> None:
    pairs = sorted((cbor.encode(key), cbor.encode(item)) for key, item in value.items())
    head = cbor.encode(value)[: len(cbor.encode(value)) - sum(len(k) + len(v) for k, v in pairs)]
    assert head + b"".join(key + item for key, item in pairs) == cbor.encode(value)
    for index in range(len(pairs) - 1):
        swapped = [*pairs[:index], pairs[index + 1], pairs[index], *pairs[index + 2 :]]
        with pytest.raises(errors.NotDeterministic):
            cbor.decode(head + b"".join(key + item for key, item in swapped))


# ---- for every input -------------------------------------------------------------------------


@settings(max_examples=800, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_are_refused_or_round_trip(data: bytes) -> None:
    check_any(data)


def test_canonical_bytes_of_cbor2_inside_the_subset_are_accepted() -> None:
    """Nothing of the subset is refused: 4,000 short inputs that cbor2 finds canonical."""
    found = 0
    for number in range(1 << 16):
        data = number.to_bytes(2, "big")
        try:
            value = cbor2.loads(data)
            canonical = cbor2.dumps(value, canonical=True) == data and is_ours(value)
        except (cbor2.CBORDecodeError, cbor2.CBOREncodeError, TypeError, ValueError):
            canonical = False
        accepted = check_any(data)
        if canonical:
            assert accepted, data.hex()
            found += 1
    assert found > 100


def test_20_000_mutants_meet_nothing_but_wire_errors(golden: dict[str, Any]) -> None:
    seeds = [bytes.fromhex(record["signed"]) for record in golden["records"]]
    seeds += [bytes.fromhex(record["payload"]) for record in golden["records"]]
    seeds += [
        cbor.encode({b"k": ["\u00e4\u20ac", {1: -(1 << 40)}, None, True], "z": "text" * 9})
    ] * 9
    accepted = sum(check_any(data) for data in mutants(seeds, 20_000, seed=8949))
    # Both sides of the door were used.
    assert 500 < accepted < 15_000
