"""The board's BLE link on MicroPython: what is kept of pairings, what is taken, what junk costs."""

import asyncio
import gc
import sys

import gate_bench
from board_fakes import Liveness, Nvs, Ticks, expect

from core.clock import Clock
from core.nvs import Store
from core.settings import Settings
from links import ble_link
from links.ble_bonds import SLOTS, Bonds
from links.ble_radio import MAX_NOTES, Radio
from links.inbox import Inbox
from wireformat import ble_map, cose
from wireformat.control import Command
from wireformat.schema import Unsigned

_SEED = int(sys.argv[1]) if len(sys.argv) > 1 else 1
_MUTANTS = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
_CONNECT, _DISCONNECT, _WRITE, _MTU, _ENCRYPTED, _PASSKEY = 1, 2, 3, 21, 28, 31


class Ble:
    """A stack that remembers what it was asked."""

    def __init__(self):
        self.said = []
        self.values = {}

    def active(self, on):
        pass

    def config(self, **values):
        pass

    def irq(self, handler):
        self.tell = handler

    def gatts_register_services(self, services):
        return ((10, 11, 12, 13),)

    def gatts_set_buffer(self, handle, size):
        self.said.append(("room", handle, size))

    def gatts_read(self, handle):
        return self.values[handle]

    def gatts_notify(self, connection, handle, data):
        self.said.append(("notify", handle, len(data)))

    def gap_advertise(self, interval, data, *, resp_data):
        self.said.append(("advertise", len(data), len(resp_data)))

    def gap_disconnect(self, connection):
        self.said.append(("disconnect", connection))

    def gap_passkey(self, connection, action, passkey):
        self.said.append(("passkey", action, passkey))

    def write(self, connection, handle, data):
        self.values[handle] = data
        self.tell(_WRITE, (connection, handle))


class Module:
    def __init__(self, ble):
        self.BLE = lambda: ble
        self.UUID = lambda text: text


class Journal:
    acked = (0, 0)
    unacked = 1

    def find(self, epoch, seq):
        return (1, (1, seq), b"r" * 200) if (epoch, seq) <= (1, 40) else None


class Any:
    """A board around the link, as far as its status shows it."""

    role = 1
    counter = 0
    address = bytes(20)
    epoch, next_seq = 1, 41
    journal = Journal()

    def __init__(self):
        self.clock = Clock(Ticks())
        self.chain = self.owner = self.commands = self.certificates = self
        self.gate = self
        self.liveness = Liveness()

    def flags(self):
        return 0

    def new_nonce(self):
        return bytes(8)

    def serial(self, role):
        return 0

    def relay_mask(self):
        return 0


def bench(gate=None):
    ble = Ble()
    store = Store(Nvs())
    radio = Radio(Module(ble), "TW-00000000", 123456, Bonds(store))
    radio.start()
    node = Any()
    node.update = 0
    config = Settings()
    config.adv_ms = 500
    inbox = Inbox(gate or node, node.liveness, "ble inbox")
    link = ble_link.BleLink(node, inbox, radio, config)
    return ble, radio, link


def paired(ble, radio, link):
    ble.tell(_CONNECT, (1, 0, b"\0" * 6))
    ble.tell(_MTU, (1, 247))
    ble.tell(_ENCRYPTED, (1, 1, 1, 1, 16))
    link._begin(radio.count, 0)


def bonds():
    nvs = Nvs()
    kept = Bonds(Store(nvs))
    for number in range(SLOTS + 3):
        expect("kept", kept.set(2, bytes((number,)) * 7, bytes(80)), True)
    names = [key for key in nvs.values if key.startswith("bond") and key != "bondn"]
    expect("bounded", len(names), SLOTS)
    expect("the oldest went", kept.get(2, 0, b"\2" * 7), None)
    expect("the newest is there", kept.get(2, 0, b"\x0a" * 7), bytes(80))
    expect("the n-th", kept.get(2, SLOTS - 1, None) is not None, True)
    expect("no more", kept.get(2, SLOTS, None), None)
    expect("of another type", kept.get(1, 0, b"\x0a" * 7), None)
    expect("own key", kept.set(10, b"irk", b"i" * 16), True)
    expect("own key again", kept.get(10, 0, b"irk"), b"i" * 16)
    expect("too long", kept.set(2, b"k", bytes(140)), False)
    expect("replaced", kept.set(2, b"\x0a" * 7, b"new"), True)
    expect("the new", kept.get(2, 0, b"\x0a" * 7), b"new")
    expect("forgotten", kept.set(2, b"\x0a" * 7, None), True)
    expect("gone", kept.get(2, 0, b"\x0a" * 7), None)
    kept.forget_all()
    expect("all gone", [key for key in nvs.values if key.startswith("bond")], [])


