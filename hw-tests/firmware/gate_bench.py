"""The gate of a board with everything around it that it needs, for its unit tests."""

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
from wireformat.chained import Event
from wireformat.control import Beacon, Certificate, Command
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

    async def verify(self, public_key, message, signature, give_way=None):
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
        self.tokens = TokenBucket(100, 1000)
        for role, key in ((c.ACK, GATEWAY), (c.CONTROL, AUTHORITY)):
            expect("certificate", self.give(certificate(role, key), ROOT), c.R_NONE)
        if trusted:
            beacon = Beacon(nonce=self.gate.new_nonce(), time_ms=NOW_S * 1000)
            expect("beacon", self.give(beacon, GATEWAY), c.R_NONE)
        # Wear limits are a case of their own.
        self.ticks.now += 20000

    def give(self, record, key, signature=GOOD, code=None, data=None):
        data = data or Unsigned(record, key, CHAIN).with_signature(signature)
        code = record.CODE if code is None else code
        reason, frame = self.gate.admit(code, data, self.tokens)
        return reason or asyncio.run(self.gate.finish(frame))

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
