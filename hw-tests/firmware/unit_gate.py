"""Acks, beacons, certificates and junk at a board's gate: every refusal by name."""

from board_fakes import expect
from gate_bench import (
    AUTHORITY,
    BAD,
    CHAIN,
    GATEWAY,
    GOOD,
    ME,
    NOW_S,
    ROOT,
    STRANGER,
    Bench,
    certificate,
    command,
)

from core.bucket import TokenBucket
from core.certificates import Certificates
from core.nvs import Store
from wireformat import codes as c
from wireformat import identity
from wireformat.control import Ack, Beacon, Command
from wireformat.schema import Unsigned


def acks():
    head = identity.record_hash(b"second")
    good = {"device": ME, "epoch": 1, "seq": 1, "head": head}
    cases = (
        ("good", {}, GATEWAY, GOOD, c.R_NONE, (1, 1)),
        ("other device", {"device": b"\1" * 20}, GATEWAY, GOOD, c.R_WRONG_TARGET, (0, 0)),
        ("not ours", {"seq": 7}, GATEWAY, GOOD, c.R_NOT_IN_JOURNAL, (0, 0)),
        ("earlier epoch", {"epoch": 0}, GATEWAY, GOOD, c.R_NOT_IN_JOURNAL, (0, 0)),
        ("wrong head", {"head": bytes(32)}, GATEWAY, GOOD, c.R_HEAD_MISMATCH, (0, 0)),
        ("forged", {}, GATEWAY, BAD, c.R_BAD_SIGNATURE, (0, 0)),
        ("control key", {}, AUTHORITY, GOOD, c.R_WRONG_ROLE, (0, 0)),
        ("stranger", {}, STRANGER, GOOD, c.R_UNKNOWN_KEY, (0, 0)),
    )
    for name, changes, key, signature, reason, acked in cases:
        bench = Bench()
        expect(name, bench.give(Ack(**dict(good, **changes)), key, signature), reason)
        expect(name + ": position", bench.chain.journal.acked, acked)
    bench = Bench()
    bench.give(Ack(**good), GATEWAY)
    older = dict(good, seq=0, head=identity.record_hash(b"first"))
    expect("older one", bench.give(Ack(**older), GATEWAY), c.R_NONE)
    expect("never moves back", bench.chain.journal.acked, (1, 1))


def beacons():
    bench = Bench()
    for name, answered, time_s, reason in (
        ("old nonce", bytes(8), NOW_S, c.R_WRONG_NONCE),
        ("years back", None, 1500000000, c.R_TIME_BACKWARDS),
        ("before the last record", None, NOW_S - 10000, c.R_TIME_BACKWARDS),
        ("next century", None, 5000000000, c.R_BAD_VALUE),
        ("years ahead", None, NOW_S + 5 * 31536000, c.R_CERT_EXPIRED),
        ("the certificate's end", None, NOW_S + 1000, c.R_CERT_EXPIRED),
    ):
        beacon = Beacon(nonce=answered or bench.gate.new_nonce(), time_ms=time_s * 1000)
        expect(name, bench.give(beacon, GATEWAY), reason)
    beacon = Beacon(nonce=bench.gate.new_nonce(), time_ms=NOW_S * 1000)
    bench.gate.new_nonce()  # another reader
    expect("good", bench.give(beacon, GATEWAY), c.R_NONE)
    expect("used up", bench.give(beacon, GATEWAY), c.R_WRONG_NONCE)


def chain_of_tickets(count):
    """The newest last; the first is the foot."""
    tickets = [b"the last of them"]
    for _ in range(count):
        tickets.insert(0, identity.prev_hash(tickets[0]))
    return tickets


