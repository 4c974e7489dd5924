"""A board's signing side, with PyNaCl: the records that real firmware would journal."""

from nacl.signing import SigningKey

from gateway.admit import Board
from wireformat import codes, identity
from wireformat.chained import Chained, Event, Feeder, Outcome, Reading
from wireformat.control import Enrolment
from wireformat.schema import Record, Unsigned

CHAIN = "tw-test"
T0 = 1_800_000_000


def seal(seed: bytes, record: Record, chain_id: str = CHAIN) -> bytes:
    """`record`, signed with `seed`."""
    key = SigningKey(seed)
    unsigned = Unsigned(record, bytes(key.verify_key), chain_id)
    return unsigned.with_signature(key.sign(unsigned.to_be_signed).signature)


class SigningBoard:
    """Signs a chain of records; `journal` holds (code, bytes) in order, acked ones too."""

    def __init__(self, number: int = 1, role: int = codes.METER, channels: int = 2) -> None:
        self.seed = bytes([number]) * 32
        self.public_key = bytes(SigningKey(self.seed).verify_key)
        self.address = identity.address(self.public_key)
        self.role, self.channels = role, channels
        self.epoch, self.next_seq, self.prev = 1, 0, identity.GENESIS_PREV
        self.time_s = T0
        self.import_wh = 1000
        self.journal: list[tuple[int, bytes]] = []

    def board(self, **changes: object) -> Board:
        """What the registry says of it."""
        fields: dict = {"role": self.role, "channels": self.channels, "relays": 2}
        return Board(self.address, self.public_key, **{**fields, **changes})

    def enrolment(self) -> bytes:
        """Its signed request to join."""
        rows = [[codes.LOAD, codes.GRID], [codes.GENERATION, codes.SOLAR]][: self.channels]
        record = Enrolment(
            public_key=self.public_key,
            role=self.role,
            channels=rows,
            hardware_id=b"\x01\x02",
            firmware="0.1.0",
            relays=2,
            fixed_limit_w=None,
        )
        return seal(self.seed, record)

    def boot(self) -> None:
        """A new epoch."""
        self.epoch, self.next_seq = self.epoch + 1, 0

    def fields(self, **changes: object) -> dict:
        """The chain fields of the next record."""
        return {
            "epoch": self.epoch,
            "seq": self.next_seq,
            "time_s": self.time_s,
            "flags": 0,
            "prev": self.prev,
            **changes,
        }

    def reading(self, add_wh: int = 3, **changes: object) -> Reading | Feeder:
        """The next measured record, not yet part of the journal."""
        rows = [[self.import_wh + add_wh, 0, 180, 400, 0] for _ in range(self.channels)]
        fields = self.fields(interval_s=60, channels=rows, voltage_dv=2300, max_ma=2000)
        if self.role == codes.MLMD:
            fields.update(breaker=1, trip_cause=0, reclose_count=0, limit_w=20_000)
            return Feeder(**{**fields, **changes})
        return Reading(**{**fields, **changes})

    def event(self, kind: int = codes.EV_BOOT, detail: tuple[int, ...] = (), **changes) -> Event:
        """The next record as an event."""
        return Event(**self.fields(kind=kind, detail=list(detail), **changes))

    def outcome(self, command_id: bytes, counter: int, status: int = codes.DONE) -> Outcome:
        """The next record as a command's outcome."""
        return Outcome(
            **self.fields(
                command_id=command_id,
                counter=counter,
                status=status,
                reason=codes.R_NONE,
                asset=0,
                state=0,
                at_ms=self.time_s * 1000,
            )
        )

    def add(self, record: Chained | None = None) -> tuple[int, bytes]:
        """Sign the next record into the journal; returns (code, bytes)."""
        record = record or self.reading()
        data = seal(self.seed, record)
        self.journal.append((record.CODE, data))
        self.prev = identity.prev_hash(data)
        self.next_seq += 1
        self.time_s += 60
        if isinstance(record, Reading | Feeder):
            self.import_wh = record.channels[0][0]
        return record.CODE, data
