"""PZEM-004T modules speak their maker's protocol, over a real pseudo-terminal to pyserial."""

import asyncio
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import serial

from ledger.clock import Clock
from truewatt.emulator.physics.channel import Channel
from truewatt.emulator.wires.pzem import (
    ENERGY_WRAP_WH,
    PzemLine,
    PzemModule,
    crc16,
    take_requests,
)
from truewatt.emulator.wires.tty import Tty

# Frames as printed in the module's manual and sent by its public drivers.
READ_ALL = bytes.fromhex("01040000000a700d")
READ_ALL_GENERAL = bytes.fromhex("f8040000000a6464")
RESET_1 = bytes.fromhex("01428011")
RESET_GENERAL = bytes.fromhex("f842c241")
SET_ADDRESS_1 = bytes.fromhex("f80600020001fda3")


class Bench:
    """A PZEM line served by an event loop in a thread, and a serial port on it."""

    def __init__(self, path: Path, modules: list[PzemModule]) -> None:
        self.modules = modules
        self.tty = Tty(path)
        self._line = PzemLine(self.tty, modules, paced=False, clock=Clock.system())
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._loop.call_soon(self._line.attach)
        self._thread.start()
        self.port = serial.Serial(str(path), 9600, timeout=0.4)

    def ask(self, request: bytes, size: int = 64) -> bytes:
        self.port.write(request)
        return self.port.read(size)

    def close(self) -> None:
        self.port.close()
        self._loop.call_soon_threadsafe(self._line.detach)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()
        self.tty.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    benches: list[Bench] = []

    def make(*modules: PzemModule) -> Bench:
        benches.append(Bench(tmp_path / f"uart{len(benches)}", list(modules)))
        return benches[-1]

    yield make
    for made in benches:
        made.close()


def channel(voltage_v: float = 230.4, power_w: float = 69_321.6) -> Channel:
    return Channel(voltage_v, power_w, reactive_var=power_w * 0.75)


def framed(hex_body: str) -> bytes:
    body = bytes.fromhex(hex_body.replace(" ", ""))
    return body + crc16(body)


def test_crc_is_that_of_published_frames() -> None:
    for frame in (READ_ALL, READ_ALL_GENERAL, RESET_1, RESET_GENERAL, SET_ADDRESS_1):
        assert crc16(frame[:-2]) == frame[-2:]


def test_all_registers_low_word_first(bench: Callable) -> None:
    module = PzemModule(1, channel())
    for _ in range(3):
        module.channel.step(230.4, 69_321.6, 69_321.6 * 0.75)
        module.channel.absolute_wh += 70_000
        module.step()
    # 230.4 V; 376.094 A = 0x5BD1E... low word first; 69321.6 W; 210057 Wh; 50.0 Hz; 0.80; alarm.
    expected = struct.pack(
        ">10H",
        2304,
        376_094 & 0xFFFF,
        376_094 >> 16,
        693_216 & 0xFFFF,
        693_216 >> 16,
        210_057 & 0xFFFF,
        210_057 >> 16,
        500,
        80,
        0xFFFF,
    )
    answer = bench(module).ask(READ_ALL, 25)
    assert answer == framed("01 04 14" + expected.hex())


def test_a_part_of_the_registers(bench: Callable) -> None:
    lines = bench(PzemModule(1, channel(power_w=1500.04)))
    assert lines.ask(framed("01 04 0003 0002"), 9) == framed("01 04 04 3a98 0000")


@pytest.mark.parametrize(
    ("request_body", "answer_body"),
    [
        ("01 04 0000 000b", "01 84 03"),  # more registers than there are
        ("01 04 0005 0006", "01 84 02"),  # beyond the last
        ("01 04 0000 0000", "01 84 03"),  # none
        ("01 03 0000 0001", "01 83 02"),  # no holding register 0
        ("01 06 0002 00f8", "01 86 03"),  # no such address
        ("01 06 0005 0001", "01 86 02"),  # no such register
        ("01 06 0001 61a9", "01 86 03"),  # alarm above 25 kW
        ("01 10 0001 0001", "01 90 01"),  # no such function
        ("01 03 0001 0002", "01 03 04 59d8 0001"),  # alarm 23 kW, address 1
        ("01 06 0001 03e8", "01 06 0001 03e8"),  # alarm to 1 kW
    ],
)
def test_answers_and_refusals(bench: Callable, request_body: str, answer_body: str) -> None:
    answer = framed(answer_body)
    assert bench(PzemModule(1, channel())).ask(framed(request_body), len(answer)) == answer


def test_address_is_set_and_answered_at(bench: Callable) -> None:
    lines = bench(PzemModule(9, channel()))
    assert lines.ask(SET_ADDRESS_1, 8) == SET_ADDRESS_1
    assert len(lines.ask(READ_ALL, 25)) == 25


def test_reset_of_the_energy(bench: Callable) -> None:
    module = PzemModule(1, channel())
    module.channel.absolute_wh += 1234.5
    module.step()
    lines = bench(module)
    assert module.energy_wh == 1234
    assert lines.ask(RESET_1, 4) == RESET_1
    assert module.energy_wh == 0


def test_modules_share_a_line_and_collide_at_the_general_address(bench: Callable) -> None:
    lines = bench(PzemModule(1, channel(231.0)), PzemModule(2, channel(229.0)))
    assert lines.ask(READ_ALL, 25)[:5].hex() == "0104140906"
    assert lines.ask(framed("02 04 0000 000a"), 25)[:5].hex() == "02041408f2"
    collided = lines.ask(READ_ALL_GENERAL, 25)
    assert len(collided) == 25
    assert crc16(collided[:-2]) != collided[-2:]


def test_silence_for_others_noise_and_no_mains(bench: Callable) -> None:
    dead = PzemModule(3, channel(voltage_v=0.0))
    lines = bench(PzemModule(1, channel()), dead)
    assert lines.ask(framed("02 04 0000 000a"), 1) == b""
    assert lines.ask(framed("03 04 0000 000a"), 1) == b""
    assert lines.ask(READ_ALL[:-1] + b"\0", 1) == b""
    # Noise in front of a request does not hide it.
    assert len(lines.ask(b"\xff\x00" + READ_ALL, 25)) == 25


def test_energy_wraps_ignores_direction_and_starts_at_its_threshold() -> None:
    module = PzemModule(1, Channel(230.0))
    module.channel.step(230.0, -3600.0, 0.0)
    module.step()
    assert module.energy_wh == 1
    module.channel.absolute_wh += ENERGY_WRAP_WH
    module.step()
    assert module.energy_wh == 1
    idle = PzemModule(1, Channel(230.0))
    for _ in range(40_000):
        idle.channel.step(230.0, 0.3, 0.0)
        idle.step()
    assert idle.channel.absolute_wh > 3
    assert idle.energy_wh == 0


def test_requests_are_found_however_they_are_cut() -> None:
    stream = b"\x01\x04" + READ_ALL + RESET_1 + READ_ALL[:5] + READ_ALL
    for size in (1, 3, len(stream)):
        served: list[bytes] = []
        received = bytearray()
        for at in range(0, len(stream), size):
            received += stream[at : at + size]
            take_requests(received, served.append)
        assert served == [READ_ALL, RESET_1, READ_ALL], size