def tickets():
    bench = Bench()
    chain = chain_of_tickets(c.TICKETS_AHEAD + 9)

    def told(at, signature=GOOD):
        beacon = Beacon(nonce=bench.gate.new_nonce(), time_ms=NOW_S * 1000, tickets=chain[at])
        return bench.give(beacon, GATEWAY, signature)

    expect("none without a chain", bench.gate.redeem(chain[1]), False)
    expect("a forged foot", told(0, BAD), c.R_BAD_SIGNATURE)
    expect("leads nowhere", bench.gate.redeem(chain[1]), False)
    expect("a foot", told(0), c.R_NONE)
    expect("the foot itself", bench.gate.redeem(chain[0]), False)
    expect("the first", bench.gate.redeem(chain[1]), True)
    expect("once", bench.gate.redeem(chain[1]), False)
    for junk in (b"", bytes(15), bytes(16), chain[2][:15], chain[2] + b"x"):
        expect("junk", bench.gate.redeem(junk), False)
    expect("some were lost", bench.gate.redeem(chain[5]), True)
    expect("one that was overtaken", bench.gate.redeem(chain[4]), False)
    expect("too far ahead", bench.gate.redeem(chain[6 + c.TICKETS_AHEAD]), False)
    expect("just not too far", bench.gate.redeem(chain[5 + c.TICKETS_AHEAD]), True)
    bench.give(Beacon(nonce=bench.gate.new_nonce(), time_ms=NOW_S * 1000), GATEWAY)
    expect("time alone ends no chain", bench.gate.redeem(chain[6 + c.TICKETS_AHEAD]), True)
    # What has a ticket needs no token, and every other check.
    bench.tokens = TokenBucket(0, 1000)
    expect("no token left", bench.give(command(), AUTHORITY), c.R_BUSY)
    bench.tokens = None
    expect("a stranger's", bench.give(command(), STRANGER), c.R_UNKNOWN_KEY)
    expect("a forged one", bench.give(command(), AUTHORITY, BAD), c.R_BAD_SIGNATURE)
    expect("the right one", bench.give(command(), AUTHORITY), c.R_NONE)
    expect("a second time", bench.give(command(), AUTHORITY), c.R_REPLAYED)


def time_held_back():
    """Reading the status again must not make an old nonce young."""
    bench = Bench()
    beacon = Beacon(nonce=bench.gate.new_nonce(), time_ms=(NOW_S + 20) * 1000)
    bench.ticks.now += 100000
    bench.gate.new_nonce()
    expect("late, so known to be late", bench.give(beacon, GATEWAY), c.R_NONE)
    expect("still at its time", bench.clock.now_s(), NOW_S + 120)
    beacon = Beacon(nonce=bench.gate.new_nonce(), time_ms=(NOW_S + 100) * 1000)
    bench.ticks.now += 120001
    expect("too late", bench.give(beacon, GATEWAY), c.R_WRONG_NONCE)
    beacon = Beacon(nonce=bench.gate.new_nonce(), time_ms=(NOW_S + 200) * 1000)
    bench.gate.new_nonce()
    bench.gate.new_nonce()
    expect("others have read since", bench.give(beacon, GATEWAY), c.R_WRONG_NONCE)


def what_can_be_said_twice_is_no_sign_of_life():
    bench = Bench()
    ack = Ack(device=ME, epoch=1, seq=1, head=identity.record_hash(b"second"))
    beacon = Beacon(nonce=bench.gate.new_nonce(), time_ms=(NOW_S + 30) * 1000)
    for name, record, key, alive in (
        ("new ack", ack, GATEWAY, True),
        ("old ack", ack, GATEWAY, False),
        ("older ack", Ack(device=ME, epoch=1, seq=0, head=identity.record_hash(b"first")),
         GATEWAY, False),
        ("known certificate", certificate(c.ACK, GATEWAY), ROOT, False),
        ("new certificate", certificate(c.ACK, GATEWAY, 6), ROOT, True),
        ("time", beacon, GATEWAY, True),
        ("command", command(), AUTHORITY, True),
    ):  # fmt: skip
        bench.ticks.now += 2000
        bench.gate.comms.changed()
        expect(name + " is taken", bench.give(record, key), c.R_NONE)
        bench.gate.comms.changed()
        expect(name + " is heard", not bench.gate.comms.lost, alive)


def certificates():
    cases = (
        ("same again", c.ACK, {"serial": 5}, ROOT, c.R_NONE),
        ("newer", c.ACK, {"serial": 6, "key": STRANGER}, ROOT, c.R_NONE),
        ("every area", c.ACK, {"serial": 6, "area": 0}, ROOT, c.R_NONE),
        ("older", c.ACK, {"serial": 4}, ROOT, c.R_CERT_SUPERSEDED),
        ("same serial, other key", c.ACK, {"key": STRANGER}, ROOT, c.R_CERT_SUPERSEDED),
        ("other area", c.ACK, {"serial": 6, "area": 2}, ROOT, c.R_WRONG_TARGET),
        ("expired", c.ACK, {"serial": 6, "expires_s": NOW_S}, ROOT, c.R_CERT_EXPIRED),
        ("installer", c.INSTALLER, {"serial": 6}, ROOT, c.R_WRONG_ROLE),
        ("by no root", c.ACK, {"serial": 6}, STRANGER, c.R_UNKNOWN_KEY),
    )
    for name, role, changes, signer, reason in cases:
        bench = Bench()
        key = changes.pop("key", GATEWAY)
        expect(name, bench.give(certificate(role, key, **changes), signer), reason)
    bench = Bench()
    bench.give(certificate(c.ACK, STRANGER, 6), ROOT)
    ack = Ack(device=ME, epoch=1, seq=1, head=identity.record_hash(b"second"))
    expect("the old key is out", bench.give(ack, GATEWAY), c.R_UNKNOWN_KEY)
    kept = Certificates(ROOT, 1, Store(bench.nvs), bench.clock)
    expect("over a reboot", (kept.serial(c.ACK), kept.serial(c.CONTROL)), (6, 5))
    bench.ticks.now += 2000000
    expect("runs out", bench.give(ack, STRANGER), c.R_CERT_EXPIRED)


