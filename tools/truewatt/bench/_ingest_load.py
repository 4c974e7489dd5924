"""The load of `truewatt bench gateway ingest`: readings signed beforehand, then published.

    python -m truewatt.bench._ingest_load sign FILE DEVICES EACH
    python -m truewatt.bench._ingest_load publish FILE PORT RATE COUNT

Everything that costs is done before: publishing only numbers the packets and writes them. RATE 0:
as fast as the broker confirms. Says `ready`, waits for a line on stdin, and ends with its CPU time.
"""

import contextlib
import socket
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from nacl.signing import SigningKey

from wireformat import codes, identity
from wireformat import mqtt_map as m
from wireformat.chained import Reading
from wireformat.schema import Unsigned

CHAIN, AREA = "truewatt-bench", 1
START_S = 1_800_000_000
CHANNELS = 2
WINDOW = 4000
_CHUNK = 40


def seed(number: int) -> bytes:
    """The key of a device of this benchmark."""
    return identity.record_hash(b"bench %d" % number)


class Signer:
    """One device's chain of readings."""

    def __init__(self, number: int) -> None:
        self.key = SigningKey(seed(number))
        self.public_key = bytes(self.key.verify_key)
        self.address = identity.address(self.public_key)
        self.prev, self.seq, self.import_wh = identity.GENESIS_PREV, 0, 1000 * number

    def next(self, flags: int = codes.RELAY_1_CLOSED) -> bytes:
        """Its next reading, signed."""
        self.import_wh += 3
        rows = [[self.import_wh, 0, 180, 400, 12], [0, self.import_wh, -90, 200, 3]]
        reading = Reading(
            epoch=1,
            seq=self.seq,
            time_s=START_S + 60 * self.seq,
            flags=flags,
            prev=self.prev,
            interval_s=60,
            channels=rows,
            voltage_dv=2301,
            max_ma=2000,
        )
        unsigned = Unsigned(reading, self.public_key, CHAIN)
        data = unsigned.with_signature(self.key.sign(unsigned.to_be_signed).signature)
        self.prev, self.seq = identity.prev_hash(data), self.seq + 1
        return data


def sign(path: Path, devices: int, each: int) -> None:
    """Write all packets, the devices taking turns; the packet identifier is left open."""
    signers = [Signer(number) for number in range(devices)]
    topics = [m.topic(AREA, signer.address, m.REC).encode() for signer in signers]
    with path.open("wb") as file:
        for turn in range(each):
            for signer, topic in zip(signers, topics, strict=True):
                payload = bytes((Reading.CODE,)) + signer.next()
                body = struct.pack(">H", len(topic)) + topic + b"\0\0" + payload
                size = bytes((len(body) & 0x7F | 0x80, len(body) >> 7))
                packet = b"\x32" + size + body
                file.write(struct.pack(">HH", len(packet), 5 + len(topic)) + packet)
            print(f"signed {(turn + 1) * devices}", flush=True)


def packets(path: Path, count: int) -> Iterator[tuple[bytes, bytes]]:
    """(before, behind) the packet identifier of each."""
    data, at = path.read_bytes(), 0
    for _ in range(count):
        size, mid_at = struct.unpack_from(">HH", data, at)
        start = at + 4
        yield data[start : start + mid_at], data[start + mid_at + 2 : start + size]
        at = start + size


class Publisher:
    """One connection that publishes for all devices and counts confirmations."""

    def __init__(self, port: int) -> None:
        self.link = socket.create_connection(("127.0.0.1", port))
        self.link.sendall(b"\x10\x10\0\4MQTT\4\2\0\0\0\4load")
        assert self.link.recv(4)[3] == 0
        self.sent = self._confirmed_bytes = 0

    @property
    def open(self) -> int:
        """Packets that the broker has not confirmed."""
        return self.sent - self._confirmed_bytes // 4

    def listen(self, wait: bool) -> None:
        """Read confirmations; with `wait` until there is one."""
        self.link.setblocking(wait)
        with contextlib.suppress(BlockingIOError):
            self._confirmed_bytes += len(self.link.recv(65536))
        self.link.setblocking(True)

    def send(self, chunk: list[tuple[bytes, bytes]]) -> None:
        """Publish a few."""
        parts = []
        for before, behind in chunk:
            self.sent += 1
            parts += [before, struct.pack(">H", (self.sent - 1) % 0xFFFF + 1), behind]
        self.link.sendall(b"".join(parts))


def publish(path: Path, port: int, rate: int, count: int) -> None:
    """Publish `count` packets at `rate` a second."""
    load = list(packets(path, count))
    publisher = Publisher(port)
    print("ready", flush=True)
    sys.stdin.readline()
    started_s, cpu_s = time.monotonic(), time.process_time()
    for at in range(0, count, _CHUNK):
        if rate:
            time.sleep(max(0.0, started_s + at / rate - time.monotonic()))
        publisher.send(load[at : at + _CHUNK])
        publisher.listen(False)
        while publisher.open > WINDOW:
            publisher.listen(True)
    while publisher.open:
        publisher.listen(True)
    print(f"cpu {time.process_time() - cpu_s}", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "sign":
        sign(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    else:
        publish(Path(sys.argv[2]), *map(int, sys.argv[3:6]))
