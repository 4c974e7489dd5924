"""The RS-485 bus: who hears whom, what noise does, and that a seed repeats it."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest
import serial
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.clock import Clock
from truewatt.emulator.wires.bus import Disturbance, Rs485Bus
from truewatt.emulator.wires.noise import LineNoise
from truewatt.emulator.wires.tty import Tty

NODES = ("master", "a", "b")


class Bench:
    """A bus with three serial ports on it, inside a running event loop."""

    def __init__(self, folder: Path, clock: Clock, paced: bool, seed: int = 1) -> None:
        self.bus = Rs485Bus("bus0", 9600, paced, seed, clock)
        self.lines = {name: Tty(folder / name) for name in NODES}
        for name, line in self.lines.items():
            self.bus.attach(name, line)
        self.ports = {
            name: serial.Serial(str(line.path), 9600, timeout=0, exclusive=False)
            for name, line in self.lines.items()
        }

    async def heard(self, settle_s: float = 0.03) -> dict[str, bytes]:
        await asyncio.sleep(settle_s)
        return {name: port.read(4096) for name, port in self.ports.items()}

    async def say(self, name: str, data: bytes, settle_s: float = 0.03) -> dict[str, bytes]:
        self.ports[name].write(data)
        return await self.heard(settle_s)

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *exc: object) -> None:
        self.bus.detach_all()
        for port in self.ports.values():
            port.close()
        for line in self.lines.values():
            line.close()


def test_everybody_hears_everybody_else_and_not_himself(tmp_path: Path) -> None:
    async def run() -> None:
        with Bench(tmp_path, Clock.system(), paced=False) as bench:
            every_byte = bytes(range(256))
            assert await bench.say("a", every_byte) == {
                "master": every_byte,
                "a": b"",
                "b": every_byte,
            }

    asyncio.run(run())


def test_cable_and_single_drops_can_be_cut(tmp_path: Path) -> None:
    async def run() -> None:
        with Bench(tmp_path, Clock.system(), paced=False) as bench:
            bench.bus.disturb(Disturbance(cut_nodes={"a"}))
            assert await bench.say("master", b"x") == {"master": b"", "a": b"", "b": b"x"}
            assert await bench.say("a", b"y") == dict.fromkeys(NODES, b"")
            bench.bus.disturb(Disturbance(cut=True))
            assert await bench.say("master", b"x") == dict.fromkeys(NODES, b"")
            bench.bus.disturb(Disturbance())
            assert (await bench.say("master", b"x"))["a"] == b"x"

    asyncio.run(run())


async def _talk(folder: Path, seed: int, disturbance: Disturbance) -> list[bytes]:
    folder.mkdir()
    with Bench(folder, Clock.system(), paced=False, seed=seed) as bench:
        bench.bus.disturb(disturbance)
        return [(await bench.say("a", bytes(64), 0.01))["master"] for _ in range(25)]


def test_noise_repeats_with_its_seed(tmp_path: Path) -> None:
    async def run() -> None:
        noisy = Disturbance(noise_bit_error=0.002, loss=0.3)
        first = await _talk(tmp_path / "1", 8, noisy)
        again = await _talk(tmp_path / "2", 8, noisy)
        other = await _talk(tmp_path / "3", 9, noisy)
        assert first == again
        assert first != other
        lost = first.count(b"")
        assert 2 <= lost <= 14, "about 7 of 25 frames"
        assert any(any(frame) for frame in first), "some bits are flipped"

    asyncio.run(run())


def test_delay_is_simulated_time(tmp_path: Path) -> None:
    async def run() -> None:
        with Bench(tmp_path, Clock.starting_at(0, 10.0), paced=False) as bench:
            bench.bus.disturb(Disturbance(delay_ms=3000))
            assert (await bench.say("master", b"late", 0.1))["a"] == b""
            assert (await bench.heard(0.3))["a"] == b"late"

    asyncio.run(run())


def test_paced_bytes_take_their_bits(tmp_path: Path) -> None:
    async def run() -> None:
        with Bench(tmp_path, Clock.system(), paced=True) as bench:
            # 192 characters of 10 bits at 9600 baud last 200 ms.
            assert (await bench.say("master", bytes(192), 0.12))["a"] == b""
            assert (await bench.heard(0.15))["a"] == bytes(192)

    asyncio.run(run())


def test_two_who_talk_at_once_garble_each_other(tmp_path: Path) -> None:
    async def run() -> None:
        with Bench(tmp_path, Clock.system(), paced=True) as bench:
            bench.ports["a"].write(b"a" * 40)
            heard = await bench.say("b", b"b" * 40, 0.15)
            assert len(heard["master"]) == 80
            assert b"a" not in heard["b"]
            assert b"b" not in heard["a"]
            assert bench.bus.counters.collisions == 1
            # One after the other is fine.
            assert (await bench.say("a", b"a" * 40, 0.15))["b"] == b"a" * 40

    asyncio.run(run())


def test_a_receiver_that_does_not_read_loses_what_its_buffer_cannot_take(tmp_path: Path) -> None:
    async def run() -> None:
        with Bench(tmp_path, Clock.starting_at(0, 20.0), paced=True) as bench:
            for _ in range(3):
                bench.ports["master"].write(b"1" * 100)
                await asyncio.sleep(0.03)
            assert (await bench.heard())["a"] == b"1" * 256
            assert bench.bus.counters.overruns == 2

    asyncio.run(run())


@settings(max_examples=60, deadline=None)
@given(
    data=st.binary(max_size=300),
    cuts=st.lists(st.integers(0, 300), max_size=6),
    error=st.sampled_from([0.0, 0.001, 0.05, 0.5, 1.0]),
)
def test_noise_does_not_depend_on_how_bytes_were_read(
    data: bytes, cuts: list[int], error: float
) -> None:
    whole, parts = LineNoise("s"), LineNoise("s")
    for noise in (whole, parts):
        noise.set(error, 0.0)
        noise.begin_frame()
    ends = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    pieces = [parts.disturb(data[a:b]) for a, b in pairwise(ends)]
    disturbed = whole.disturb(data)
    assert b"".join(pieces) == disturbed
    if error == 0:
        assert disturbed == data
    if error == 1:
        assert disturbed == bytes(byte ^ 0xFF for byte in data)


@pytest.mark.parametrize("error", [1e-4, 1e-2])
def test_the_bit_error_rate_is_what_it_says(error: float) -> None:
    noise = LineNoise("rate")
    noise.set(error, 0.0)
    bits = 8 * 100_000
    flipped = sum(byte.bit_count() for byte in noise.disturb(bytes(bits // 8)))
    assert 0.7 * error * bits < flipped < 1.3 * error * bits


def test_a_lines_time_is_told_apart_by_who_lets_it_pass(tmp_path: Path) -> None:
    """What benches reckon by: bytes, silence before answers, silence before requests."""

    async def run() -> None:
        with Bench(tmp_path, Clock.system(), paced=True) as bench:
            bus, char_s = bench.bus, 10 / 9600
            for name, size, at_s in (("master", 8, 10.0), ("a", 69, 10.02), ("master", 8, 10.5)):
                bus._talk(bus.nodes[name], bytes(size), at_s)
            counters = bus.counters
            assert counters.wire_s == pytest.approx(85 * char_s)
            assert counters.answering_s == pytest.approx(0.02 - 8 * char_s)
            assert counters.asking_s == pytest.approx(0.48 - 69 * char_s)

    asyncio.run(run())
