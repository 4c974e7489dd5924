"""What boards do not obey: forged, expired, replayed or misdirected commands, acks and time."""

import struct

import pytest
from tapped_street import ADDRESSES, CHAIN

from ledger import keys
from ledger.setup import seal
from truewatt.hostile import intruder
from truewatt.hostile.forgery import STRANGER, under_another_name
from truewatt.hostile.intruder import ask, give, order, put, status
from wireformat import codes, identity, modbus_map, registry
from wireformat.chained import Outcome
from wireformat.control import Ack, Beacon, Certificate, Command

REFUSED = codes.INBOX_REFUSED
INVENTED = bytes(8)
"""The id of `intruder.order`."""


def opened(code, data):
    return registry.open_signed(code, data, CHAIN).record


def under_the_name_of(street, holder: str, record) -> bytes:
    """A record with the key id of `holder`, signed by a stranger."""
    kid = identity.kid(keys.public_key(street.seeds[holder]))
    return under_another_name(record, kid, CHAIN)


def outcomes(street, name: str) -> list[Outcome]:
    return [opened(code, data) for code, data in street.held(name) if code == Outcome.CODE]


def obeyed(street, name: str) -> bool:
    """Whether a board ended one of the orders that tests invent; true ones may come any time."""
    street.grows(name, 1)
    return any(outcome.command_id == INVENTED for outcome in outcomes(street, name))


# ---- commands ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("holder", "reason"),
    [
        ("prosumer", codes.R_UNKNOWN_KEY),
        ("old_control", codes.R_UNKNOWN_KEY),
        ("operator", codes.R_UNKNOWN_KEY),
        ("gateway", codes.R_WRONG_ROLE),
    ],
)
def test_a_command_under_another_key_moves_nothing(street, holder, reason):
    before = street.relay("m1", asset=1)
    assert give(street, "m1", order(street, "m1"), street.seeds[holder]) == (REFUSED, reason)
    assert street.relay("m1", asset=1) == before
    assert not obeyed(street, "m1")


def test_forged_commands_move_nothing_and_a_good_one_is_done_afterwards(street):
    forged = under_the_name_of(street, "control", order(street, "m1"))
    assert put(street, "m1", Command.CODE, forged) == (REFUSED, codes.R_BAD_SIGNATURE)
    right = seal(order(street, "m1"), street.seeds["control"], CHAIN)
    assert put(street, "m1", Command.CODE, right[:-9]) == (REFUSED, codes.R_MALFORMED)
    foreign = seal(order(street, "m1"), street.seeds["control"], "another-chain")
    assert put(street, "m1", Command.CODE, foreign) == (REFUSED, codes.R_BAD_SIGNATURE)
    assert not obeyed(street, "m1")
    assert not street.relay("m1", asset=1)
    street.command("m1", closed=False)


def test_a_command_for_a_neighbour_is_a_wrong_target(street):
    before = street.relay("m2", asset=1)
    order_for_m2 = order(street, "m2", action=codes.OPEN if before else codes.CLOSE)
    found = give(street, "m1", order_for_m2, street.seeds["control"])
    assert found == (REFUSED, codes.R_WRONG_TARGET)
    assert street.relay("m2", asset=1) == before
    assert not obeyed(street, "m1")
    assert not obeyed(street, "m2")


def test_a_genuine_command_said_again_is_a_replay(street):
    street.command("m1", closed=True)
    commands = intruder.caught(street, "m1", Command.CODE)
    assert commands
    for data in commands:
        assert put(street, "m1", Command.CODE, data) == (REFUSED, codes.R_REPLAYED)
    assert street.relay("m1")


def test_a_command_held_back_until_it_expired_is_not_obeyed_and_says_so(street):
    """Genuine, but minutes old: the board ends it, and the ledger hears of it."""
    held_back = []

    def hold(request):
        if intruder.is_inbox_write(request, ADDRESSES["m2"]):
            code, data = intruder.carried(request)
            if code == Command.CODE:
                held_back.append(data)
                return None
        return request

    street.tap.on_request = hold
    street.wish("m2", closed=False)
    street.until(lambda: held_back, "the command to leave the gateway")
    data = held_back[0]
    command = opened(Command.CODE, data)
    expires_ms = 1000 * command.expires_s
    street.until(lambda: street.clock.unix_ms() > expires_ms + 5000, "its expiry", 60)
    assert put(street, "m2", Command.CODE, data) == (REFUSED, codes.R_EXPIRED)
    assert street.relay("m2")
    street.tap.honest()
    ended = street.until(
        lambda: [row for row in outcomes(street, "m2") if row.command_id == command.id],
        "the outcome",
    )
    assert [(row.status, row.reason) for row in ended] == [(codes.EXPIRED, codes.R_EXPIRED)]
    street.until(lambda: not street.relay("m2"), "the order that the ledger gave anew")


