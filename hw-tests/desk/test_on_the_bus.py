"""A provisioned board that runs its firmware, seen from its bus by pymodbus and PyNaCl.

Needs nobody's secrets and moves no relay. With `--bus PORT --chain-id ID [--address N]` it is a
real board's bus; without, an emulated one's.
"""

import math
import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest
import serial
from nacl.signing import SigningKey, VerifyKey
from pymodbus import ModbusException
from pymodbus.client import ModbusSerialClient

from wireformat import codes, identity, registry
from wireformat import modbus_map as m
from wireformat.chained import Chained
from wireformat.control import Ack, Command, Enrolment
from wireformat.schema import Unsigned

pytestmark = [pytest.mark.bus, pytest.mark.slow, pytest.mark.timeout(120)]

FAR_S = 4_000_000_000
"""A time that no board's clock has reached."""


class Master:
    """A Modbus master that keeps to docs/wire-format.md."""

    def __init__(self, wired: Any) -> None:
        self.wired = wired
        self._client = ModbusSerialClient(wired.port, baudrate=wired.baud, timeout=2, retries=2)
        assert self._client.connect(), f"{wired.port}: no such port"
        try:
            self.status()
        except ModbusException:
            pytest.exit(
                f"{wired.port}: nobody answers at address {wired.address}, {wired.baud} baud."
                " Is the board powered and provisioned for this address; are A and B swapped?"
                " (docs/hardware-tests.md)",
                returncode=1,
            )

    def close(self) -> None:
        self._client.close()

    def read(self, start: int, count: int) -> list[int]:
        answer = self._client.read_holding_registers(
            start, count=count, device_id=self.wired.address
        )
        assert not answer.isError(), answer
        return list(answer.registers)

    def status(self) -> list[int]:
        return self.read(m.STATUS, m.STATUS_WORDS)

    def opened(self, words: list[int]) -> tuple[registry.Opened, bytes]:
        data = m.from_words(words[m.WINDOW_HEAD_WORDS :], words[0])
        return registry.open_signed(words[1], data, self.wired.chain_id), data

    def record(self, epoch: int, seq: int) -> tuple[registry.Opened, bytes] | None:
        cursor = [*m.uint_words(epoch, 2), *m.uint_words(seq, 2)]
        answer = self._client.readwrite_registers(
            read_address=m.WINDOW,
            read_count=m.WINDOW_WORDS,
            write_address=m.CURSOR,
            values=cursor,
            device_id=self.wired.address,
        )
        assert not answer.isError(), answer
        return self.opened(answer.registers) if answer.registers[0] else None

    def live(self, at: int) -> float:
        answer = self._client.read_input_registers(at, count=2, device_id=self.wired.address)
        assert not answer.isError(), answer
        value: float = struct.unpack(">f", struct.pack(">HH", *answer.registers))[0]
        return value

    def put(self, code: int, data: bytes) -> int:
        """Bring a frame to the inbox; why it was refused, codes.R_NONE if it was not."""
        known = self.read(m.INBOX_STATUS, m.INBOX_STATUS_WORDS)[::3]
        frame_id = next(one for one in range(0x7E57, 0x7F00) if one not in known)
        chunk = [frame_id, code << 8 | len(data), 0, *m.to_words(data)]
        written = self._client.write_registers(m.INBOX, chunk, device_id=self.wired.address)
        assert not written.isError(), written
        end_s = time.monotonic() + 10
        while time.monotonic() < end_s:
            fates = self.read(m.INBOX_STATUS, m.INBOX_STATUS_WORDS)
            for at in range(0, len(fates), 3):
                if fates[at] == frame_id and fates[at + 1] != codes.INBOX_PENDING:
                    return fates[at + 2]
        raise TimeoutError("no word on the frame")

    def coil(self) -> Any:
        # Off: should a board ever take it, that is the safer of the two.
        return self._client.write_coil(0, False, device_id=self.wired.address)


@pytest.fixture(scope="module")
def master(wired: Any) -> Iterator[Master]:
    made = Master(wired)
    yield made
    made.close()


def key_of(master: Master) -> bytes:
    """The key that the board's enrolment proves to be its own."""
    enrolment, _ = master.opened(master.read(m.ENROLMENT, m.WINDOW_WORDS))
    assert isinstance(enrolment.record, Enrolment)
    key = enrolment.record.public_key
    VerifyKey(key).verify(enrolment.to_be_signed, enrolment.signature)
    return key


def test_it_shows_the_address_of_the_key_it_holds(master: Master) -> None:
    words = master.status()
    assert words[m.ST_MAGIC] == m.MAGIC
    shown = m.from_words(words[m.ST_ADDRESS :], identity.ADDRESS_BYTES)
    assert shown == identity.address(key_of(master))


def test_its_records_are_one_signed_chain(master: Master) -> None:
    key, place, previous, count = VerifyKey(key_of(master)), (0, 0), None, 0
    while count < 200 and (found := master.record(*place)):
        opened, data = found
        key.verify(opened.to_be_signed, opened.signature)
        record = opened.record
        assert isinstance(record, Chained)
        assert previous is None or record.prev == previous, place
        previous, place = identity.prev_hash(data), (record.epoch, record.seq + 1)
        count += 1
    assert count >= 1, "no record: is the board's clock set, and its module connected?"
    print(f"{count} records, up to epoch {place[0]} seq {place[1] - 1}")


def test_live_values_are_numbers_at_the_addresses_of_an_sdm630(master: Master) -> None:
    values = [master.live(at) for at in (m.LIVE_VOLTAGE, m.LIVE_CURRENT, m.LIVE_TOTAL_POWER)]
    assert all(map(math.isfinite, values))
    print("V, A, W:", *(f"{value:.2f}" for value in values))


def test_a_plain_write_and_forged_frames_move_nothing(master: Master) -> None:
    before = master.status()
    assert master.coil().exception_code == 1
    target = m.from_words(before[m.ST_ADDRESS :], identity.ADDRESS_BYTES)
    forger = SigningKey.generate()
    order = Command(
        id=bytes(8), counter=m.uint(before[m.ST_COUNTER : m.ST_COUNTER + 3]) + 1, target=target,
        asset=0, action=codes.OPEN, value=0, not_before_s=0, expires_s=FAR_S, height=1,
        index=0,
    )  # fmt: skip
    ack = Ack(device=target, epoch=1, seq=0, head=bytes(32))
    for forged in (order, ack):
        unsigned = Unsigned(forged, bytes(forger.verify_key), master.wired.chain_id)
        data = unsigned.with_signature(forger.sign(unsigned.to_be_signed).signature)
        assert master.put(forged.CODE, data) == codes.R_UNKNOWN_KEY
    after = master.status()
    assert after[m.ST_UNACKED] >= before[m.ST_UNACKED]
    assert after[m.ST_RELAYS] == before[m.ST_RELAYS]
    assert after[m.ST_COUNTER : m.ST_COUNTER + 3] == before[m.ST_COUNTER : m.ST_COUNTER + 3]


def test_a_frame_with_a_wrong_checksum_is_not_answered(master: Master) -> None:
    ask = struct.pack(">BBHH", master.wired.address, 3, m.STATUS, 2)
    with serial.Serial(master.wired.port, master.wired.baud, timeout=1) as line:
        line.reset_input_buffer()
        line.write(ask + b"\0\0")
        assert line.read(1) == b""
    assert master.status()[m.ST_MAGIC] == m.MAGIC
