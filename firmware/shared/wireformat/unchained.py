"""Signed but not journalled: may be lost, never settles anything."""

from wireformat import codes
from wireformat.schema import U8, U16, U32, U48, Bytes, Many, Record, Row, Sint, Uint


class Quality(Record):
    """Power quality over an interval: extremes, power factor, frequency."""

    TYPE = "quality"
    CODE = 2
    FIELDS = (
        (0, "time_s", Uint(U48), False),
        (1, "flags", Uint(codes.FLAGS_MAX), False),
        (2, "interval_s", Uint(U16), False),
        (3, "frequency_mhz", Row(Uint(U32), Uint(U32), Uint(U32)), False),  # min, mean, max
        (4, "voltage_dv", Many(Row(Uint(U16), Uint(U16), Uint(U16)), 1, 3), False),  # per phase
        (5, "power_factor_milli", Many(Sint(1000), 1, 4), False),  # per channel
    )
    time_s: int
    flags: int
    interval_s: int
    frequency_mhz: "list[int]"
    voltage_dv: "list[list[int]]"
    power_factor_milli: "list[int]"


class Live(Record):
    """Instantaneous values, every 1 to 10 s on links that carry it."""

    TYPE = "live"
    CODE = 3
    FIELDS = (
        (0, "time_s", Uint(U48), False),
        (1, "flags", Uint(codes.FLAGS_MAX), False),
        (2, "counter", Uint(U32), False),
        (3, "power_w", Many(Sint(U32), 1, 4), False),  # per channel, import positive
        (4, "current_ma", Many(Uint(U32), 1, 4), False),
        (5, "voltage_dv", Uint(U16), False),
        (6, "frequency_mhz", Uint(U32), False),
    )
    time_s: int
    flags: int
    counter: int
    power_w: "list[int]"
    current_ma: "list[int]"
    voltage_dv: int
    frequency_mhz: int


class GroupShed(Record):
    """One frame that opens an asset on many meters, under a cached delegation certificate."""

    TYPE = "group_shed"
    CODE = 12
    FIELDS = (
        (0, "counter", Uint(U48), False),
        (1, "area", Uint(U32), False),
        (2, "asset", Uint(U8), False),
        (3, "not_before_s", Uint(U48), False),
        (4, "expires_s", Uint(U48), False),
        (5, "targets", Many(Bytes(4), 1, 20), False),  # first 4 bytes of each board's address
    )
    counter: int
    area: int
    asset: int
    not_before_s: int
    expires_s: int
    targets: "list[bytes]"
