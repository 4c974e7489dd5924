"""Every refusal of an ack, beacon, certificate and command by name, on MicroPython."""

import asyncio

from board_fakes import Nvs, Pin, Ticks, expect

from core.bucket import TokenBucket
from core.certificates import Certificates
from core.clock import Clock
from core.commands import Commands
from core.comms import CommsWatch
from core.gate import Gate
from core.nvs import Store
from core.relays import Relay
from core.settings import Settings
from wireformat import codes as c
from wireformat import identity
from wireformat.chained import Event, Outcome
from wireformat.control import Ack, Beacon, Certificate, Command
from wireformat.schema import Unsigned

CHAIN = "c"
NOW_S = 1790000000
ROOT, GATEWAY, AUTHORITY, STRANGER = (bytes((n,)) * 32 for n in range(1, 5))
ME = bytes(20)
GOOD, BAD = b"g" * 64, b"b" * 64


class Owner:
    """Takes the signature `GOOD` for good, so that these tests are about the rules around it."""

    address = ME
    chain_id = CHAIN
    verified = 0

    async def verify(self, public_key, message, signature):
        self.verified += 1
        await asyncio.sleep_ms(0)
        return signature == GOOD


class Journal:
    def __init__(self):
        self.kept = {(1, 0): (Event.CODE, b"first"), (1, 1): (Event.CODE, b"second")}
        self.acked = (0, 0)

    def find(self, epoch, seq):
        keys = sorted(key for key in self.kept if key >= (epoch, seq))
        return (self.kept[keys[0]][0], keys[0], self.kept[keys[0]][1]) if keys else None

    def records(self):
        return iter(())


class Chain:
    def __init__(self):
        self.journal = Journal()
        self.last_time_s = NOW_S - 100
        self.broken = False
        self.outcomes = []

    def acknowledge(self, key, record):
        self.journal.acked = key

    async def append(self, kind, fields):
        self.outcomes.append((kind, fields))


class Bench:
    """A gate with everything behind it but the curve and the flash."""

    def __init__(self, trusted=True):
        self.ticks = Ticks()
        self.clock = Clock(self.ticks)
        self.nvs = Nvs()
        store = Store(self.nvs)
        self.owner = Owner()
        self.chain = Chain()
        self.certificates = Certificates(ROOT, 1, store, self.clock)
        self.pins = [Pin(), Pin()]
        self.relays = [Relay(pin, relay(pin is self.pins[0]), self.clock) for pin in self.pins]
        self.relays[0].fall_back()
        self.relays[0].tick()
        self.commands = Commands(self.relays, self.chain, self.clock, store)
        self.gate = Gate(self.owner, self.certificates, self.chain, self.clock)
        self.gate.commands = self.commands
        self.gate.comms = CommsWatch(1000, self.clock)
        self.tokens = TokenBucket(100, 1000, 50)
        for role, key in ((c.ACK, GATEWAY), (c.CONTROL, AUTHORITY)):
            expect("certificate", self.give(certificate(role, key), ROOT), c.R_NONE)
        if trusted:
            beacon = Beacon(nonce=self.gate.new_nonce(), time_ms=NOW_S * 1000)
            expect("beacon", self.give(beacon, GATEWAY), c.R_NONE)
        # Wear limits are a case of their own.
        self.ticks.now += 20000

    def give(self, record, key, signature=GOOD, code=None, data=None):
        data = data or Unsigned(record, key, CHAIN).with_signature(signature)
        return asyncio.run(
            self.gate.handle(record.CODE if code is None else code, data, self.tokens)
        )

    def closed(self):
        return [pin.level for pin in self.pins]


def relay(safe_closed):
    settings = Settings()
    settings.name = "r"
    settings.safe_closed = safe_closed
    settings.active_high = True
    settings.max_per_hour = 6
    settings.min_between_s = 10
    return settings


def certificate(role, key, serial=5, area=1, expires_s=NOW_S + 1000):
    return Certificate(role=role, area=area, public_key=key, serial=serial, expires_s=expires_s)


