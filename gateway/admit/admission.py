"""The way of one record through admission: cheap tests first, the signature late.

admission.admit(board, chain, code, data, now_ms) -> Admitted | Duplicate
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from gateway.admit import errors
from gateway.admit.board import Board
from gateway.admit.chain import check_link, permit_of
from gateway.admit.measure import Measured, check_measured
from gateway.store.rows import Head, Permit, StoredRecord
from wireformat import codes, registry
from wireformat.chained import Chained, Event, Feeder, Reading
from wireformat.errors import UnknownType, WireError
from wireformat.identity import record_hash
from wireformat.schema import MAX_RECORD_BYTES

FindBoard = Callable[[bytes], Board | None]
"""From a kid (8 bytes) to the board that the registry holds for it."""

OnEvent = Callable[[Board, Event], None]

Check = Callable[[], None]
"""Raises `BadSignature` unless the board signed the record."""


@dataclass(frozen=True)
class Rules:
    """Bounds on what a board with trusted time may claim, in seconds from the gateway's now."""

    clock_ahead_s: int = 300
    clock_age_s: int = 60 * 86400


@dataclass(slots=True)
class ChainState:
    """Where a board's chain stands. `data_at(epoch, seq)` gives the bytes held there."""

    head: Head | None
    data_at: Callable[[int, int], bytes | None]
    permits: Sequence[Permit] = ()


class Admitted(NamedTuple):
    """A record that passed, with the head it makes and the gap it reports, if any.

    `fault`: why it counts for nothing although it belongs to the chain.
    """

    stored: StoredRecord
    record: Chained
    head: Head
    permit: Permit | None
    fault: errors.Implausible | None = None


@dataclass(frozen=True)
class Duplicate:
    """The very bytes that are held already: nothing to do but to ack again."""

    epoch: int
    seq: int


