"""First part of the program of `truewatt bench journal`: a chip whose power can be cut."""

CHIP = '''
import asyncio
import io
import json
import os
import random
import sys

import vfs

sys.path.insert(0, sys.argv[1])
import chip_flash
import esp32
sys.path.pop(0)

from core import log as board_log
board_log.log = lambda part, message: None

from core.chain import Chain
from core.clock import Clock
from core.commands import Commands
from core.errors import BoardError
from core.nvs import Store
from core.relays import Relay
from core.settings import Settings
from journal.journal import Journal
from wireformat import codes, cose, identity
from wireformat.chained import Event, Outcome, Reading
from wireformat.control import Command
from wireformat.schema import Unsigned

NOW_S = 1790000000
FOLDER = "/flash/records"
CUTS_OF_A_BOARD = 100
# Blocks of flash, the journal's limit, its segments. The last has a flash that is full before the
# journal has what it may take.
CHIPS = ((16, 12288, 2048), (24, 24576, 4096), (48, 65536, 4096), (14, 1 << 20, 2048))
MOST_OPERATIONS = 90
FLASH_BLOCKS = 512
APPLICATION_KIB = 112
SELDOM = ["order", "registers"]
# With a gateway that keeps up, with one that is slow, and with none at all.
DECKS = (
    ["record"] * 6 + ["read"] * 4 + ["ack"] * 2 + SELDOM,
    ["record"] * 12 + ["read", "ack"] + SELDOM,
    ["record"] * 10 + SELDOM,
)
ROW = [123456, 0, 180, 400, 7]


class PowerCut(BaseException):
    """The supply went away; nothing that the firmware does can catch it."""


class Violated(Exception):
    """A promise was broken: its name, and what was seen."""


class Flash(chip_flash.Flash):
    """The emulated chip's flash. In `left` operations the power goes, half-way through one."""

    def __init__(self, image, left=None):
        super().__init__(image)
        self.left = left
        self.dead = False
        self.operations = 0

    def goes(self):
        """Whether the power goes in this operation; what comes after it finds no chip."""
        if self.dead:
            raise PowerCut
        self.operations += 1
        if self.left is None or self.operations <= self.left:
            return False
        self.dead = True
        return True

    def readblocks(self, block_num, buf, offset=0):
        if self.dead:
            raise PowerCut
        super().readblocks(block_num, buf, offset)

    def _program(self, at, data):
        if self.goes():
            done = random.randrange(len(data) + 1)
            if done:
                super()._program(at, data[:done])
            if done < len(data):  # some bits of one byte were cleared
                super()._program(at + done, bytes((data[done] | random.getrandbits(8),)))
            raise PowerCut
        super()._program(at, data)

    def ioctl(self, op, arg):
        if op == 6 and self.goes():
            self._half_erased(arg)
            raise PowerCut
        return super().ioctl(op, arg)

    def _half_erased(self, block):
        at = block * chip_flash.BLOCK_BYTES
        pages = random.randrange(17)
        self._file.seek(at)
        self._file.write(b"\\xff" * (256 * pages))
        if pages < 16:
            self._file.write(bytes(random.getrandbits(8) for _ in range(256)))


class Nvs(esp32.NVS):
    """The emulated chip's NVS; the power may go before a value is on flash, or right after it."""

    flash = None

    def _cut(self, change):
        if self.flash.goes():
            if random.getrandbits(1):
                change()
            raise PowerCut
        change()

    def _set(self, key, value):
        self._cut(lambda: esp32.NVS._set(self, key, value))

    def erase_key(self, key):
        self._cut(lambda: esp32.NVS.erase_key(self, key))


class Ticks:
    now = 0

    def ticks_ms(self):
        return self.now

    def ticks_diff(self, a, b):
        return a - b


class Pin:
    level = 0

    def value(self, level=None):
        if level is None:
            return self.level
        self.level = level


class Comms:
    def heard(self):
        pass


def relay(clock):
    settings = Settings()
    settings.name, settings.safe_closed, settings.active_high = "r", True, True
    settings.max_per_hour, settings.min_between_s = 1000, 0
    return Relay(Pin(), settings, clock)
'''
