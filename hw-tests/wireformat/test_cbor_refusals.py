"""The CBOR subset: published vectors and refusals by name and offset."""

import json
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cbor_oracle import is_ours, plain
from wire_refusals import REFUSED_CBOR, REFUSED_VALUES

from wireformat import cbor, errors
from wireformat.errors import WireError

# ---- RFC 8949 appendix A ---------------------------------------------------------------------


def _refusal_of(data: str) -> str | None:
    """The error that appendix A's item `data` must get; None when it is in the subset."""
    first = int(data[:2], 16)
    if first & 31 == 31 and first >> 5 in (2, 3, 4, 5):
        return "NotDeterministic"  # indefinite length
    if first >> 5 == 6 or (first >> 5 == 7 and data not in ("f4", "f5", "f6")):
        return "UnsupportedItem"  # tags other than 18, floats, simple values
    return None


def test_every_item_of_appendix_a_round_trips_or_is_refused_by_name(public_vectors: Path) -> None:
    items = json.loads((public_vectors / "cbor" / "appendix_a.json").read_text())
    accepted = 0
    for item in items:
        data = bytes.fromhex(item["hex"])
        expected = _nested_refusal(data) or _refusal_of(item["hex"])
        if item["roundtrip"] and is_ours(plain(cbor2.loads(data))):
            assert expected is None, item
            value = cbor.decode(data)
            assert cbor.encode(value) == data, item
            assert value == plain(cbor2.loads(data)), item
            # JSON has no byte strings and no integer keys, so some items come without a value.
            assert value == item.get("decoded", value), item
            accepted += 1
        else:
            with pytest.raises(getattr(errors, str(expected))) as caught:
                cbor.decode(data)
            assert caught.value.offset >= 0, item
    assert (accepted, len(items)) == (37, 82)


def _nested_refusal(data: bytes) -> str | None:
    """The items of appendix A that are fine outside and have an indefinite length inside."""
    inside = {"8301820203 9f0405ff", "83019f0203ff820405", "826161bf61626163ff"}
    return "NotDeterministic" if data.hex() in {text.replace(" ", "") for text in inside} else None


# ---- refusals by name ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "error", "offset"),
    [case[1:] for case in REFUSED_CBOR],
    ids=[case[0] for case in REFUSED_CBOR],
)
def test_bytes_are_refused_by_name_and_offset(data: str, error: str, offset: int) -> None:
    with pytest.raises(WireError) as caught:
        cbor.decode(bytes.fromhex(data))
    assert (type(caught.value).__name__, caught.value.offset) == (error, offset)


@pytest.mark.parametrize(
    ("make", "error"),
    [case[1:] for case in REFUSED_VALUES],
    ids=[case[0] for case in REFUSED_VALUES],
)
def test_values_are_refused_by_name(make: Any, error: str) -> None:
    with pytest.raises(WireError) as caught:
        cbor.encode(make())
    assert type(caught.value).__name__ == error


def test_a_cap_is_checked_before_parsing() -> None:
    with pytest.raises(errors.TooLong) as caught:
        cbor.decode(b"\xff" * 1025, 1024)
    assert caught.value.offset == 1024
    assert cbor.decode(b"\x59\x03\xfd" + bytes(1021), 1024) == bytes(1021)
    with pytest.raises(errors.TooLong):
        cbor.decode(bytes(cbor.MAX_BYTES + 1))


def test_every_cbor_error_is_a_wire_error_that_says_where() -> None:
    with pytest.raises(
        WireError, match=r"^NotDeterministic: head is longer than needed at byte 1$"
    ):
        cbor.decode(b"\x81\x18\x00")
    assert issubclass(WireError, ValueError)
