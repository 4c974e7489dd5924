"""One record of each type as a home has it, and one as large as the field makes it.

The limits of "as large as": epoch 2**32-1 and seq 2**24 (a record every 2 s for a year without a
boot), registers of 4.29 GWh, a channel of 65 kW, 1 kA, times up to the year 2106.
"""

from wireformat import codes, schema
from wireformat.chained import Event, Feeder, Outcome, Reading
from wireformat.control import Ack, Beacon, Certificate, Command, Enrolment
from wireformat.release import Release
from wireformat.unchained import GroupShed, Live, Quality

CHAIN_ID = "truewatt-golden-1"

_TIME_S = 1_790_000_000
_PREV = bytes(range(16))
_ADDRESS = bytes(range(0xA0, 0xB4))
_KEY = bytes(range(0x40, 0x60))
_ID = bytes(range(0xC0, 0xC8))
_RELAYS = codes.RELAY_1_CLOSED | codes.RELAY_2_CLOSED
_LAST_S = schema.U32
_CHANNEL = [schema.U32, schema.U32, -65_535, 65_535, -65_535]


def _chain(**fields: object) -> "dict[str, object]":
    chain = {"epoch": 3, "seq": 1234, "time_s": _TIME_S, "flags": _RELAYS, "prev": _PREV}
    chain.update(fields)
    return chain


def _longest_chain(**fields: object) -> "dict[str, object]":
    return (
        _chain(
            epoch=schema.U32, seq=1 << 24, time_s=_LAST_S, flags=codes.FLAGS_MAX, prev=b"\xff" * 16
        )
        | fields
    )


def _measured(channels: "list[list[int]]") -> "dict[str, object]":
    return {"interval_s": 60, "channels": channels, "voltage_dv": 2301, "max_ma": 10_123}


def _most_measured(channels: int) -> "dict[str, object]":
    return {
        "interval_s": 3600,
        "channels": [_CHANNEL] * channels,
        "voltage_dv": 65_535,
        "max_ma": 1_000_000,
    }


def samples() -> "list[tuple[str, schema.Record]]":
    """(name, record), in a fixed order."""
    return _chained() + _unchained() + _control() + _joining() + _firmware()


def _chained() -> "list[tuple[str, schema.Record]]":
    home = [[123_456, 0, 1500, 2300, -120], [0, 345_678, -800, 1200, 10]]
    section = [[9_876_543, 12_345, 8_200, 14_900, 700]]
    breaker = {
        "breaker": codes.BREAKER_CLOSED,
        "trip_cause": codes.TRIP_NONE,
        "reclose_count": 2,
        "limit_w": 20_000,
    }
    first = {"epoch": 1, "seq": 0, "flags": codes.CLOCK_UNTRUSTED, "prev": bytes(16)}
    outcome = {
        "command_id": _ID,
        "counter": 17,
        "status": codes.DONE,
        "reason": codes.R_NONE,
        "asset": 0,
        "state": 0,
        "at_ms": _TIME_S * 1000 + 123,
    }
    longest_breaker = dict(breaker, reclose_count=65_535, limit_w=schema.U32)
    gap = [schema.U32, schema.U32, schema.U32, schema.U32]
    return [
        ("reading of a home", Reading(**_chain(), **_measured(home))),
        ("first reading of a board", Reading(**_chain(**first), **_measured(home[:1]))),
        (
            "boundary reading",
            Reading(**_chain(flags=_RELAYS | codes.BOUNDARY), **_measured(home)),
        ),
        ("largest reading", Reading(**_longest_chain(), **_most_measured(4))),
        ("feeder of a section", Feeder(**_chain(), **_measured(section), **breaker)),
        ("largest feeder", Feeder(**_longest_chain(), **_most_measured(4), **longest_breaker)),
        ("boot event", Event(**_chain(seq=0), kind=codes.EV_BOOT, detail=[1])),
        ("largest event", Event(**_longest_chain(), kind=codes.EV_JOURNAL_GAP, detail=gap)),
        ("outcome of an opening", Outcome(**_chain(), **outcome)),
        (
            "largest outcome",
            Outcome(
                **_longest_chain(),
                **dict(outcome, counter=schema.U48, state=schema.U32, asset=255, status=3),
            ),
        ),
    ]


