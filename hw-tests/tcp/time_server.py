"""An SNTP server on loopback that answers as well, or as badly, as it is told to."""

import socket
import threading
import time
from collections.abc import Callable

Answers = Callable[["TimeServer", bytes], list[bytes]]
_TO_1970_S = 2_208_988_800


def stamp(unix_ms: int) -> bytes:
    """64 bits of seconds since 1900."""
    seconds, ms = divmod(unix_ms, 1000)
    fraction = -(-(ms << 32) // 1000)
    return (seconds + _TO_1970_S).to_bytes(4, "big") + fraction.to_bytes(4, "big")


def answer(request: bytes, unix_ms: int, first: int = 0x24, stratum: int = 2) -> bytes:
    """What a sound server says; `first`: leap, version, mode."""
    head = bytes((first, stratum, 6, 0xEC)) + bytes(8) + b"\x7f\0\0\1" + bytes(8)
    return head + request[40:48] + stamp(unix_ms) + stamp(unix_ms)


class TimeServer(threading.Thread):
    """`script` has what to answer to each request in turn; the last one stays."""

    def __init__(self, script: list[Answers], speed: int) -> None:
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.1)
        self.other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.port = self.socket.getsockname()[1]
        self.script, self.speed = script, speed
        self.origin_ms, self.origin = 0, 0.0
        self.requests: list[bytes] = []
        self.board: tuple[str, int] = ("", 0)
        self.running = True

    def set(self, unix_ms: int) -> None:
        """Its clock, which runs at the boards' speed from here on."""
        self.origin_ms, self.origin = unix_ms, time.monotonic()

    def now_ms(self) -> int:
        return self.origin_ms + int((time.monotonic() - self.origin) * 1000 * self.speed)

    def run(self) -> None:
        while self.running:
            try:
                request, self.board = self.socket.recvfrom(512)
            except TimeoutError:
                continue
            except OSError:
                return
            self.requests.append(request)
            at = min(len(self.requests), len(self.script)) - 1
            for data in self.script[at](self, request):
                self.socket.sendto(data, self.board)

    def close(self) -> None:
        self.running = False
        self.join()
        self.socket.close()
        self.other.close()
