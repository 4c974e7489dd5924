"""Who is on a line: found at its speed, named as far as it can be, and nobody invented."""

import asyncio

from gateway import cli
from gateway.profiles import load_all
from gateway.profiles.sample import sample
from gateway.profiles.scan import usual_lines
from gateway.tests.profiles.rigs import brisk, on_a_line, on_tcp
from truewatt.emulator.commercial import EmulatedMeter
from truewatt.emulator.commercial.storage import EmulatedStorage


def meter(name, address):
    profile = brisk(name)
    return EmulatedMeter(profile, address, sample(profile))


async def scanned(capsys, *words):
    status = await asyncio.to_thread(cli.main, ["scan", *words])
    return status, capsys.readouterr()


def test_the_usual_lines_begin_with_the_most_common():
    lines = usual_lines(load_all())
    assert (lines[0].baud, lines[0].parity) == (9600, "N")
    assert len(set(lines)) == len(lines)
    assert {line.baud for line in lines} >= {2400, 9600, 19200}


def test_everybody_on_a_line_is_listed_once(tmp_path, capsys):
    async def run():
        devices = [meter("abb_b23", 2), EmulatedStorage(5, lambda: 0)]
        async with on_a_line(tmp_path, *devices):
            port = str(tmp_path / "tty")
            # A pseudo-terminal has no parity to set.
            words = ["--address", "1-5", "--timeout-ms", "60", "--baud", "9600", "--parity", "N"]
            return await scanned(capsys, "--port", port, *words)

    status, said = asyncio.run(run())
    assert status == 0
    rows = [line.split()[0] for line in said.out.splitlines()[1:]]
    assert rows == ["2", "5"]
    assert "SunSpec inverter: Emulated Storage" in said.out
    assert "100 %" in said.err


def test_an_empty_line_fails_and_says_what_to_check(tmp_path, capsys):
    async def run():
        async with on_tcp(meter("em24_ethernet", 7)) as port:
            return await scanned(capsys, "--port", port, "--address", "7")

    status, said = asyncio.run(run())
    assert status == 0
    assert "em24_ethernet" in said.out

    async def empty():
        async with on_a_line(tmp_path):
            port = str(tmp_path / "tty")
            words = ["--address", "1-2", "--timeout-ms", "20", "--baud", "2400"]
            return await scanned(capsys, "--port", port, *words)

    status, said = asyncio.run(empty())
    assert status == 1
    assert "nobody answered" in said.out