class Admission:
    """Judges records of one chain. Holds no state of boards; time comes in as a parameter."""

    def __init__(self, chain_id: str, rules: Rules, find_board: FindBoard) -> None:
        self.chain_id = chain_id
        self._rules = rules
        self.find_board = find_board
        self.on_event: OnEvent = lambda board, event: None
        """Told of each event that a board's chain was found to hold, perhaps in another thread."""

    def sender(self, code: int, data: bytes) -> Board:
        """The board whose key a record names, wherever it came from; nothing is proven yet."""
        return self._sender(self._parse(code, data))

    def _sender(self, opened: registry.Opened) -> Board:
        sender = self.find_board(opened.kid)
        if sender is None:
            raise errors.UnknownKey(f"kid {opened.kid.hex()}")
        return sender

    def open(self, board: Board, code: int, data: bytes) -> tuple[Chained, registry.Opened]:
        """Parse a record and hold its sender against `board`; the signature is not checked."""
        opened = self._parse(code, data)
        sender = self._sender(opened)
        if sender.address != board.address:
            raise errors.WrongBoard(f"signed by {sender.address.hex()}", board.address.hex())
        _check_standing(board)
        if code not in board.record_codes:
            role = codes.BOARD_ROLES.get(board.role, str(board.role))
            raise errors.WrongType(f"a {opened.record.TYPE} from a {role}", board.address.hex())
        assert isinstance(opened.record, Chained)
        return opened.record, opened

    def admit(
        self, board: Board, chain: ChainState, code: int, data: bytes, now_ms: int
    ) -> Admitted | Duplicate:
        """Let `data` pass as the next record of `chain`, or raise why not."""
        record, opened = self.open(board, code, data)

        def check() -> None:
            check_signature(board, opened)

        return self.judge(board, chain, code, data, now_ms, record, check)

    def judge(
        self,
        board: Board,
        chain: ChainState,
        code: int,
        data: bytes,
        now_ms: int,
        record: Chained,
        check: Check,
    ) -> Admitted | Duplicate:
        """`admit` for what is opened already; `check` raises `BadSignature`, or knows better."""
        if chain.head and (record.epoch, record.seq) <= (chain.head.epoch, chain.head.seq):
            return _known(chain, record, data, check)
        check()
        check_link(record, chain.head, chain.permits)
        digest = record_hash(data)
        stored = StoredRecord(board.address, record.epoch, record.seq, code, data, digest, now_ms)
        permit = permit_of(record, board.address, data)
        if isinstance(record, Event):
            self.on_event(board, record)
        try:
            self._check_clock(record, chain.head, now_ms)
            head = _next_head(board, chain.head, record, digest)
        except errors.Implausible as fault:
            # What can't be believed becomes no measure for what follows.
            before = chain.head or Head(0, 0, digest, 0)
            head = before._replace(epoch=record.epoch, seq=record.seq, hash=digest)
            return Admitted(stored, record, head, permit, fault)
        return Admitted(stored, record, head, permit)

    def gap(self, board: Board, code: int, data: bytes) -> Permit | None:
        """The gap that `data` reports, its signature verified; None for any other record."""
        record, opened = self.open(board, code, data)
        permit = permit_of(record, board.address, data)
        if permit is not None:
            check_signature(board, opened)
        return permit

    def _parse(self, code: int, data: bytes) -> registry.Opened:
        if len(data) > MAX_RECORD_BYTES:
            raise errors.TooBig(f"{len(data)} bytes, at most {MAX_RECORD_BYTES}")
        try:
            opened = registry.open_signed(code, data, self.chain_id)
        except UnknownType as error:
            raise errors.WrongType(str(error)) from error
        except WireError as error:
            raise errors.BadCbor(str(error)) from error
        if not opened.record.CHAINED:
            raise errors.WrongType(f"{opened.record.TYPE} is no chained record")
        return opened

    def _check_clock(self, record: Chained, head: Head | None, now_ms: int) -> None:
        """A board that says its time is untrusted is believed; one that trusts it is held to it."""
        if record.flags & codes.CLOCK_UNTRUSTED:
            return
        ahead_s = record.time_s - now_ms // 1000
        back_s = head.time_s - record.time_s if head is not None else 0
        rules = self._rules
        if -rules.clock_age_s <= ahead_s <= rules.clock_ahead_s and back_s <= 0:
            return
        where = f"epoch {record.epoch} seq {record.seq}"
        if ahead_s > rules.clock_ahead_s:
            raise errors.ClockAhead(f"{ahead_s} s ahead of the gateway", where)
        if -ahead_s > rules.clock_age_s:
            raise errors.ClockBehind(f"{-ahead_s} s behind the gateway", where)
        raise errors.ClockBackwards(f"{back_s} s back", where)


def check_signature(board: Board, opened: registry.Opened) -> None:
    """libsodium's rule: canonical A and R, S < L, no small order, cofactorless."""
    try:
        VerifyKey(board.public_key).verify(opened.to_be_signed, opened.signature)
    except (BadSignatureError, ValueError) as error:
        raise errors.BadSignature(f"under key {board.public_key.hex()[:16]}...") from error


def _check_standing(board: Board) -> None:
    if board.revoked:
        raise errors.Revoked("revoked or frozen on the ledger", board.address.hex())
    if not board.enrolled:
        raise errors.NotEnrolled("not enrolled in this area", board.address.hex())


def _known(chain: ChainState, record: Chained, data: bytes, check: Check) -> Duplicate:
    """A position that is taken: the same bytes are harmless, others are a replay or a clone."""
    held = chain.data_at(record.epoch, record.seq)
    if held == data:
        return Duplicate(record.epoch, record.seq)
    check()
    where = f"epoch {record.epoch} seq {record.seq}"
    if held is not None:
        raise errors.Equivocation("two signed records for one position", where)
    raise errors.Replayed("before the last known record", where)


def _next_head(board: Board, head: Head | None, record: Chained, digest: bytes) -> Head:
    measured = head.measured if head else None
    if isinstance(record, Reading | Feeder):
        before = Measured.decode(measured) if measured else None
        check_measured(record, before, board.channels, board.max_power_w)
        measured = Measured.of(record).encode()
    # An untrusted time moves no bound: the latest trusted one stays.
    trusted = not record.flags & codes.CLOCK_UNTRUSTED
    time_s = record.time_s if trusted else head.time_s if head else 0
    return Head(record.epoch, record.seq, digest, time_s, measured)
