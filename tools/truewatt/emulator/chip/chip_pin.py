"""Pins: levels travel over a socket to the electrical world and back.

To the world: `out PIN LEVEL`, `in PIN PULLED_UP`, each a line. From it: `PIN LEVEL`, at once in
answer to `in` and at every change after it; `PIN +N`, N pulses too short to be looked at one by
one. Without a socket an input shows its pull.
"""

import errno as _errno

import chip_host as _host
import chip_irq as _irq
import micropython as _micropython

_ports = {}
# Pins that only lead to a chip on the same board: the world is not told of them.
_on_board = set()
_link = None
_received = b""


class _Port:
    counter = None  # few have one: a table with another place takes heap

    def __init__(self, number):
        self.number = number
        self.level = 0
        self.mode = -1
        self.pull = None
        self.pin = None
        self.handler = None
        self.trigger = 0


def _connect(path):
    global _link
    _link = _host.connect_unix(path)
    _link.send(b"pins\n")


def _low(number):
    """Whether an output is driven low."""
    port = _ports.get(number)
    return port is not None and port.mode == Pin.OUT and not port.level


def _tell(number, line):
    if _link is not None and number not in _on_board:
        _link.setblocking(True)
        _link.send(line)


def _receive(blocking):
    """Apply what the world says; False if it said nothing."""
    global _received
    _link.setblocking(blocking)
    try:
        data = _link.recv(256)
    except OSError as error:
        if error.args[0] == _errno.EAGAIN:
            return False
        raise
    lines = (_received + data).split(b"\n")
    _received = lines.pop()
    for line in lines:
        number, level = line.split()
        if level[:1] == b"+":
            _pulse(_ports[int(number)], int(level))
        else:
            _change(_ports[int(number)], int(level))
    return bool(data)


def _change(port, level):
    edge = (Pin.IRQ_RISING if level else Pin.IRQ_FALLING) if level != port.level else 0
    port.level = level
    if edge and level and port.counter is not None:
        port.counter._add(1)
    if port.handler is not None and port.trigger & edge:
        _micropython.schedule(port.handler, port.pin)


def _pulse(port, count):
    """`count` pulses of an input at rest: a counter has them all, an interrupt each edge."""
    if port.counter is not None:
        port.counter._add(count)
    if port.handler is not None:
        for _ in range(2 * count):
            _micropython.schedule(port.handler, port.pin)


def _serve():
    # Asked at each look at an input, when there is mostly nothing: an exception would cost more.
    while _host.unread(_link.fileno()) and _receive(False):
        pass


class Pin:
    """machine.Pin."""

    IN = 1
    OUT = 3
    OPEN_DRAIN = 7
    PULL_DOWN = 1
    PULL_UP = 2
    IRQ_RISING = 1
    IRQ_FALLING = 2

    def __init__(self, id, mode=-1, pull=-1, *, value=None, drive=None):
        if not isinstance(id, int) or not 0 <= id <= 48:
            raise ValueError("invalid pin")
        port = _ports.get(id)
        if port is None:
            port = _ports[id] = _Port(id)
        self._port = port
        self.init(mode, pull, value=value, drive=drive)

    def init(self, mode=-1, pull=-1, *, value=None, drive=None):
        """Configure; arguments left out stay as they are."""
        port = self._port
        if pull != -1:
            port.pull = pull
        if mode not in (-1, Pin.IN, Pin.OUT, Pin.OPEN_DRAIN):
            raise ValueError("invalid pin mode")
        if value is not None:
            port.level = 1 if value else 0
        if mode != -1:
            port.mode = mode
        if port.mode == Pin.IN and mode != -1:
            self._subscribe()
        elif port.mode != Pin.IN and (mode != -1 or value is not None):
            _tell(port.number, b"out %d %d\n" % (port.number, port.level))

    def _subscribe(self):
        port = self._port
        port.level = 1 if port.pull == Pin.PULL_UP else 0
        if _link is not None:
            _tell(port.number, b"in %d %d\n" % (port.number, port.level))
            _receive(True)

    def value(self, x=None):
        """Return the level, or drive the pin to `x`."""
        port = self._port
        if x is None:
            if port.mode == Pin.IN and _link is not None:
                _serve()
            return port.level
        level = 1 if x else 0
        if level != port.level:
            port.level = level
            if port.mode != Pin.IN:
                _tell(port.number, b"out %d %d\n" % (port.number, level))

    def __call__(self, x=None):
        return self.value(x)

    def on(self):
        """Drive high."""
        self.value(1)

    def off(self):
        """Drive low."""
        self.value(0)

    def toggle(self):
        """Drive to the other level."""
        self.value(not self._port.level)

    def irq(self, handler=None, trigger=IRQ_FALLING | IRQ_RISING, *, wake=None, hard=False):
        """Call `handler(pin)` at the edges in `trigger`."""
        port = self._port
        port.pin = self
        port.handler = handler
        port.trigger = trigger
        if _link is not None:
            _irq.listen(_link, _serve)
        return self
