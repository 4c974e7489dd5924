"""Chained records: signed, journalled, acknowledged; (board, epoch, seq) is unique for ever.

All begin with the same five fields: `epoch` (boots so far), `seq` (0 for the first record of an
epoch), `time_s` (Unix seconds), `flags` (`codes`) and `prev` (first 16 bytes of SHA-256 of the
record before, over epochs too).
"""

from wireformat import codes
from wireformat.identity import PREV_BYTES
from wireformat.schema import U8, U16, U32, U48, Bytes, Many, Record, Row, Sint, Uint

CHAIN_FIELDS = (
    (0, "epoch", Uint(U32), False),
    (1, "seq", Uint(U32), False),
    (2, "time_s", Uint(U48), False),
    (3, "flags", Uint(codes.FLAGS_MAX), False),
    (4, "prev", Bytes(PREV_BYTES), False),
)

MAX_CHANNELS = 4

CHANNEL = Row(Uint(U48), Uint(U48), Sint(U32), Uint(U32), Sint(U32))
"""import_wh, export_wh (cumulative registers 1.8.0 and 2.8.0), mean_w (signed: import is
positive), max_w (magnitude), mean_var."""

MEASURED_FIELDS = (
    (5, "interval_s", Uint(U16), False),
    (6, "channels", Many(CHANNEL, 1, MAX_CHANNELS), False),
    (7, "voltage_dv", Uint(U16), False),  # mean, in 0.1 V
    (8, "max_ma", Uint(U32), False),  # highest of all channels
)


class Chained(Record):
    """Base of the chained records."""

    CHAINED = True
    epoch: int
    seq: int
    time_s: int
    flags: int
    prev: bytes


class Reading(Chained):
    """A meter's interval: registers and extremes of up to four channels."""

    TYPE = "reading"
    CODE = 1
    FIELDS = CHAIN_FIELDS + MEASURED_FIELDS
    interval_s: int
    channels: "list[list[int]]"
    voltage_dv: int
    max_ma: int


class Feeder(Chained):
    """An M-LMD's interval for its section, with its breaker."""

    TYPE = "feeder"
    CODE = 4
    FIELDS = (
        CHAIN_FIELDS
        + MEASURED_FIELDS
        + (
            (9, "breaker", Uint(2), False),  # codes.BREAKER_*
            (10, "trip_cause", Uint(U8), False),  # codes.TRIP_*, of the last trip
            (11, "reclose_count", Uint(U32), False),
            (12, "limit_w", Uint(U32), False),  # the limit in force
        )
    )
    interval_s: int
    channels: "list[list[int]]"
    voltage_dv: int
    max_ma: int
    breaker: int
    trip_cause: int
    reclose_count: int
    limit_w: int


class Event(Chained):
    """Something that happened: boot, trip, tamper, an eviction from the journal, ...

    `detail` by kind: boot [reset cause, 8 bytes of the calibration's digest in two numbers]; trip
    [cause, W]; journal gap [first epoch, first seq, last epoch, last seq]; safe state [relay mask];
    lock-out on site, tamper [1 on, 0 off]; relay fault [relay]; others empty.
    """

    TYPE = "event"
    CODE = 5
    FIELDS = CHAIN_FIELDS + (
        (5, "kind", Uint(U8), False),  # codes.EV_*
        (6, "detail", Many(Uint(U48), 0, 6), False),
    )
    kind: int
    detail: "list[int]"


class Outcome(Chained):
    """How a command ended on the board, with the state read back from the hardware."""

    TYPE = "outcome"
    CODE = 7
    FIELDS = CHAIN_FIELDS + (
        (5, "command_id", Bytes(8), False),
        (6, "counter", Uint(U48), False),
        (7, "status", Uint(U8), False),  # codes.DONE | REFUSED | EXPIRED
        (8, "reason", Uint(U8), False),  # codes.R_*
        (9, "asset", Uint(U8), False),
        (10, "state", Uint(U32), False),  # read back: 0 open, 1 closed; W for a limit
        (11, "at_ms", Uint(U48), False),  # Unix milliseconds of the switching
    )
    command_id: bytes
    counter: int
    status: int
    reason: int
    asset: int
    state: int
    at_ms: int
