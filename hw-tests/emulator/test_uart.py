"""machine.UART under the port's asyncio, over a pseudo-terminal, on real MicroPython."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from truewatt.emulator.wires.tty import Tty

ECHO = """
import asyncio
from machine import UART
async def main():
    uart = UART(1, 9600, rxbuf=512)
    print("up", uart.any(), uart.read(), uart.readline(), uart.readinto(bytearray(4)))
    reader, writer = asyncio.StreamReader(uart), asyncio.StreamWriter(uart, {})
    while True:
        data = await reader.read(200)
        writer.write(bytes(b ^ 255 for b in data))
        await writer.drain()
asyncio.run(main())
"""

# Two UARTs served by one loop while a third task counts: nobody blocks anybody.
TWO = """
import asyncio, time
from machine import UART
async def serve(id):
    uart = UART(id)
    reader = asyncio.StreamReader(uart)
    while True:
        uart.write(b"%d" % id + await reader.read(50))
async def count():
    global n
    while True:
        n += 1
        await asyncio.sleep_ms(100)
n = 0
print("up")
asyncio.create_task(count())
asyncio.create_task(serve(2))
asyncio.run(serve(1))
"""


def read_from(tty: Tty, size: int, timeout_s: float = 10.0) -> bytes:
    got = b""
    deadline = time.monotonic() + timeout_s
    while len(got) < size and time.monotonic() < deadline:
        got += tty.read()
        time.sleep(0.002)
    return got


@pytest.mark.parametrize("speed", [1, 60])
def test_stream_reader_and_writer_carry_every_byte(
    make_board: Callable, wait_until: Callable, tmp_path: Path, speed: int
) -> None:
    line = Tty(tmp_path / "uart1")
    line.write(b"received while the board was off")
    board = make_board(ECHO, speed, uart1=line.path)
    board.start()
    said = wait_until(board.log_path.read_text, "the board")
    assert said == "up 0 None None None\n", "the receiver is empty at power-on"
    for data in (b"\x00", bytes(range(256)), b"\r\n\x03\x04\x1a\x11\x13", bytes(200)):
        line.write(data)
        assert read_from(line, len(data)) == bytes(byte ^ 255 for byte in data)
    assert board.poll() is None, board.log_path.read_text()
    line.close()


def test_two_uarts_and_a_timer_share_a_loop(
    make_board: Callable, wait_until: Callable, tmp_path: Path
) -> None:
    lines = {1: Tty(tmp_path / "uart1"), 2: Tty(tmp_path / "uart2")}
    board = make_board(TWO, uart1=lines[1].path, uart2=lines[2].path)
    board.start()
    wait_until(board.log_path.read_text, "the board")
    time.sleep(0.2)
    for _ in range(3):
        for number, line in lines.items():
            line.write(b"x")
            assert read_from(line, 2) == b"%dx" % number
    board.kill()
    for line in lines.values():
        line.close()


def test_idle_boards_cost_next_to_nothing(
    make_board: Callable, wait_until: Callable, tmp_path: Path
) -> None:
    lines = {1: Tty(tmp_path / "uart1"), 2: Tty(tmp_path / "uart2")}
    board = make_board(TWO.replace("100)", "50)"), uart1=lines[1].path, uart2=lines[2].path)
    board.start()
    wait_until(board.log_path.read_text, "the board")

    def cpu_ticks() -> int:
        fields = Path(f"/proc/{board.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    before = cpu_ticks()
    time.sleep(1.0)
    # 20 Hz for a second: hundredths of a second. A loop that spins takes about a hundred of them.
    assert cpu_ticks() - before <= 10
    board.kill()
    for line in lines.values():
        line.close()


def test_flush_lasts_as_long_as_the_bits_on_a_paced_line(
    make_board: Callable, tmp_path: Path
) -> None:
    line = Tty(tmp_path / "uart1")
    program = (
        "import machine, time\n"
        "uart = machine.UART(1, 9600, parity=0)\n"
        "t = time.ticks_ms(); uart.write(bytes(96)); done = uart.txdone(); uart.flush()\n"
        "print(done, uart.txdone(), time.ticks_diff(time.ticks_ms(), t))\n"
    )
    board = make_board(program, uart1=line.path, paced=True)
    board.start()
    assert board.wait(20) == 0, board.log_path.read_text()
    done, done_after, took_ms = board.log_path.read_text().split()
    assert (done, done_after) == ("False", "True")
    # 96 characters of 11 bits at 9600 baud.
    assert 109 <= int(took_ms) < 400
    line.close()


def test_a_board_waits_for_its_wires(
    make_board: Callable, wait_until: Callable, tmp_path: Path
) -> None:
    board = make_board(ECHO, uart1=tmp_path / "uart1")
    board.start()
    time.sleep(0.3)
    assert board.poll() is None
    assert board.log_path.read_text() == ""
    line = Tty(tmp_path / "uart1")
    wait_until(board.log_path.read_text, "the board")
    line.write(b"\x0f")
    assert read_from(line, 1) == b"\xf0"
    board.kill()
    line.close()
