"""How the emulated chip waits, and how often it collects: what saves time must change nothing."""

import socket
from pathlib import Path

from truewatt.emulator.board import BoardSpec, EmulatedBoard

WAITING = """
import select, socket, time
a, b = socket.socket(), socket.socket()
b.setsockopt(1, 2, 1)
b.bind(socket.getaddrinfo("127.0.0.1", {port})[0][-1]); b.listen(1)
poll = select.poll()
poll.register(b, select.POLLIN)
start = time.ticks_ms()
print(poll.poll(300), time.ticks_diff(time.ticks_ms(), start) >= 299)
a.connect(socket.getaddrinfo("127.0.0.1", {port})[0][-1])
ready = poll.poll(5000)
print(ready[0][0] is b, ready[0][1] == select.POLLIN)
poll.unregister(b)
print(poll.poll(10))
"""

COLLECTING = """
import gc
gc.threshold(1000)
print(gc.threshold())
gc.threshold(-1)
print(gc.threshold())
"""


def board(folder: Path, **options: int) -> EmulatedBoard:
    return EmulatedBoard(folder, BoardSpec("m1", **options))


def test_a_socket_is_waited_for_and_a_timeout_is_kept(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        free_port = probe.getsockname()[1]
    said = board(tmp_path).execute(WAITING.format(port=free_port))
    assert said.split("\n")[:3] == ["[] True", "True True", "[]"]


def test_firmware_sees_the_threshold_that_it_set(tmp_path: Path) -> None:
    for patience in (1, 6):
        said = board(tmp_path / str(patience), gc_patience=patience).execute(COLLECTING)
        first, second = map(int, said.split())
        assert abs(first - 1000) < 64, "blocks of some bytes each"
        assert second == -1
