"""Hardware that unit tests on MicroPython hand to the firmware in place of a board's."""

import sys

BLOCK = 4096


class Ticks:
    """`time` that a test moves; wraps as an ESP32's."""

    PERIOD = 1 << 30

    def __init__(self, now=0):
        self.now = now

    def ticks_ms(self):
        return self.now % self.PERIOD

    def ticks_diff(self, a, b):
        half = self.PERIOD // 2
        return (a - b + half) % self.PERIOD - half


class Nvs:
    """`esp32.NVS` as a chip's: each value is on flash once it is set. The next `sets_left` are."""

    def __init__(self):
        self.values = {}
        self.broken = False
        self.sets_left = None
        self.commits = 0

    def _get(self, key, kind):
        if not isinstance(self.values.get(key), kind):
            raise OSError(-0x1102)
        return self.values[key]

    def get_i32(self, key):
        return self._get(key, int)

    def get_blob(self, key, buffer):
        data = self._get(key, bytes)
        buffer[: len(data)] = data
        return len(data)

    def _set(self):
        if self.broken:
            raise OSError(-0x1101)
        if self.sets_left is not None:
            if not self.sets_left:
                raise KeyboardInterrupt  # the power goes
            self.sets_left -= 1

    def set_i32(self, key, value):
        self._set()
        self.values[key] = value

    def set_blob(self, key, value):
        self._set()
        self.values[key] = bytes(value)

    def erase_key(self, key):
        if key not in self.values:
            raise OSError(-0x1102)
        self._set()
        del self.values[key]

    def commit(self):
        self.commits += 1


class PowerCutError(Exception):
    """The supply went away in the middle of an operation."""


class Flash:
    """NOR flash in RAM. `cut_after` operations from now the power fails, half-way through one."""

    def __init__(self, blocks):
        self.data = bytearray(b"\xff" * (BLOCK * blocks))
        self.blocks = blocks
        self.cut_after = None
        self.operations = 0

    def _operate(self):
        self.operations += 1
        if self.cut_after is not None:
            self.cut_after -= 1
            if self.cut_after < 0:
                return True
        return False

    def readblocks(self, block, buffer, offset=0):
        at = block * BLOCK + offset
        buffer[:] = memoryview(self.data)[at : at + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        at = block * BLOCK + offset
        size = len(buffer)
        if self._operate():
            size //= 2
            self.data[at : at + size] = bytes(memoryview(buffer)[:size])
            raise PowerCutError
        self.data[at : at + size] = buffer

    def ioctl(self, operation, block):
        if operation == 4:
            return self.blocks
        if operation == 5:
            return BLOCK
        if operation == 6:
            if self._operate():
                raise PowerCutError
            self.data[block * BLOCK : (block + 1) * BLOCK] = b"\xff" * BLOCK
        return 0


class Pin:
    """An output pin; `stuck` keeps its level whatever is written."""

    def __init__(self, level=0):
        self.level = level
        self.stuck = False
        self.writes = []

    def value(self, level=None):
        if level is None:
            return self.level
        self.writes.append(level)
        if not self.stuck:
            self.level = level
        return None


class Liveness:
    """Swallows heartbeats."""

    def beat(self, task):
        pass

    def rest(self, task):
        pass


def expect(name, got, wanted):
    """Fail loudly, with the case's name."""
    if got != wanted:
        print("FAILED %s: got %r, expected %r" % (name, got, wanted))
        sys.exit(1)


def expect_raises(name, kind, function, *arguments):
    """The exception of class `kind` that `function` must raise."""
    try:
        function(*arguments)
    except kind as error:
        return error
    print("FAILED %s: %s was not raised" % (name, kind.__name__))
    sys.exit(1)
