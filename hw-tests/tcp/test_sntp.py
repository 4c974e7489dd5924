"""A board that asks a time server: what a good one is good for, and what a bad one can't do."""

import contextlib
import time

import pytest
from tcp_bench import TcpBench
from time_server import TimeServer, answer
from workbench import NOW_S

from wireformat import codes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]

SPEED = 20
CONFIG = {"interval_s": 60, "boundary_s": 60, "drift": True}


def hostile_then_good(server, request):
    """All that is refused by name, then the truth: one question, and the board stays patient."""
    now_ms = server.now_ms()
    good = answer(request, now_ms)
    server.other.sendto(answer(request, now_ms + 300_000), server.board)  # not from the server
    return [
        good[:47],
        good[:24] + bytes(8) + good[32:],
        answer(request, now_ms, stratum=16),
        answer(request, now_ms, first=0xE4),
        answer(request, now_ms, first=0x23),
        good[:40] + bytes(8),
        good,
    ]


def good(server, request):
    return [answer(request, server.now_ms())]


def years_ahead(server, request):
    return [answer(request, server.now_ms() + 10**11)]


def late(server, request):
    time.sleep(2.5 / SPEED)
    return [answer(request, server.now_ms() + 300_000)]


def deny(server, request):
    return [
        answer(request, server.now_ms(), stratum=0)[:12]
        + b"DENY"
        + request[:8]
        + request[40:48]
        + bytes(16)
    ]


@pytest.fixture
def timed(tmp_path):
    """Make a board and its time server, the board's journal holding a record of about NOW_S."""
    with contextlib.ExitStack() as stack:

        def make(script):
            server = TimeServer(script, SPEED)
            stack.callback(server.close)
            sntp = {"host": "127.0.0.1", "port": server.port, "interval_s": 64}
            bench = TcpBench(tmp_path / "bench", SPEED, config=CONFIG)
            stack.callback(bench.close)
            bench.provision()
            bench.board.start()
            bench.certify()
            assert bench.set_time()[1] == codes.R_NONE
            until(bench, lambda: bench.records()[-1][1].time_s >= NOW_S)
            bench.board.kill()
            bench.config |= {"sntp": sntp}
            bench.provision()
            server.set(NOW_S * 1000 + 450_000)
            server.start()
            bench.board.start()
            return bench, server

        yield make


def until(bench, true, patience_s=40):
    end = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < end, bench.console()[-3000:]
        time.sleep(0.1)


def test_time_is_raised_but_not_trusted_and_a_beacon_outranks_it(timed):
    bench, server = timed([hostile_then_good, good, late, deny])
    until(bench, lambda: "time raised, untrusted" in bench.console())
    for name in ("short", "origin", "stratum", "leap", "mode", "transmit"):
        assert f"sntp: {name}" in bench.console()
    newest = lambda: bench.records()[-1][1]  # noqa: E731
    until(bench, lambda: newest().time_s >= NOW_S + 450)
    # Not what came from another port, which was 300 s more.
    assert newest().time_s < NOW_S + 450 + 290
    assert newest().flags & codes.CLOCK_UNTRUSTED
    assert bench.status()["trusted"] == 0
    away = bench.command(1, codes.OPEN)
    assert bench.put(away, bench.authority)[1] == codes.R_CLOCK_UNTRUSTED
    assert bench.put(bench.command(2, codes.CLOSE), bench.authority)[1] == codes.R_NONE
    # A beacon sets the clock to what it says; from then on answers are only compared with it.
    assert bench.set_time(NOW_S + 5000)[1] == codes.R_NONE
    assert bench.status()["trusted"] == 1
    until(bench, lambda: "sntp: differs" in bench.console())
    assert bench.put(bench.command(3, codes.OPEN), bench.authority)[1] == codes.R_NONE
    until(bench, lambda: newest().time_s >= NOW_S + 5000)
    until(bench, lambda: "sntp: kiss b'DENY'" in bench.console())
    assert "round_trip" in bench.console() or "silent" in bench.console()
    asked = len(server.requests)
    time.sleep(1.3 * 64 / SPEED)
    assert len(server.requests) == asked == 4, "denied, it asks no more"
    assert len({request[40:] for request in server.requests}) == 4
    assert "Traceback" not in bench.console()


def test_a_server_years_ahead_takes_no_board_with_it(timed):
    bench, _ = timed([years_ahead])
    until(bench, lambda: "sntp: too_far" in bench.console())
    assert bench.set_time(NOW_S + 700)[1] == codes.R_NONE
    assert bench.status()["trusted"] == 1
