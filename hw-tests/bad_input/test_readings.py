"""Readings that somebody with the cable in hand tampers with, replays, reorders or forges."""

from collections.abc import Callable

import pytest
from tapped_street import ADDRESSES, CHAIN, Street

from gateway.tests.board_server import BoardServer, PtyBus, crc16
from ledger.setup import seal
from truewatt.hostile import forgery, intruder
from truewatt.hostile.forgery import STRANGER
from wireformat import cose, identity
from wireformat.chained import Reading
from wireformat.schema import Record


def opened(code: int, data: bytes) -> Record:
    return forgery.opened(code, data, CHAIN)


def tampered(street: Street, code: int, data: bytes) -> tuple[int, bytes]:
    """One bit of the signature."""
    return code, forgery.flipped(data, 8 * len(data) - 1)


def halved(street: Street, code: int, data: bytes) -> tuple[int, bytes]:
    return code, data[: len(data) // 2]


def retyped(street: Street, code: int, data: bytes) -> tuple[int, bytes]:
    """A record as one of a class that is not chained."""
    return 3, data


def forged_by_a_stranger(street: Street, code: int, data: bytes) -> tuple[int, bytes]:
    """The same fields, but more energy, signed with another key."""
    return code, seal(opened(code, data), STRANGER, CHAIN)


def forged_under_the_boards_name(street: Street, code: int, data: bytes) -> tuple[int, bytes]:
    """The board's own key id over a signature by another key."""
    kid = cose.split(data).kid
    return code, forgery.under_another_name(opened(code, data), kid, CHAIN)


def of_another_board(street: Street, code: int, data: bytes) -> tuple[int, bytes]:
    """A genuine record, but of the neighbour."""
    return street.held("m2")[-1]


def years_ago_on_another_chain(street: Street, code: int, data: bytes) -> tuple[int, bytes]:
    """The board's bytes, signed for another chain: here by shifting its fields and name."""
    return code, forgery.of_another_chain(opened(code, data), STRANGER)


CASES = [
    (tampered, "bad_signature"),
    (halved, "bad_cbor"),
    (retyped, "bad_cbor"),
    (forged_by_a_stranger, "unknown_key"),
    (forged_under_the_boards_name, "bad_signature"),
    (of_another_board, "wrong_board"),
    (years_ago_on_another_chain, "unknown_key"),
]


@pytest.mark.parametrize(("change", "reason"), CASES, ids=lambda x: getattr(x, "__name__", x))
def test_a_changed_reading_is_refused_by_name_and_the_true_one_taken_later(street, change, reason):
    before = street.refusals().get(reason, 0)
    street.tap.on_reply = intruder.in_window(ADDRESSES["m1"], lambda *row: change(street, *row))
    street.until(lambda: street.refusals().get(reason, 0) > before, reason)
    street.until(lambda: "records_held" in street.notices().values(), "the notice")
    held = street.held("m1")
    # The neighbours on the same line go on meanwhile.
    street.grows("m2")
    assert street.held("m1") == held
    assert intruder.status(street, "m1").unacked > 0, "what is not admitted is not acked"
    street.tap.honest()
    street.grows("m1")
    street.until(lambda: "m1" not in street.notices(), "the notice to go")
    unbroken(street, "m1")


def unbroken(street: Street, name: str) -> None:
    """Each record kept once, each on the one before it."""
    prev, positions = identity.GENESIS_PREV, set()
    for code, data in street.held(name):
        record = opened(code, data)
        assert record.prev == prev
        assert (record.epoch, record.seq) not in positions
        positions.add((record.epoch, record.seq))
        prev = identity.prev_hash(data)


def test_a_replayed_reading_is_neither_progress_nor_a_second_copy(street):
    old = street.held("m1")[2]
    held = len(street.held("m1"))
    street.tap.on_reply = intruder.in_window(ADDRESSES["m1"], lambda *row: old)
    street.until(lambda: street.refusals().get("replayed"), "the refusal")
    street.grows("m2")
    assert len(street.held("m1")) <= held + 1
    assert intruder.status(street, "m1").unacked > 0
    street.tap.honest()
    street.grows("m1")
    unbroken(street, "m1")


def test_reordered_readings_are_a_gap_until_the_missing_one_is_shown(street):
    """The record behind the one that is asked for, as if that did not exist."""
    before = street.refusals().get("gap", 0)

    def skip_one(request):
        if request[0] == 1 and request[1] == 23:
            seq = int.from_bytes(request[-4:], "big") + 1
            return request[:-4] + seq.to_bytes(4, "big")
        return request

    street.tap.on_request = skip_one
    street.until(lambda: street.refusals().get("gap", 0) > before, "the refusal")
    street.tap.honest()
    street.grows("m1", 3)
    unbroken(street, "m1")


def answering(server: BoardServer) -> Callable[[bytes], bytes]:
    """A board that is none, as what answers on the line."""

    def answer(request: bytes) -> bytes:
        body = PtyBus._reply(server, request)
        return body + crc16(body)

    return answer


def test_a_board_with_a_key_that_nobody_enrolled_is_named_and_not_read(street):
    fake = BoardServer(200, street.root, street.clock)
    fake.add()
    street.tap.impostors[1] = answering(fake)
    street.until(lambda: "unknown_board" in street.notices().values(), "unknown_board")
    assert fake.acked == (-1, -1)
    with pytest.raises(AssertionError, match="waited 1 s"):
        street.until(lambda: fake.acked != (-1, -1), "an ack that must not come", 1)
    street.tap.honest()
    street.grows("m1")


def test_an_impostor_under_the_boards_own_address_gets_nothing_admitted(street):
    """It copies the status block of the board whose place it takes, and signs with its own key."""
    fake = BoardServer(201, street.root, street.clock)
    fake.address = street.device["m1"]
    fake.epoch, fake.clock_trusted = 99, True
    fake.add()
    before = street.refusals().get("unknown_key", 0)
    street.tap.impostors[1] = answering(fake)
    street.until(lambda: street.refusals().get("unknown_key", 0) > before, "unknown_key")
    assert fake.acked == (-1, -1)
    street.tap.honest()
    street.grows("m1")
    unbroken(street, "m1")
    assert Reading.CODE in {code for code, _ in street.held("m1")}
