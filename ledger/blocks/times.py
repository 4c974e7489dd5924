"""Times of the chain: integer nanoseconds since 1970-01-01T00:00:00Z, no ``datetime``.

    encode_timestamp(time_ns) -> bytes         # body of google.protobuf.Timestamp
    decode_timestamp(body, where) -> int
    format_rfc3339(time_ns) -> str             # as Go's RFC3339Nano: trailing zeros dropped
    parse_rfc3339(text) -> int                 # that one spelling only, in UTC

Go's zero time (0001-01-01T00:00:00Z), which an absent vote carries, is ``ZERO_TIME_NS``.
"""

from __future__ import annotations

import re

from ledger.blocks import proto
from ledger.blocks.errors import DecodingError, InvalidTime

NS_PER_SECOND = 1_000_000_000
ZERO_TIME_NS = -62_135_596_800 * NS_PER_SECOND
_END_TIME_NS = 253_402_300_800 * NS_PER_SECOND  # 10000-01-01T00:00:00Z, first not allowed

_RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{0,8}[1-9]))?Z", re.ASCII)


def check_time(time_ns: int) -> int:
    """Return ``time_ns`` or raise :class:`InvalidTime` if outside years 1..9999."""
    if not ZERO_TIME_NS <= time_ns < _END_TIME_NS:
        raise InvalidTime(f"time {time_ns} ns is outside years 1..9999")
    return time_ns


def encode_timestamp(time_ns: int) -> bytes:
    """Body of a ``google.protobuf.Timestamp``; nanos are never negative."""
    seconds, nanos = divmod(check_time(time_ns), NS_PER_SECOND)
    return proto.int64_field(1, seconds) + proto.int64_field(2, nanos)


def decode_timestamp(body: bytes, where: str) -> int:
    """Nanoseconds of a ``google.protobuf.Timestamp``."""
    reader = proto.Reader(body, where)
    seconds, nanos = reader.int64(1), reader.int64(2, bits=32)
    reader.finish()
    if not 0 <= nanos < NS_PER_SECOND:
        raise DecodingError(f"{where}: nanos {nanos} is outside 0..999999999")
    return check_time(seconds * NS_PER_SECOND + nanos)


def format_rfc3339(time_ns: int) -> str:
    """Text of a time in UTC, e.g. ``2026-01-02T03:04:05.000000006Z``."""
    seconds, nanos = divmod(check_time(time_ns), NS_PER_SECOND)
    days, second_of_day = divmod(seconds, 86_400)
    year, month, day = _civil_from_days(days)
    hour, minute, second = (
        second_of_day // 3600,
        second_of_day // 60 % 60,
        second_of_day % 60,
    )
    fraction = f".{nanos:09d}".rstrip("0").rstrip(".")
    return f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}{fraction}Z"


def parse_rfc3339(text: str) -> int:
    """Nanoseconds of a time as :func:`format_rfc3339` writes it."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise InvalidTime(f"{text!r} is not an RFC 3339 time in UTC without trailing zeros")
    year, month, day, hour, minute, second = (int(group) for group in match.groups()[:6])
    days = _days_from_civil(year, month, day)
    if year < 1 or _civil_from_days(days) != (year, month, day):
        raise InvalidTime(f"{text!r} names a day that does not exist")
    if hour > 23 or minute > 59 or second > 59:
        raise InvalidTime(f"{text!r} names an hour, minute or second that does not exist")
    seconds = days * 86_400 + hour * 3600 + minute * 60 + second
    return seconds * NS_PER_SECOND + int((match[7] or "").ljust(9, "0"))


def _days_from_civil(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the proleptic Gregorian calendar (years start in March here)."""
    year -= month <= 2
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * 146_097 + day_of_era - 719_468


def _civil_from_days(days: int) -> tuple[int, int, int]:
    """Inverse of :func:`_days_from_civil`."""
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted_month + 2) // 5 + 1
    month = shifted_month + 3 if shifted_month < 10 else shifted_month - 9
    return era * 400 + year_of_era + (month <= 2), month, day