def test_a_superseded_control_key_is_out(street):
    """Its certificate is genuine, but older than the one that the board has seen."""
    old = street.certificate(codes.CONTROL, "old_control", 1)
    assert put(street, "m1", Certificate.CODE, old) == (REFUSED, codes.R_CERT_SUPERSEDED)
    same = street.certificate(codes.CONTROL, "old_control", 2)
    assert put(street, "m1", Certificate.CODE, same) == (REFUSED, codes.R_CERT_SUPERSEDED)
    by_itself = seal(
        opened(Certificate.CODE, street.certificate(codes.CONTROL, "old_control", 9)),
        street.seeds["old_control"],
        CHAIN,
    )
    assert put(street, "m1", Certificate.CODE, by_itself) == (REFUSED, codes.R_UNKNOWN_KEY)
    found = give(street, "m1", order(street, "m1"), street.seeds["old_control"])
    assert found == (REFUSED, codes.R_UNKNOWN_KEY)
    assert status(street, "m1").control_serial == 2


@pytest.mark.parametrize("pdu", ["0500000000", "05001aff00", "0f0000000201ff", "0600000001"])
def test_plain_modbus_writes_are_refused_with_exception_1(street, pdu):
    before = [street.relay("m1", asset) for asset in (0, 1)]
    reply = ask(street, "m1", bytes.fromhex(pdu))
    assert reply == bytes((int(pdu[:2], 16) | 0x80, 1))
    assert [street.relay("m1", asset) for asset in (0, 1)] == before


# ---- acks ----------------------------------------------------------------------------------------


def test_forged_acks_make_a_board_forget_nothing(street):
    def no_acks(request):
        inbox = intruder.is_inbox_write(request, ADDRESSES["m1"])
        return None if inbox and intruder.carried(request)[0] == Ack.CODE else request

    street.tap.on_request = no_acks
    street.until(lambda: status(street, "m1").unacked >= 3, "records without an ack")
    newest = opened(*street.held("m1")[-1])
    head = identity.record_hash(street.held("m1")[-1][1])
    fields = {"device": street.device["m1"], "epoch": newest.epoch, "seq": newest.seq}
    good = Ack(**fields, head=head)
    cases = [
        (good, STRANGER, codes.R_UNKNOWN_KEY),
        (good, street.seeds["control"], codes.R_WRONG_ROLE),
        (Ack(**fields, head=bytes(32)), street.seeds["gateway"], codes.R_HEAD_MISMATCH),
        (
            Ack(**{**fields, "seq": newest.seq + 99}, head=head),
            street.seeds["gateway"],
            codes.R_NOT_IN_JOURNAL,
        ),
        (
            Ack(**{**fields, "device": street.device["m2"]}, head=head),
            street.seeds["gateway"],
            codes.R_WRONG_TARGET,
        ),
    ]
    before = status(street, "m1").unacked
    for ack, seed, reason in cases:
        assert give(street, "m1", ack, seed) == (REFUSED, reason)
    forged = under_the_name_of(street, "gateway", good)
    assert put(street, "m1", Ack.CODE, forged) == (REFUSED, codes.R_BAD_SIGNATURE)
    assert status(street, "m1").unacked >= before
    street.tap.honest()
    street.until(lambda: status(street, "m1").unacked < before, "the true ack")
    street.grows("m1")


# ---- time ----------------------------------------------------------------------------------------


def beacon(street, name: str, ahead_s: int = 0, **changes) -> Beacon:
    nonce = status(street, name).nonce
    time_ms = street.clock.unix_ms() + 1000 * ahead_s
    return Beacon(**{"nonce": nonce, "time_ms": time_ms, **changes})


def last_time_s(street, name: str) -> int:
    return opened(*street.held(name)[-1]).time_s


def test_forged_and_replayed_time_is_refused(street):
    before = status(street, "m1")
    found = give(street, "m1", beacon(street, "m1", 3600), STRANGER)
    assert found == (REFUSED, codes.R_UNKNOWN_KEY)
    found = give(street, "m1", beacon(street, "m1", 3600), street.seeds["control"])
    assert found == (REFUSED, codes.R_WRONG_ROLE)
    forged = under_the_name_of(street, "gateway", beacon(street, "m1", 3600))
    assert put(street, "m1", Beacon.CODE, forged) == (REFUSED, codes.R_BAD_SIGNATURE)
    for data in intruder.caught(street, "m1", Beacon.CODE):
        assert put(street, "m1", Beacon.CODE, data) == (REFUSED, codes.R_WRONG_NONCE)
    assert before.clock_trusted
    street.grows("m1")
    assert abs(last_time_s(street, "m1") - street.clock.unix_ms() // 1000) < 60


def test_half_a_chunk_protocol_is_refused(street):
    """A chunk that leaves a hole, an empty one, one that is longer than it says."""
    for offset, data in ((7, b"x"), (0, b""), (250, b"x")):
        frame = intruder.inbox_write(0xFFF0, Command.CODE, data, offset, 40)
        assert ask(street, "m1", frame) == bytes((16 | 0x80, 3))
    body = struct.pack(">BHHB", 16, modbus_map.STATUS, 1, 2) + b"\0\1"
    assert ask(street, "m1", body) == bytes((16 | 0x80, 2))
