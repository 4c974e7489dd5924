"""Each answer of a time server that is none, by its name; mutants; what an estimate may do."""

from board_fakes import Ticks, expect

from core.clock import Clock
from core.settings import Settings
from links.sntp import BYTES, Refused, Sntp, request, server_time

NOW_S = 1790000000
NONCE = b"\x01nonce\xfe\x07"
MUTANTS = 20000


def stamp(unix_ms):
    seconds, ms = divmod(unix_ms, 1000)
    seconds = (seconds + 2208988800) & 0xFFFFFFFF
    return seconds.to_bytes(4, "big") + (((ms << 32) + 999) // 1000).to_bytes(4, "big")


def answer(unix_ms=NOW_S * 1000 + 250, held_ms=10, nonce=NONCE, **at):
    data = bytearray(b"\x24\x02\x06\xec" + bytes(8) + b"\x7f\0\0\1" + bytes(8) + nonce)
    data += stamp(unix_ms - held_ms) + stamp(unix_ms)
    for key, value in at.items():
        data[int(key[1:])] = value
    return bytes(data)


def named(data):
    try:
        return server_time(data, NONCE)
    except Refused as refused:
        return refused.name


def good():
    expect(
        "request", (len(request(NONCE)), request(NONCE)[0], request(NONCE)[40:]), (48, 35, NONCE)
    )
    expect("good", named(answer()), (NOW_S * 1000 + 250, 10))
    expect("longer", named(answer() + b"\0" * 20), (NOW_S * 1000 + 250, 10))
    expect("after 2036", named(answer(2100000000123)), (2100000000123, 10))


def each_refusal():
    kiss = answer(_1=0, _12=68, _13=69, _14=78, _15=89)
    for name, data in (
        ("short", b""),
        ("short", answer()[: BYTES - 1]),
        ("mode", answer(_0=0x23)),
        ("mode", answer(_0=0x25)),
        ("version", answer(_0=0x1C)),
        ("origin", answer(nonce=bytes(8))),
        ("origin", answer(nonce=NONCE[:7] + b"\x08")),
        ("origin", kiss[:24] + bytes(8) + kiss[32:]),
        ("kiss", kiss),
        ("kiss", b"\xe4" + kiss[1:]),
        ("leap", answer(_0=0xE4)),
        ("stratum", answer(_1=16)),
        ("stratum", answer(_1=255)),
        ("transmit", answer()[:40] + bytes(8)),
        ("time", answer(1700000000000)),
        ("time", answer(4102444800000)),
        ("held", answer(held_ms=-5)),
        ("held", answer(held_ms=1001)),
    ):
        expect(name, named(data), name)
    try:
        server_time(kiss, NONCE)
    except Refused as refused:
        expect("its code", refused.kiss, b"DENY")


def mutants():
    """Any bytes end in a time within bounds or a name; none passes without our nonce."""
    state = 1
    passed = 0
    for _ in range(MUTANTS):
        data = bytearray(answer())
        for _ in range(state % 4 + 1):
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            data[(state >> 8) % len(data)] ^= state >> 16 & 0xFF
        if state % 7 == 0:
            data = data[: (state >> 5) % 60]
        found = named(bytes(data))
        if isinstance(found, tuple):
            passed += 1
            expect("our nonce", bytes(data[24:32]), NONCE)
            expect("bounds", 0 <= found[1] <= 1000, True)
    print("%d mutants, %d left whole enough" % (MUTANTS, passed))
    expect("not all refused", 0 < passed < MUTANTS // 2, True)


class Certificates:
    ends_s = NOW_S + 1000000

    def expires_s(self, role):
        return self.ends_s


class Node:
    def __init__(self):
        self.ticks = Ticks()
        self.clock = Clock(self.ticks)
        self.certificates = Certificates()
        self.config = Settings()
        self.config.drift = False
        self.config.sntp = Settings()
        self.config.sntp.interval_s = 3600


def estimates():
    node = Node()
    node.clock.not_before(NOW_S)
    sntp = Sntp(node, None, node.clock.not_before)

    def told(name, unix_s):
        sntp._take(unix_s * 1000 + 999)
        expect(name, node.clock.trusted(), False)
        return node.clock.now_s() - NOW_S, sntp.refused.get(name, 0)

    node.ticks.now = 60000
    expect("behind", told("behind", NOW_S + 58), (60, 1))
    expect("too far", told("too_far", NOW_S + 661), (60, 1))
    expect("years", told("too_far", NOW_S + 400000000), (60, 2))
    expect("good", told("", NOW_S + 500), (500, 0))
    # The bound stands on the start, not on the last answer.
    expect("bit by bit", told("too_far", NOW_S + 700), (500, 3))
    node.certificates.ends_s = NOW_S + 600
    expect("certificate", told("beyond_certificate", NOW_S + 600), (500, 1))
    expect("a beacon outranks", node.clock.beacon((NOW_S + 501) * 1000, 10, NOW_S + 500), True)
    before_ms = node.clock.now_ms()
    sntp._take(before_ms + 500000)
    expect("differs", (node.clock.now_ms(), sntp.refused["differs"]), (before_ms, 1))
    # Neither does it move time whose trust has worn off.
    node.ticks.now += 86400000
    node.clock.up_ms()
    node.ticks.now += 1000
    before_ms = node.clock.now_ms()
    sntp._take(before_ms + 500)
    expect("untrusted", (node.clock.now_ms(), node.clock.trusted()), (before_ms, False))


good()
each_refusal()
estimates()
mutants()
print("ok")
