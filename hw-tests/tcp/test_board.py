"""Real firmware as a Modbus TCP server: its map, its inbox, and what strangers may not do to it."""

import socket
import struct
import threading
import time

import pytest
from flood import Flood, Forger, Measure, inbox_write, under_flood
from pymodbus.client import ModbusTcpClient

from truewatt.emulator.board import Charges
from wireformat import codes, modbus_map

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

STATUS = struct.pack(">BHH", 3, modbus_map.STATUS, modbus_map.STATUS_WORDS)


class Stranger:
    """Does not wait for answers: he keeps his rate, however long the board takes."""

    def __init__(self, connection):
        self._connection = connection
        self.answers = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def put(self, frame_id, code, data):
        self._connection.send(inbox_write(frame_id, code, data))

    def _read(self):
        head = self._connection._exactly(7)
        while head and self._connection._exactly(struct.unpack(">HHHB", head)[2] - 1):
            self.answers += 1
            head = self._connection._exactly(7)

    def close(self):
        self._connection.socket.shutdown(socket.SHUT_RDWR)
        self._reader.join(10)
        self._connection.close()


def started(bench):
    bench.board.start()
    bench.status()
    return bench


def test_records_time_and_commands_pass_as_on_a_bus(tcp_bench):
    bench = started(tcp_bench())
    bench.certify()
    assert bench.set_time()[1] == codes.R_NONE
    assert bench.put(bench.command(1, codes.OPEN), bench.authority)[1] == codes.R_NONE
    status = bench.status()
    assert (status["counter"], status["relays"] & 1, status["trusted"]) == (1, 0, 1)
    records = bench.records()
    assert len(records) >= 2
    _, record, data = records[-1]
    time.sleep(1.5)  # a token for what is no command
    assert bench.ack(record.epoch, record.seq, data)[1] == codes.R_NONE
    assert bench.status()["unacked"] < len(records)
    # Any Modbus tool reads it; plain coil writes are refused.
    client = ModbusTcpClient("127.0.0.1", port=bench.port)
    assert client.connect()
    volts = client.read_input_registers(0, count=2, device_id=1).registers
    assert struct.unpack(">f", struct.pack(">HH", *volts))[0] == pytest.approx(230, abs=0.1)
    assert client.write_coil(0, True, device_id=1).exception_code == 1
    client.close()


def test_strangers_hold_no_place_and_break_nothing(tcp_bench):
    # Ten times as fast: what is refused after seconds is refused soon.
    bench = started(tcp_bench(speed=10))
    own = bench.connection
    assert own is not None
    # Half a header, then nothing: gone after three (simulated) seconds, and its place is free.
    slow = bench.connect()
    slow.socket.sendall(b"\0\1\0\0\0")
    assert slow.ended(20)
    # What is no Modbus is ended at once; half a request too.
    for junk in (b"GET / HTTP/1.1\r\n\r\n", b"\0\1\0\0\xff\xff\1\3", b"\0\1\0\7\0\6\1\3\0\0\0\1"):
        stranger = bench.connect()
        stranger.socket.sendall(junk)
        assert stranger.ended(20), junk
        stranger.close()
    # A second one has the other place; the third is refused, for both are at work.
    second = bench.connect()
    bench.status()
    second.send(STATUS)
    assert second.receive()
    bench.status()
    third = bench.connect()
    assert third.ended(20)
    # One that fell silent (here: half-open, its end is gone) gives way to who comes.
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        bench.status()
        newcomer = bench.connect()
        newcomer.send(STATUS)
        try:
            if newcomer.receive():
                break
        except OSError:
            pass
        time.sleep(0.2)
    else:
        pytest.fail("a silent connection kept its place")
    assert second.ended(20)
    assert bench.connection is own, "who asked all the time was never thrown out"
    assert bench.board.poll() is None


def test_a_flood_on_one_connection_takes_nothing_from_the_other(tcp_bench):
    """Even of commands that lack only the signature: each connection has tokens of its own."""
    bench = started(tcp_bench(charges=Charges()))
    bench.certify()
    assert bench.set_time()[1] == codes.R_NONE
    stranger, frame = Stranger(bench.connect()), Forger.at(bench).frame
    measure = Measure(bench.board.pid)
    while not measure.known:
        measure.begin()
        with Flood(stranger.put, frame) as flood:
            account = under_flood(bench)
        account.check()
        measure.judge(account.took_s, flood.rate)
    assert stranger.answers > 100
    stranger.close()


def test_the_network_may_go_and_come(tcp_bench):
    bench = started(tcp_bench(speed=10))
    flag = bench.board.directory / "radio.down"
    flag.touch()
    time.sleep(0.5)
    flag.unlink()
    assert bench.status()["magic"] == modbus_map.MAGIC
    with socket.create_connection(("127.0.0.1", bench.port), 5):
        pass
    assert bench.status()["magic"] == modbus_map.MAGIC
