"""The first part of the program of `truewatt bench mutants --boards`: what the parsers stand in.

Imports of the firmware, and the least of a board that they want: clock, store, chain, registers.
"""

CHIP, MPY = "ESP32", 518
"""What the board that the program plays says of itself."""

WORLD = '''
import asyncio
import gc
import hashlib
import json
import random
import sys

from core import log as board_log
board_log.log = lambda part, message: None

from core.bucket import TokenBucket
from core.certificates import Certificates
from core.clock import Clock
from core.comms import CommsWatch
from core.gate import Gate
from core.nvs import Store
from crypto import ed25519
from links import mqtt_packets, modbus_tcp
from links.crc16 import seal
from links.inbox import Inbox
from links.modbus_frames import FrameFinder
from links.modbus_server import ModbusError, ModbusServer
from links.mqtt_packets import MqttError
from wireformat import codes, cose, identity, mqtt_map
from wireformat.control import Certificate



class Machine:
    """What a board says of itself, and the module that restarts it."""

    reset = None

    class implementation:
        _mpy = 518
        version = (1, 25, 0)


sys.modules["board"] = Machine
from update import entry, offer, receiver

# What is needed for a moment only stays loaded here, or a million offers would take hours.
entry.forget = lambda *names: None
offer.chip = lambda: "ESP32"
offer.sys = Machine
CURVE_EACH = 2000
TICKET = b"a ticket, unused"
OWN = 17
NOW_S = 1790000000
SPITE = bytes((0, 0x17, 0x18, 0x19, 0x1B, 0x1F, 0x3B, 0x5B, 0x5F, 0x7F, 0x80, 0x9B, 0x9F, 0xBB,
               0xC0, 0xD2, 0xD8, 0xF4, 0xF6, 0xF9, 0xFB, 0xFF))


class Ticks:
    def ticks_ms(self):
        return 0

    def ticks_diff(self, a, b):
        return 0


class Nvs:
    def __init__(self):
        self.values = {}

    def get_i32(self, key):
        raise OSError(1)

    def get_blob(self, key, buffer):
        if key not in self.values:
            raise OSError(1)
        data = self.values[key]
        buffer[: len(data)] = data
        return len(data)

    def set_blob(self, key, value):
        self.values[key] = bytes(value)

    def commit(self):
        pass


class Owner:
    """Knows the genuine frames; now and then the curve is asked as well."""

    chain_id = "truewatt-mutants"
    address = b""
    asked = 0

    async def verify(self, key, message, signature, give_way=None):
        good = (message, signature) in genuine_messages
        Owner.asked += 1
        if Owner.asked % CURVE_EACH == 0 and ed25519.verify(key, message, signature) != good:
            note("FORGED by the curve")
        return good


class Journal:
    acked = (0, 0)
    record = b"record"

    def find(self, epoch, seq):
        return 1, (1, 1), self.record


class Chain:
    journal = Journal()
    last_time_s = 0
    broken = False

    def acknowledge(self, key, record):
        pass


class Commands:
    opted_out = False
    counter = 0

    def transient_fault(self, command):
        return codes.R_NONE

    async def execute(self, command):
        return codes.R_NONE


class Liveness:
    def beat(self, task):
        pass

    rest = beat


class Node:
    """A board at work on which nothing is updated yet; it wants pieces all the same."""

    role = codes.METER
    update = codes.UP_WANTS << 8
    owner = Owner()


class Session(receiver.Session):
    """Takes pieces of one file, for ever, and keeps none."""

    def __init__(self, node):
        self._node = node
        self._wanted, self._size, self._budget = 1, 4096, 1 << 29
        self._file = self
        self._digest = b""
        self._begin()

    def _begin(self):
        self._at = self.sent = 0
        self._hasher = hashlib.sha256()

    def write(self, data):
        pass


class Registers:
    """An inbox behind a block of registers, and some to read."""

    def holding(self, start, count):
        if start + count > 0x2000:
            raise ModbusError(2)
        return bytes(2 * count)

    inputs = holding

    def coils(self, start, count):
        return bytes((count + 7) // 8)

    def write(self, start, data):
        if inbox.put(data):
            raise ModbusError(3)


class Stream:
    """What a socket gives, then its end; and takes."""

    def __init__(self, data):
        self.data = data

    async def readexactly(self, size):
        if len(self.data) < size:
            raise EOFError
        part, self.data = self.data[:size], self.data[size:]
        return part

    def write(self, data):
        pass

    async def drain(self):
        pass
'''
