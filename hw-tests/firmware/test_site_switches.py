"""Opt-out, lock-out and tamper contact of a whole board, pressed from outside over its pins."""

import socket
import threading
import time

import pytest
from workbench import started, wait_for

from truewatt.emulator.wires.pins import bind_unix
from wireformat import codes
from wireformat.chained import Event, Feeder, Outcome, Reading

EVENT, OUTCOME = Event.CODE, Outcome.CODE
FAULT = codes.EV_RELAY_FAULT
INTERVALS = {Reading.CODE, Feeder.CODE}
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


SENSE = 25
MLMD = {
    "role": "mlmd",
    "channels": [{"kind": "section", "energy": "grid", "sensor": 1}],
    "fixed_limit_w": 5000,
}


def relays(**more):
    return {"relays": [{"pin": 26, "safe": "closed", "min_between_s": 0} | more]}


@pytest.mark.parametrize("role", [{}, MLMD], ids=["meter", "mlmd"])
def test_a_contact_that_the_load_says_is_welded_is_a_fault(workbench, tmp_path, role):
    pins = Pins(tmp_path / "pins", {SENSE: 0})  # the load has voltage, whatever the pin says
    bench = started(workbench(role | relays(sense=SENSE), speed=4, pins=tmp_path / "pins"))
    end = bench.put(bench.command(1, codes.OPEN), bench.authority)
    assert end == (codes.INBOX_REFUSED, codes.R_HARDWARE)
    outcome = next(r for code, r, _ in bench.records() if code == OUTCOME)
    assert (outcome.status, outcome.reason, outcome.state) == (codes.REFUSED, codes.R_HARDWARE, 1)
    assert bench.status()["flags"] & codes.RELAY_CLOSED[0]
    assert faults_told(bench) == [[0]]
    pins.close()


def test_a_breaker_through_which_power_flows_is_welded(workbench):
    # No sense input: the section's metering goes on showing 1 kW.
    bench = started(workbench(MLMD | relays(), speed=4))
    assert bench.put(bench.command(1, codes.OPEN), bench.authority)[1] == codes.R_NONE
    assert faults_told(bench) == [[0]]


def faults_told(bench):
    """Details of the faults on the chain, some intervals (2 s each) after the first of them."""

    def seen(found):
        told = [getattr(record, "kind", 0) for _, record, _ in found]
        since = found[told.index(FAULT) :] if FAULT in told else []
        return sum(code in INTERVALS for code, _, _ in since) >= 4

    records = wait_for(bench, seen, 30)
    return [r.detail for _, r, _ in records if getattr(r, "kind", 0) == FAULT]