def command(action=c.OPEN, counter=1, **changes):
    fields = {
        "id": b"commandX",
        "counter": counter,
        "target": ME,
        "asset": 0,
        "action": action,
        "value": 0,
        "not_before_s": NOW_S - 10,
        "expires_s": NOW_S + 500,
        "height": 1,
        "index": 0,
    }
    fields.update(changes)
    return Command(**fields)


def commands_refused_without_outcome():
    cases = (
        ("unknown key", command(), STRANGER, GOOD, c.R_UNKNOWN_KEY, 0),
        ("ack key", command(), GATEWAY, GOOD, c.R_WRONG_ROLE, 0),
        ("other target", command(target=b"\1" * 20), AUTHORITY, GOOD, c.R_WRONG_TARGET, 0),
        ("not yet", command(not_before_s=NOW_S + 400), AUTHORITY, GOOD, c.R_NOT_YET, 0),
        ("counter 0", command(counter=0), AUTHORITY, GOOD, c.R_REPLAYED, 0),
        ("forged", command(), AUTHORITY, BAD, c.R_BAD_SIGNATURE, 1),
        ("forged, no such asset", command(asset=9), AUTHORITY, BAD, c.R_BAD_SIGNATURE, 1),
        ("forged, expired", command(expires_s=1), AUTHORITY, BAD, c.R_BAD_SIGNATURE, 1),
    )
    for name, order, key, signature, reason, curve_work in cases:
        bench = Bench()
        before = bench.owner.verified
        expect(name, bench.give(order, key, signature), reason)
        expect(name + ": curve work", bench.owner.verified - before, curve_work)
        expect(name + ": no outcome", bench.chain.outcomes, [])
        expect(name + ": nothing switched", bench.closed(), [1, 0])
        expect(name + ": counter kept", bench.commands.counter, 0)


def commands_ended():
    cases = (
        ("done", command(), c.DONE, c.R_NONE, 0),
        ("close a closed one", command(c.CLOSE), c.DONE, c.R_NONE, 1),
        ("expired", command(expires_s=NOW_S), c.EXPIRED, c.R_EXPIRED, 1),
        ("no such asset", command(asset=2), c.REFUSED, c.R_NO_SUCH_ASSET, 0),
        ("no such action", command(9), c.REFUSED, c.R_BAD_VALUE, 1),
        ("limit for a relay", command(c.SET_LIMIT, value=5), c.REFUSED, c.R_BAD_VALUE, 1),
        ("value with open", command(value=5), c.REFUSED, c.R_BAD_VALUE, 1),
    )
    for name, order, status, reason, state in cases:
        bench = Bench()
        expect(name, bench.give(order, AUTHORITY), reason)
        kind, outcome = bench.chain.outcomes[0]
        got = (kind, outcome["status"], outcome["reason"], outcome["state"])
        expect(name + ": outcome", got, (Outcome, status, reason, state))
        expect(name + ": once", bench.give(order, AUTHORITY), c.R_REPLAYED)
        expect(name + ": one outcome", len(bench.chain.outcomes), 1)
        expect(name + ": no mark left", bench.nvs.kept.get("pending"), None)


def protection_outranks():
    bench = Bench()
    bench.relays[0].force_open()
    bench.relays[0].may_close = lambda: False
    bench.ticks.now += 20000
    expect("protection", bench.give(command(c.CLOSE), AUTHORITY), c.R_PROTECTION)
    expect("stays open", bench.closed(), [0, 0])
    stuck = Bench()
    stuck.pins[0].stuck = True
    stuck.give(command(), AUTHORITY)
    outcome = stuck.chain.outcomes[0][1]
    got = (outcome["status"], outcome["reason"], outcome["state"])
    expect("stuck relay is read back", got, (c.REFUSED, c.R_HARDWARE, 1))


