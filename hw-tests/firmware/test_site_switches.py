"""Opt-out, lock-out and tamper contact of a whole board, pressed from outside over its pins."""

import socket
import threading
import time

from workbench import started, wait_for

from truewatt.emulator.wires.pins import bind_unix
from wireformat import codes

EVENT = 5
OPT_OUT, LOCKOUT, TAMPER = 4, 5, 18
SWITCHES = {
    "opt_out": {"pin": OPT_OUT},
    "lockout": {"pin": LOCKOUT},
    "tamper": {"pin": TAMPER},
}


class Pins(threading.Thread):
    """The world behind a board's pins: levels of its inputs."""

    def __init__(self, path, levels):
        super().__init__(daemon=True)
        self.path, self.levels, self.board = path, levels, None
        self.listener = bind_unix(path)
        self.listener.listen()
        self.start()

    def run(self):
        while True:
            try:
                link, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(link,), daemon=True).start()

    def serve(self, link):
        lines = link.makefile("rb")
        role = lines.readline()
        if role == b"pins\n":
            self.board = link
        elif role == b"supply\n":
            link.sendall(b"o")  # it was off before
        for line in lines:
            what, pin, level = line.decode().split()
            if what == "in":
                self.say(link, int(pin), self.levels.get(int(pin), int(level)))

    def say(self, link, pin, level):
        link.sendall(b"%d %d\n" % (pin, level))

    def set(self, pin, level):
        self.levels[pin] = level
        self.say(self.board, pin, level)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def flags_become(bench, bits, timeout_s=10):
    end = time.monotonic() + timeout_s
    mask = codes.OPTED_OUT | codes.LOCKED_OUT | codes.TAMPER
    while bench.status()["flags"] & mask != bits:
        assert time.monotonic() < end, (bench.status()["flags"], bench.console())
        time.sleep(0.05)


def test_switches_outrank_orders_and_are_reported(workbench, tmp_path):
    pins = Pins(tmp_path / "pins", {TAMPER: 0})
    bench = started(workbench(SWITCHES | {"restore_delay_s": [0, 0]}, pins=tmp_path / "pins"))
    assert bench.put(bench.command(1, codes.OPEN), bench.authority)[1] == codes.R_NONE
    assert bench.status()["relays"] == 0

    pins.set(OPT_OUT, 0)
    flags_become(bench, codes.OPTED_OUT)
    assert bench.status()["relays"] == 1, "the local default"
    refused = bench.put(bench.command(2, codes.OPEN), bench.authority)
    assert refused == (codes.INBOX_REFUSED, codes.R_OPTED_OUT)

    pins.set(LOCKOUT, 0)
    pins.set(TAMPER, 1)
    flags_become(bench, codes.OPTED_OUT | codes.LOCKED_OUT | codes.TAMPER)
    assert bench.status()["relays"] == 0
    refused = bench.put(bench.command(3, codes.CLOSE), bench.authority)
    assert refused == (codes.INBOX_REFUSED, codes.R_LOCKED_OUT)

    # Over a restart the switches say it again, and no relay moves meanwhile.
    bench.board.kill()
    bench.board.start()
    bench.wait_for_bus()
    flags_become(bench, codes.OPTED_OUT | codes.LOCKED_OUT | codes.TAMPER)
    assert bench.status()["relays"] == 0

    for pin, level in ((OPT_OUT, 1), (LOCKOUT, 1), (TAMPER, 0)):
        pins.set(pin, level)
    flags_become(bench, 0)
    assert bench.status()["relays"] == 1
    records = wait_for(bench, lambda found: kinds(found).count(codes.EV_OPT_IN) == 1)
    told = kinds(records)
    # Once before the restart, once after it.
    assert told.count(codes.EV_OPT_OUT) == 2
    lockouts = [r.detail for _, r, _ in records if getattr(r, "kind", 0) == codes.EV_LOCKOUT]
    assert lockouts == [[1], [1], [0]]
    pins.close()


def kinds(records):
    return [record.kind for code, record, _ in records if code == EVENT]


def test_a_heat_pump_on_two_relays(workbench):
    relays = [{"pin": 26, "safe": "open"}, {"pin": 27, "safe": "open"}]
    bench = started(workbench({"relays": relays, "assets": [{"kind": "sg_ready"} | FAST]}))
    order = bench.command(1, codes.SET_MODE, value=4)
    assert bench.put(order, bench.authority) == (codes.INBOX_ACCEPTED, codes.R_NONE)
    assert bench.status()["relays"] == 3
    outcome = bench.records()[-1][1]
    assert (outcome.status, outcome.asset, outcome.state) == (codes.DONE, 0, 4)
    bad = bench.put(bench.command(2, codes.SET_MODE, value=5), bench.authority)
    assert bad == (codes.INBOX_REFUSED, codes.R_BAD_VALUE)
    none = bench.put(bench.command(3, codes.OPEN, asset=1), bench.authority)
    assert none == (codes.INBOX_REFUSED, codes.R_NO_SUCH_ASSET)


FAST = {"relays": [0, 1], "min_mode_s": 0}
