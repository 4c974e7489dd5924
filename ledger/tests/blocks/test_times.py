"""Calendar times against Python's own calendar; the one accepted spelling."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.blocks.errors import BlockError, InvalidTime
from ledger.blocks.times import (
    ZERO_TIME_NS,
    check_time,
    decode_timestamp,
    encode_timestamp,
    format_rfc3339,
    parse_rfc3339,
)

END_NS = 253_402_300_800 * 10**9
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(st.integers(ZERO_TIME_NS, END_NS - 1))
def test_times_round_trip(time_ns: int) -> None:
    assert parse_rfc3339(format_rfc3339(time_ns)) == time_ns
    assert decode_timestamp(encode_timestamp(time_ns), "time") == time_ns


@given(st.integers(ZERO_TIME_NS // 10**9, END_NS // 10**9 - 1))
def test_the_calendar_is_the_usual_one(seconds: int) -> None:
    expected = (EPOCH + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
    assert format_rfc3339(seconds * 10**9) == expected


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:60Z",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00:00+00:00",
        "2026-01-01T00:00:00.10Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00.1234567891Z",
        "2026-01-01 00:00:00Z",
        "٢٠٢٦-01-01T00:00:00Z",  # digits, but not ASCII ones
        "",
    ],
)
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(InvalidTime):
        parse_rfc3339(text)


@pytest.mark.parametrize("time_ns", [ZERO_TIME_NS - 1, END_NS])
def test_times_outside_the_calendar_are_refused(time_ns: int) -> None:
    with pytest.raises(InvalidTime):
        check_time(time_ns)


def test_nanos_are_within_a_second() -> None:
    for body in ("10ffffffffffffffffff01", "108094ebdc03"):  # -1, and a whole second
        with pytest.raises(BlockError, match="nanos"):
            decode_timestamp(bytes.fromhex(body), "time")
