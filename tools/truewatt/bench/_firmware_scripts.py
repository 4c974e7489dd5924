"""The programs that `truewatt bench firmware` runs on MicroPython, with the firmware's own modules.

What stands in for hardware: a flash of RAM under the port's own LittleFS, NVS as a dict, pins as
attributes. Argument 1 says what to do, argument 2 how often; set-up cancels out between N and 0.
Argument 3: "marks" at each turn of the event loop; "log" what the flash is asked; "replay" that
once more, which shows what a flash of RAM costs by itself.
"""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from truewatt.emulator.mpy_tree import build_tree

RUN = "import bench_board"


def bench_tree(firmware: Path, interpreter: tuple[str, ...]) -> Path:
    """The firmware as boards load it, with the program below as one more of its modules.

    Public names are shortened when modules are compiled, so what uses them is compiled with them.
    """
    with TemporaryDirectory(prefix="truewatt-bench-") as scratch:
        copy = Path(scratch) / firmware.name
        shutil.copytree(firmware, copy, ignore=shutil.ignore_patterns("__pycache__", "tests"))
        (copy / "bench_board.py").write_text(BOARD, encoding="utf-8")
        return build_tree(copy, interpreter)


BOARD = """
import sys

marks = open(3, "wb")

import asyncio
import time
import vfs

from core.bucket import TokenBucket
from core.certificates import Certificates
from core.chain import Chain
from core.clock import Clock
from core.commands import Commands
from core.comms import CommsWatch
from core.gate import Gate
from core.identity import Identity
from core.nvs import Store
from core.relays import Relay
from core.settings import Settings
from crypto import ed25519
from drivers.pzem004t import request, take_answer
from journal.journal import Journal
from links.crc16 import seal
from metering.channel import ChannelMeter
from metering.energy import EnergyRegister
from wireformat import codes
from wireformat.chained import Reading
from wireformat.control import Beacon, Certificate, Command
from wireformat.schema import Unsigned

NOW_S = 1790000000


class Flash:
    def __init__(self, blocks):
        self.data = bytearray(b"\\xff" * (4096 * blocks))

    def readblocks(self, block, buf, offset=0):
        if log is not None:
            log.append((self.readblocks, block, bytearray(len(buf)), offset))
        at = 4096 * block + offset
        buf[:] = memoryview(self.data)[at : at + len(buf)]

    def writeblocks(self, block, buf, offset=0):
        if log is not None:
            log.append((self.writeblocks, block, bytearray(len(buf)), offset))
        at = 4096 * block + offset
        self.data[at : at + len(buf)] = buf

    def ioctl(self, op, arg):
        return {4: len(self.data) // 4096, 5: 4096}.get(op, 0)


log = None


class Nvs:
    def __init__(self):
        self.values = {}

    def get_i32(self, key):
        if key not in self.values:
            raise OSError(1)
        return self.values[key]

    def get_blob(self, key, buffer):
        if key not in self.values:
            raise OSError(1)
        data = self.values[key]
        buffer[: len(data)] = data
        return len(data)

    def set_i32(self, key, value):
        self.values[key] = value

    set_blob = set_i32

    def erase_key(self, key):
        self.values.pop(key, None)

    def commit(self):
        pass


class Pin:
    level = 1

    def value(self, level=None):
        if level is None:
            return self.level
        self.level = level


class Sensor:
    address = 1

    def energy_register(self):
        return EnergyRegister(10000000, 26000)


def relay():
    settings = Settings()
    settings.safe_closed = settings.active_high = True
    settings.max_per_hour, settings.min_between_s = 60, 0
    return Relay(Pin(), settings, clock)


flash = Flash(64)
vfs.VfsLfs2.mkfs(flash)
vfs.mount(vfs.VfsLfs2(flash), "/flash")
clock = Clock(time)
store = Store(Nvs())
owner = Identity(bytes(range(32)), "bench")
journal = Journal("/flash/journal", 131072)
chain = Chain(owner, journal, clock, store)
chain.start()
operator, gateway, authority = (ed25519.SigningKey(bytes([n]) * 32) for n in (1, 2, 3))
certificates = Certificates(operator.public, 1, store, clock)
gate = Gate(owner, certificates, chain, clock)
gate.comms = CommsWatch(300000, clock)
gate.commands = Commands([relay()], chain, clock, store)
channels = [ChannelMeter(codes.LOAD, Sensor()), ChannelMeter(codes.GENERATION, Sensor())]
words = b"\\x08\\xfc\\x10\\xf8\\0\\0\\x27\\x10\\0\\0\\x13\\x88\\0\\0\\x01\\xf4\\0\\x5f\\0\\0"
answer = seal(b"\\x01\\x04\\x14" + words)


def signed(record, key):
    unsigned = Unsigned(record, key.public, "bench")
    return unsigned.with_signature(key.sign(unsigned.to_be_signed))


def command(counter):
    return Command(
        id=bytes(8), counter=counter, target=owner.address, asset=0,
        action=1 + counter % 2, value=0, not_before_s=NOW_S - 10, expires_s=NOW_S + 900,
        height=1, index=0,
    )


def expect(reason, wanted):
    # No assert: what is compiled for boards has none.
    if reason != wanted:
        raise ValueError(reason)


def no_limit():
    return TokenBucket(100, 1)


async def handle(code, data, bucket):
    reason, frame = gate.admit(code, data, bucket)
    return reason or await gate.finish(frame)


async def record():
    rows = []
    for channel in channels:
        channel.add(take_answer(bytearray(answer), 1), clock.up_ms())
        rows.append(channel.take()[0])
    fields = {"interval_s": 60, "channels": rows, "voltage_dv": 2300, "max_ma": 4348}
    await chain.append(Reading, fields)


async def forged():
    reason = await handle(Command.CODE, bad, no_limit())
    expect(reason, codes.R_BAD_SIGNATURE)


async def executed():
    reason = await handle(Command.CODE, orders.pop(0), no_limit())
    expect(reason, codes.R_NONE)


async def certify():
    for role, key in ((codes.CONTROL, authority), (codes.ACK, gateway)):
        paper = Certificate(
            role=role, area=1, public_key=key.public, serial=1, expires_s=NOW_S + 1000000
        )
        expect(await handle(Certificate.CODE, signed(paper, operator), no_limit()), 0)
    beacon = Beacon(nonce=gate.new_nonce(), time_ms=NOW_S * 1000)
    expect(await handle(Beacon.CODE, signed(beacon, gateway), no_limit()), 0)


async def turns():
    # Runs once a turn of the event loop: what is between two marks is one stretch of the others.
    while True:
        marks.write(b"x")
        await asyncio.sleep_ms(0)


async def main(what, times, marked):
    await certify()
    watcher = asyncio.create_task(turns()) if marked else None
    await asyncio.sleep_ms(0)
    for _ in range(times):
        await what()
        await asyncio.sleep_ms(0)  # as between two intervals
    if watcher:
        watcher.cancel()


good = signed(command(1), authority)
bad = good[:-1] + bytes((good[-1] ^ 1,))
orders = [signed(command(n + 1), authority) for n in range(4)]
work = {"record": record, "forged": forged, "executed": executed}[sys.argv[1]]
option = sys.argv[3] if len(sys.argv) > 3 else ""
if option in ("log", "replay"):
    log = []
asyncio.run(main(work, int(sys.argv[2]), option == "marks"))
asked, log = log, None
if option == "replay":
    for function, block, buf, offset in asked:
        function(block, buf, offset)
"""