def security():
    ble, radio, _ = bench()
    expect("room for a frame", ble.said, [("room", 12, ble_map.MAX_WRITE_BYTES)])
    ble.tell(_CONNECT, (1, 0, b"\0" * 6))
    ble.tell(_CONNECT, (2, 0, b"\1" * 6))
    expect("one at a time", ble.said[-1], ("disconnect", 2))
    ble.write(1, 12, b"unseen")
    expect("not before it is paired", (radio.take(), radio.dropped), ([], 1))
    ble.tell(_PASSKEY, (1, 3, 0))
    expect("the label's", ble.said[-1], ("passkey", 3, 123456))
    expect("it counts as failed until it is done", radio.unpaired, True)
    ble.tell(_ENCRYPTED, (1, 1, 0, 0, 16))
    expect("not authenticated", (ble.said[-1], radio.secure), (("disconnect", 1), False))
    ble.tell(_ENCRYPTED, (1, 1, 1, 0, 7))
    expect("a short key", radio.secure, False)
    ble.tell(_ENCRYPTED, (1, 1, 1, 1, 16))
    expect("good", (radio.secure, radio.unpaired), (True, False))
    ble.tell(_PASSKEY, (1, 4, 99))
    expect("nothing but the passkey", ble.said[-1], ("disconnect", 1))
    for number in range(MAX_NOTES + 5):
        ble.write(1, 12, b"%d" % number)
    expect("bounded", (len(radio.take()), radio.dropped), (MAX_NOTES, 6))
    ble.tell(_DISCONNECT, (1, 0, b""))
    expect("gone", radio.connection, None)
    expect("nobody to notify", radio.notify(10, b"x"), True)


def grants():
    ble, radio, link = bench()
    paired(ble, radio, link)
    link._serve(100)
    expect("silent before a grant", [word for word in ble.said if word[0] == "notify"], [])
    ble.write(1, 13, b"\0\x05")
    for now_ms in range(200, 600, 40):
        link._serve(now_ms)
    sent = [word for word in ble.said if word == ("notify", 10, 201)]
    expect("as many as granted", len(sent), 5)
    expect("and a status", ("notify", 11, 92) in ble.said, True)
    ble.write(1, 13, b"\xff\xff")
    link._serve(700)
    expect("a grant has a bound", link._credit, ble_map.MAX_CREDIT - 4)
    ble.write(1, 13, b"\xff")
    link._serve(740)
    expect("half a grant is none", link.dropped, 1)


class Oracle:
    """A signature scheme without a flaw: good is what was signed, and nothing else."""

    address, chain_id = gate_bench.ME, gate_bench.CHAIN
    asked = held = 0

    def __init__(self, key, data, kind):
        envelope = cose.split(data)
        aad = cose.external_aad(kind.TYPE, self.chain_id)
        self.genuine = (key, bytes(envelope.to_be_signed(aad)), bytes(envelope.signature))

    async def verify(self, public_key, message, signature, give_way=None):
        self.asked += 1
        good = (public_key, bytes(message), bytes(signature)) == self.genuine
        self.held += good
        return good


def mutants():
    """Whatever is written, nothing raises, nothing is kept, nothing but the genuine is done."""
    gate = gate_bench.Bench()
    genuine = gate_bench.command(counter=1)
    base = Unsigned(genuine, gate_bench.AUTHORITY, gate_bench.CHAIN).with_signature(gate_bench.GOOD)
    gate.done = 0
    gate.gate._owner = oracle = Oracle(gate_bench.AUTHORITY, base, Command)
    ble, radio, link = bench(gate.gate)
    paired(ble, radio, link)
    asyncio.run(feed(ble, link, gate, bytes((0, 7, Command.CODE, len(base), 0, 0)) + base))
    expect("the gate was reached", oracle.asked > _MUTANTS // 1000, True)
    expect("nothing was done without its signature", gate.done <= oracle.held, True)
    print(oracle.asked, "signatures checked,", gate.done, "genuine ones done")


async def feed(ble, link, gate, base):
    working = asyncio.create_task(link._inbox.run())
    state = _SEED
    held = None
    for number in range(_MUTANTS):
        data = bytearray(base)
        for _ in range(1 + (state & 1)):
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            data[(state >> 8) % (7 if state & 192 == 64 else len(data))] = state >> 16 & 0xFF
        end = len(data) if state & 0x700 else (state >> 12) % len(data)
        ble.write(1, 12 + (number % 16 == 15), bytes(data[:end]))
        link._serve(20)
        for _ in range(4):
            await asyncio.sleep_ms(0)
        del ble.said[:]
        # As if it were new: else the first genuine one would end what comes as a repetition.
        gate.commands.counter = 0
        gate.done += len(gate.chain.outcomes)
        del gate.chain.outcomes[:]
        if number % 8 == 0:
            gate.ticks.now += 500
        if number == _MUTANTS // 10:
            gc.collect()
            held = gc.mem_alloc()
    working.cancel()
    gc.collect()
    expect("no heap kept", gc.mem_alloc() - held < 2048, True)


bonds()
security()
grants()
mutants()
print("ok")
