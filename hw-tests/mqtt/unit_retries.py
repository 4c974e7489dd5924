"""How long a board waits between two tries at a broker, over sessions that fail at a closed port.

Argument: a port of this machine at which nobody listens.
"""

import asyncio
import sys

from links import mqtt_link

_PORT = int(sys.argv[1])
_TRIES = 16
_MOST_MS = 120000


def expect(name, got, wanted=True):
    if got != wanted:
        print("FAILED %s: got %r, expected %r" % (name, got, wanted))
        sys.exit(1)


class Thing:
    """Has the attributes that it is given."""

    def __init__(self, **attributes):
        for name, value in attributes.items():
            setattr(self, name, value)


class Clock:
    def __init__(self):
        self.now_ms = 0

    def up_ms(self):
        return self.now_ms


class Station:
    """The network is there. The try of number `long_one` takes `_MOST_MS` and a little."""

    def __init__(self, clock, long_one):
        self.clock, self.long_one, self.tries = clock, long_one, 0

    def isconnected(self):
        self.tries += 1
        if self.tries == self.long_one:
            self.clock.now_ms += _MOST_MS + 1
        return True


class Enough(Exception):
    """The last try was made."""


class Link(mqtt_link.MqttLink):
    """Notes down its pauses and does not wait."""

    def __init__(self, long_one=0):
        clock = Clock()
        node = Thing(
            config=Thing(area=1),
            owner=Thing(address=bytes(20)),
            liveness=Thing(beat=lambda name: None),
            clock=clock,
        )
        config = Thing(
            ca=None, host="127.0.0.1", port=_PORT, keepalive_s=60, user=None, password=""
        )
        super().__init__(node, Thing(), Station(clock, long_one), config)
        self.clock, self.pauses = clock, []

    async def _pause(self, wait_ms):
        self.pauses.append(wait_ms)
        self.clock.now_ms += wait_ms
        if len(self.pauses) == _TRIES:
            raise Enough


def pauses(long_one=0):
    link = Link(long_one)
    try:  # noqa: SIM105 - boards have no contextlib
        asyncio.run(link.run())
    except Enough:
        pass
    expect("every pause follows a try", link._station.tries, _TRIES)
    return link.pauses


def whole_ms(tries):
    """What a pause is drawn around: it doubles, up to a cap."""
    return min(1000 * 2**tries, _MOST_MS)


def doubling_and_cap():
    for tries, pause_ms in enumerate(pauses()):
        around_ms = whole_ms(tries)
        expect(
            "pause %d: %d ms around %d" % (tries, pause_ms, around_ms),
            around_ms // 2 <= pause_ms < around_ms // 2 + around_ms,
        )


def jitter():
    at_cap = [pause_ms for _ in range(8) for pause_ms in pauses()[8:]]
    # 64 draws out of 256: all in one half once in 2^63 runs.
    expect("many lengths", len(set(at_cap)) > 16)
    expect("in either half", min(at_cap) < _MOST_MS < max(at_cap))


def a_long_session_begins_anew():
    found = pauses(long_one=10)
    expect("at the cap before", found[8] >= _MOST_MS // 2)
    expect("then from the first on", 500 <= found[9] < 1500)
    expect("and doubled", 1000 <= found[10] < 3000)


doubling_and_cap()
jitter()
a_long_session_begins_anew()
print("ok")
