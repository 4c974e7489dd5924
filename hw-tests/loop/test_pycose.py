"""Records taken off the bus by a bare pymodbus client: cbor2 decodes them, pycose verifies them.

No code of ours is in that path: addresses and formats stand here once more, as docs/wire-format.md
gives them.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

import cbor2
import pytest
from pycose.headers import KID, Algorithm
from pycose.keys import OKPKey
from pycose.messages import Sign1Message
from pymodbus.client import ModbusSerialClient
from quiet_street import METER, Street

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

CHAIN_ID = "truewatt-demo"
CURSOR, WINDOW, ENROLMENT, WINDOW_WORDS = 0x1100, 0x1200, 0x1600, 122
TYPES = {1: "reading", 4: "feeder", 5: "event", 7: "outcome", 11: "enrolment"}


class Bus:
    """A Modbus master of pymodbus that takes records as docs/wire-format.md says."""

    def __init__(self, port: str) -> None:
        self._client = ModbusSerialClient(port, baudrate=9600, timeout=2, retries=2)
        assert self._client.connect()

    def close(self) -> None:
        self._client.close()

    def enrolment(self, board: int) -> tuple[int, bytes]:
        answer = self._client.read_holding_registers(ENROLMENT, count=WINDOW_WORDS, device_id=board)
        return self._unpack(answer)

    def record(self, board: int, epoch: int, seq: int) -> tuple[int, bytes]:
        """Type code and bytes of the first record at or after a place in the journal."""
        cursor = [epoch >> 16, epoch & 0xFFFF, seq >> 16, seq & 0xFFFF]
        answer = self._client.readwrite_registers(
            read_address=WINDOW,
            read_count=WINDOW_WORDS,
            write_address=CURSOR,
            values=cursor,
            device_id=board,
        )
        return self._unpack(answer)

    @staticmethod
    def _unpack(answer: Any) -> tuple[int, bytes]:
        assert not answer.isError(), answer
        size, code, *words = answer.registers
        return code, b"".join(word.to_bytes(2, "big") for word in words)[:size]


@pytest.fixture
def bus(street: Street) -> Iterator[Bus]:
    bus = Bus(street.port)
    yield bus
    bus.close()


def message(code: int, data: bytes) -> tuple[Sign1Message, dict[int, Any]]:
    """The COSE message in `data` with what its signature is bound to, and its payload."""
    tag = cbor2.loads(data)
    assert tag.tag == 18, "no COSE_Sign1"
    protected, unprotected, payload, signature = tag.value
    sign1 = Sign1Message.from_cose_obj([protected, dict(unprotected), payload, signature], True)
    sign1.external_aad = f"truewatt/1|{TYPES[code]}|{CHAIN_ID}".encode()
    return sign1, dict(cbor2.loads(payload))


def records_of(bus: Bus, board: int) -> list[tuple[int, bytes]]:
    """All chained records of a board, following the cursor."""
    found, place = [], (0, 0)
    while (item := bus.record(board, *place))[1]:
        found.append(item)
        _, record = message(*item)
        place = (record[0], record[1] + 1)
    return found


def verifies(sign1: Sign1Message, public_key: bytes) -> bool:
    sign1.key = OKPKey(crv="ED25519", x=public_key)
    return sign1.verify_signature()


def key_of(bus: Bus, board: int) -> bytes:
    """The public key that a board's self-signed enrolment proves."""
    sign1, enrolment = message(*bus.enrolment(board))
    key: bytes = enrolment[0]
    assert verifies(sign1, key), "no proof of possession"
    return key


def test_pycose_verifies_every_record_on_the_bus(street: Street, bus: Bus) -> None:
    key = key_of(bus, METER)
    assert bus.enrolment(METER)[1] == street.enrolments["m1"]
    previous, seen = bytes(16), set()
    for code, data in records_of(bus, METER):
        sign1, record = message(code, data)
        assert verifies(sign1, key)
        assert sign1.phdr[Algorithm].fullname == "EDDSA"
        assert sign1.phdr[KID] == hashlib.sha256(key).digest()[:8]
        assert record[4] == previous, "not the hash of the record before"
        previous = hashlib.sha256(data).digest()[:16]
        seen.add(TYPES[code])
    assert seen == {"event", "reading"}


def test_a_reading_says_what_the_physics_says(street: Street, bus: Bus) -> None:
    key = key_of(bus, METER)
    messages = [message(code, data) for code, data in records_of(bus, METER)]
    assert all(verifies(sign1, key) for sign1, _ in messages)
    readings = [record for sign1, record in messages if b"|reading|" in sign1.external_aad]
    energy_wh = street.physics("m1")["load"]["energy_wh"]
    last = readings[-1]
    (import_wh, export_wh, mean_w, max_w, _), pv = last[6]
    assert export_wh == 0
    assert abs(mean_w) <= max_w
    # One interval of at most 13 kW may have passed since.
    assert import_wh <= energy_wh + 1 <= import_wh + 13_000 / 60 * 2
    assert 2000 < last[7] < 2500, "tenths of a volt"
    assert pv[0] == 0, "PV imports nothing"


@pytest.mark.parametrize("at", [10, 60, -1], ids=["key id", "payload", "signature"])
def test_a_bit_changed_on_the_way_is_noticed(at: int, bus: Bus) -> None:
    key = key_of(bus, METER)
    code, data = bus.record(METER, 0, 0)
    assert verifies(message(code, data)[0], key)
    changed = bytearray(data)
    changed[at] ^= 1
    assert not verifies(message(code, bytes(changed))[0], key)


def test_a_record_counts_for_its_type_and_chain_alone(bus: Bus) -> None:
    key = key_of(bus, METER)
    sign1, _ = message(*bus.record(METER, 0, 0))
    for aad in (f"truewatt/1|event|{CHAIN_ID}2", f"truewatt/1|outcome|{CHAIN_ID}", ""):
        sign1.external_aad = aad.encode()
        assert not verifies(sign1, key)