def without_time():
    bench = Bench(trusted=False)
    expect("away from safe", bench.give(command(), AUTHORITY), c.R_CLOCK_UNTRUSTED)
    expect("may come again", bench.commands.counter, 0)
    bench.relays[0].switch(False)
    bench.ticks.now += 20000
    expect("towards safe", bench.give(command(c.CLOSE), AUTHORITY), c.R_NONE)
    expect("closed", bench.closed(), [1, 0])


def wear():
    bench = Bench()
    for count in range(5):
        action = c.CLOSE if count & 1 else c.OPEN
        expect("switch %d" % count, bench.give(command(action, count + 1), AUTHORITY), c.R_NONE)
        again = command(c.OPEN if count & 1 else c.CLOSE, count + 2)
        expect("too soon", bench.give(again, AUTHORITY), c.R_BUSY)
        bench.ticks.now += 11000
    expect("too often", bench.give(command(c.CLOSE, 9), AUTHORITY), c.R_BUSY)
    bench.ticks.now += 3600000 - 40000
    late = command(c.CLOSE, 9, expires_s=NOW_S + 9000)
    expect("certificate has expired by now", bench.give(late, AUTHORITY), c.R_CERT_EXPIRED)


def expiry():
    bench = Bench()
    bench.give(command(expires_s=NOW_S + 60), AUTHORITY)
    expect("open", bench.closed(), [0, 0])
    bench.ticks.now += 61000
    for item in bench.relays:
        item.tick()
    expect("back to safe", bench.closed(), [1, 0])


def power_cuts():
    bench = Bench()
    bench.nvs.broken = True
    expect("counter not kept", bench.give(command(), AUTHORITY), c.R_FLASH)
    expect("so nothing switched", (bench.closed(), bench.chain.outcomes), ([1, 0], []))
    for name, order, ended in (
        ("away from safe", command(), (c.REFUSED, c.R_INTERRUPTED)),
        ("towards safe", command(c.CLOSE), (c.DONE, c.R_NONE)),
        ("expired before", command(expires_s=NOW_S), (c.EXPIRED, c.R_EXPIRED)),
        ("refused before", command(value=5), (c.REFUSED, c.R_BAD_VALUE)),
        ("no such asset", command(asset=2), (c.REFUSED, c.R_NO_SUCH_ASSET)),
    ):
        expect(name, cut_before_the_outcome(order), ended)


def cut_before_the_outcome(order):
    bench = Bench()

    async def cut(kind, fields):
        raise KeyboardInterrupt

    bench.chain.append = cut
    try:
        bench.give(order, AUTHORITY)
    except KeyboardInterrupt:
        bench.nvs.cut()
    expect("the counter was persisted first", bench.nvs.kept["counter"][-1], 1)
    bench.relays[0].fall_back()
    after = Chain()
    for wanted in (1, 1):
        store = Store(bench.nvs)
        commands = Commands(bench.relays, after, bench.clock, store)
        asyncio.run(commands.finish_pending())
        expect("outcomes after the cut", len(after.outcomes), wanted)
    fields = after.outcomes[0][1]
    expect("of that command", (fields["command_id"], fields["counter"]), (b"commandX", 1))
    return fields["status"], fields["reason"]


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
    bench.tokens = TokenBucket(4, 1000, 2)
    ack = Ack(device=ME, epoch=1, seq=1, head=identity.record_hash(b"second"))
    flood = [bench.give(ack, GATEWAY, BAD) for _ in range(4)]
    expect("a flood", flood, [c.R_BAD_SIGNATURE] * 2 + [c.R_BUSY] * 2)
    expect("leaves commands their share", bench.give(command(), AUTHORITY), c.R_NONE)


for test in (
    commands_refused_without_outcome,
    commands_ended,
    protection_outranks,
    without_time,
    wear,
    expiry,
    power_cuts,
    acks,
    beacons,
    time_held_back,
    what_can_be_said_twice_is_no_sign_of_life,
    certificates,
    who_may_write_flash,
    junk,
):
    test()
print("ok")