def _unchained() -> "list[tuple[str, schema.Record]]":
    window = {"counter": 5, "area": 1, "asset": 0, "not_before_s": _TIME_S}
    return [
        (
            "quality of a single phase",
            Quality(
                time_s=_TIME_S,
                flags=0,
                interval_s=900,
                frequency_mhz=[49_950, 50_000, 50_050],
                voltage_dv=[[2280, 2300, 2320]],
                power_factor_milli=[950, -1000],
            ),
        ),
        (
            "largest quality",
            Quality(
                time_s=_LAST_S,
                flags=codes.FLAGS_MAX,
                interval_s=3600,
                frequency_mhz=[65_535, 65_536, 70_000],
                voltage_dv=[[65_535, 65_535, 65_535]] * 3,
                power_factor_milli=[-1000] * 4,
            ),
        ),
        (
            "live values",
            Live(
                time_s=_TIME_S,
                flags=_RELAYS,
                counter=77,
                power_w=[1500, -800],
                current_ma=[6521, 3478],
                voltage_dv=2301,
                frequency_mhz=50_010,
            ),
        ),
        (
            "largest live values",
            Live(
                time_s=_LAST_S,
                flags=codes.FLAGS_MAX,
                counter=schema.U32,
                power_w=[-schema.U32] * 4,
                current_ma=[schema.U32] * 4,
                voltage_dv=65_535,
                frequency_mhz=70_000,
            ),
        ),
        ("group shed", GroupShed(**window, expires_s=_TIME_S + 900, targets=[b"\x01\x02\x03\x04"])),
        (
            "largest group shed",
            GroupShed(
                counter=schema.U48,
                area=schema.U32,
                asset=255,
                not_before_s=_LAST_S,
                expires_s=_LAST_S,
                targets=[b"\xff\xff\xff\xff"] * 20,
            ),
        ),
    ]


def _control() -> "list[tuple[str, schema.Record]]":
    order = {
        "id": _ID,
        "counter": 17,
        "target": _ADDRESS,
        "asset": 0,
        "action": codes.OPEN,
        "value": 0,
        "not_before_s": _TIME_S,
        "expires_s": _TIME_S + 600,
        "height": 42,
        "index": 1,
    }
    largest = dict(order, action=codes.SET_LIMIT, asset=255, value=schema.U32, counter=schema.U48)
    largest.update(height=schema.U48, index=schema.U32, not_before_s=_LAST_S, expires_s=_LAST_S)
    return [
        ("command to open", Command(**order)),
        ("largest command", Command(**largest)),
        ("ack", Ack(device=_ADDRESS, epoch=3, seq=1234, head=_KEY)),
        ("largest ack", Ack(device=_ADDRESS, epoch=schema.U32, seq=schema.U32, head=b"\xff" * 32)),
        ("beacon", Beacon(nonce=_ID, time_ms=_TIME_S * 1000, tickets=_KEY[:16])),
        ("beacon without tickets", Beacon(nonce=_ID, time_ms=_TIME_S * 1000)),
        ("largest beacon", Beacon(nonce=b"\xff" * 8, time_ms=schema.U48, tickets=b"\xff" * 16)),
    ]


def _joining() -> "list[tuple[str, schema.Record]]":
    year_s = 31_536_000
    meter = {
        "public_key": _KEY,
        "role": codes.METER,
        "channels": [[codes.LOAD, codes.GRID], [codes.GENERATION, codes.SOLAR]],
        "hardware_id": bytes(range(6)),
        "firmware": "0.1.0",
        "relays": 2,
    }
    breaker = dict(meter, role=codes.MLMD, channels=[[255, 255]] * 4, hardware_id=b"\xff" * 16)
    breaker.update(firmware="10.20.30-m\u00e4rz", relays=255, fixed_limit_w=schema.U32)
    breaker["calibration"] = _KEY
    return [
        (
            "certificate for control",
            Certificate(
                role=codes.CONTROL,
                area=1,
                public_key=_KEY,
                serial=1,
                expires_s=_TIME_S + year_s,
            ),
        ),
        (
            "largest certificate",
            Certificate(
                role=codes.INSTALLER,
                area=schema.U32,
                public_key=_KEY,
                serial=schema.U48,
                expires_s=schema.U48,
            ),
        ),
        ("enrolment of a meter", Enrolment(**meter)),
        ("largest enrolment", Enrolment(**breaker)),
    ]


def _firmware() -> "list[tuple[str, schema.Record]]":
    release = {
        "version": "0.2.0",
        "index": 2,
        "role": codes.METER,
        "chip": "ESP32",
        "mpy": 10 << 10 | 3 << 8 | 6,
        "micropython": [1, 25, 0],
        "files": 79,
        "size": 107_000,
        "listing": _KEY,
    }
    largest = dict(release, version="10.20.30-m\u00e4rz", index=schema.U32, role=255)
    largest.update(chip="emulated-armv7emdp-x", mpy=0x3FFF, micropython=[255, 255, 255])
    return [
        ("release for a meter", Release(**release)),
        ("largest release", Release(**dict(largest, files=255, size=512 * 1024))),
    ]