def who_may_write_flash():
    bench = Bench()
    head = identity.record_hash(b"second")
    bench.give(Ack(device=ME, epoch=1, seq=1, head=head), GATEWAY)
    bench.give(command(), AUTHORITY)
    commits, outcomes = bench.nvs.commits, len(bench.chain.outcomes)
    acknowledged = []
    bench.chain.acknowledge = lambda key, record: acknowledged.append(key)
    old_ack = Ack(device=ME, epoch=1, seq=0, head=identity.record_hash(b"first"))
    newer = certificate(c.ACK, STRANGER, 6)
    for name, record, key, signature in (
        ("the same certificate", certificate(c.ACK, GATEWAY), ROOT, GOOD),
        ("the same with another expiry", certificate(c.ACK, GATEWAY, 5, 1, NOW_S + 9), ROOT, GOOD),
        ("a forged certificate", newer, ROOT, BAD),
        ("the same ack", Ack(device=ME, epoch=1, seq=1, head=head), GATEWAY, GOOD),
        ("an older ack", old_ack, GATEWAY, GOOD),
        ("a beacon", Beacon(nonce=bench.gate.new_nonce(), time_ms=NOW_S * 1000), GATEWAY, GOOD),
        ("the same command", command(), AUTHORITY, GOOD),
        ("a forged command", command(counter=9), AUTHORITY, BAD),
        ("a gateway's command", command(counter=9), GATEWAY, GOOD),
        ("one that is too early", command(counter=9, not_before_s=NOW_S + 99), AUTHORITY, GOOD),
        ("one that wears a relay", command(c.CLOSE, counter=9), AUTHORITY, GOOD),
    ):
        for _ in range(5):
            bench.give(record, key, signature)
        written = (bench.nvs.commits - commits, acknowledged, len(bench.chain.outcomes) - outcomes)
        expect(name + " writes nothing", written, (0, [], 0))
    for _ in range(5):
        bench.give(newer, ROOT)
    expect("a newer certificate does, once", bench.nvs.commits - commits, 1)
    for _ in range(5):
        bench.give(command(9, counter=9), AUTHORITY)
    written = (bench.nvs.commits - commits, len(bench.chain.outcomes) - outcomes)
    expect("a refused command does, once", written, (3, 1))


def junk():
    bench = Bench()
    good = Unsigned(command(), AUTHORITY, CHAIN).with_signature(GOOD)
    before = bench.owner.verified
    for size in range(1, len(good)):
        got = bench.give(None, None, code=Command.CODE, data=good[:size])
        expect("%d bytes of a command" % size, got, c.R_MALFORMED)
    for code in (0, 1, 5, 7, 8, 9, 10, 11, 12, 255):
        got = bench.give(None, None, code=code, data=good)
        expect("a command as type %d" % code, got, c.R_MALFORMED)
    expect("without curve work", bench.owner.verified, before)
    bench.tokens = TokenBucket(4, 1000)
    ack = Ack(device=ME, epoch=1, seq=1, head=identity.record_hash(b"second"))
    flood = [bench.give(ack, GATEWAY, BAD) for _ in range(4)]
    expect("a flood", flood, [c.R_BAD_SIGNATURE] * 2 + [c.R_BUSY] * 2)
    expect("leaves commands their share", bench.give(command(), AUTHORITY), c.R_NONE)
    flood = [bench.give(command(counter=9), AUTHORITY, BAD) for _ in range(4)]
    expect("one of commands", flood, [c.R_BAD_SIGNATURE] + [c.R_BUSY] * 3)
    for _ in range(9):
        # A gateway that has just started has no ticket yet; its beacon finds its way.
        bench.ticks.now += 1000
        flood = [bench.give(command(counter=9), AUTHORITY, BAD) for _ in range(4)]
    expect("goes on", flood.count(c.R_BUSY) >= 3, True)
    beacon = Beacon(nonce=bench.gate.new_nonce(), time_ms=NOW_S * 1000)
    expect("leaves beacons their share", bench.give(beacon, GATEWAY), c.R_NONE)


for test in (
    acks,
    beacons,
    tickets,
    time_held_back,
    what_can_be_said_twice_is_no_sign_of_life,
    certificates,
    who_may_write_flash,
    junk,
):
    test()
print("ok")
