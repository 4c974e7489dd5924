"""What boards are told (command, ack, beacon, certificate) and how they join (enrolment)."""

from wireformat.identity import ADDRESS_BYTES
from wireformat.schema import U8, U32, U48, Bytes, Many, Record, Row, Text, Uint


class Command(Record):
    """An order to one board, signed by the authority's control key when its block is final.

    `counter` grows per board; the board persists it before it switches. `height` and `index`
    name the contract event on the ledger that this command stands for.
    """

    TYPE = "command"
    CODE = 6
    FIELDS = (
        (0, "id", Bytes(8), False),
        (1, "counter", Uint(U48), False),
        (2, "target", Bytes(ADDRESS_BYTES), False),
        (3, "asset", Uint(U8), False),  # relay number from 0; the breaker of an M-LMD is 0
        (4, "action", Uint(U8), False),  # codes.ACTIONS
        (5, "value", Uint(U32), False),
        (6, "not_before_s", Uint(U48), False),
        (7, "expires_s", Uint(U48), False),
        (8, "height", Uint(U48), False),
        (9, "index", Uint(U32), False),
    )
    id: bytes
    counter: int
    target: bytes
    asset: int
    action: int
    value: int
    not_before_s: int
    expires_s: int
    height: int
    index: int


class Ack(Record):
    """The gateway holds every chained record of `device` up to (epoch, seq), committed.

    `head` is the full SHA-256 of that last record; a board deletes only what matches it.
    """

    TYPE = "ack"
    CODE = 8
    FIELDS = (
        (0, "device", Bytes(ADDRESS_BYTES), False),
        (1, "epoch", Uint(U32), False),
        (2, "seq", Uint(U32), False),
        (3, "head", Bytes(32), False),
    )
    device: bytes
    epoch: int
    seq: int
    head: bytes


class Beacon(Record):
    """Trusted time, in answer to the board's nonce; signed by an ack key.

    `tickets`: where the gateway's chain of tickets for this board stands (`codes.TICKETED`).
    """

    TYPE = "beacon"
    CODE = 9
    FIELDS = (
        (0, "nonce", Bytes(8), False),
        (1, "time_ms", Uint(U48), False),
        (2, "tickets", Bytes(16), True),
    )
    nonce: bytes
    time_ms: int
    tickets: "bytes | None"


class Certificate(Record):
    """A key's role in an area, signed by the operator's root."""

    TYPE = "certificate"
    CODE = 10
    FIELDS = (
        (0, "role", Uint(U8), False),  # codes.KEY_ROLES
        (1, "area", Uint(U32), False),
        (2, "public_key", Bytes(32), False),
        (3, "serial", Uint(U48), False),  # per role: a board refuses a lower one than it has seen
        (4, "expires_s", Uint(U48), False),
    )
    role: int
    area: int
    public_key: bytes
    serial: int
    expires_s: int


class Enrolment(Record):
    """A board's request to join, signed with its new key: proof of possession."""

    TYPE = "enrolment"
    CODE = 11
    FIELDS = (
        (0, "public_key", Bytes(32), False),
        (1, "role", Uint(U8), False),  # codes.METER | MLMD | ATTESTED
        # per channel: what it measures (codes.LOAD ...), energy type (codes.SOLAR ...)
        (2, "channels", Many(Row(Uint(U8), Uint(U8)), 1, 4), False),
        (3, "hardware_id", Bytes(16, 1), False),
        (4, "firmware", Text(16), False),
        (5, "relays", Uint(U8), False),  # how many assets can be commanded
        (6, "fixed_limit_w", Uint(U32), True),  # M-LMD: the limit that no contract raises
        (7, "calibration", Bytes(32), True),  # digest of what decides what a Wh is
    )
    public_key: bytes
    role: int
    channels: "list[list[int]]"
    hardware_id: bytes
    firmware: str
    relays: int
    fixed_limit_w: "int | None"
    calibration: "bytes | None"
