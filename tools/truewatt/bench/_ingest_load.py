"""The load of `truewatt bench gateway ingest`: readings signed beforehand, then published.

    python -m truewatt.bench._ingest_load sign FOLDER PART DEVICES TURNS LINKS
    python -m truewatt.bench._ingest_load publish PORT LINKS RATE

Everything that costs is done before: a part of the load is a file of whole packets, numbered for
their connection, in blocks that are written as they are. `sign` makes part number PART, the next
TURNS readings of each device, from where the part before left their chains; made again, it has the
same bytes. `publish` says `ready`, takes names of parts on stdin, sends each at RATE a second (0:
as fast as the broker confirms), and says `sent` with its CPU time so far.
"""

import json
import selectors
import socket
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from nacl.bindings import crypto_sign
from nacl.signing import SigningKey

from wireformat import cbor, codes, cose, identity
from wireformat import mqtt_map as m
from wireformat.chained import Reading
from wireformat.registry import open_signed

CHAIN, AREA = "truewatt-bench", 1
START_S = 1_800_000_000
CHANNELS = 2
WINDOW = 6000
"""Packets without the broker's confirmation, over all connections."""

BLOCK = 40
"""Packets of one connection in one write."""

_HEAD = struct.Struct(">HHI")
"""Before each block: its connection, its packets, its bytes."""


def seed(number: int) -> bytes:
    """The key of a device of this benchmark."""
    return identity.record_hash(b"bench %d" % number)


class Signer:
    """One device's chain of readings."""

    def __init__(self, number: int) -> None:
        self.number, self.key = number, SigningKey(seed(number))
        self.public_key = bytes(self.key.verify_key)
        self._secret = bytes(self.key) + self.public_key
        self.address = identity.address(self.public_key)
        self.prev, self.seq = identity.GENESIS_PREV, 0
        self._protected = cose.protected_header(identity.kid(self.public_key))
        aad = cose.external_aad(Reading.TYPE, CHAIN)
        whole = cose.to_be_signed(self._protected, aad, b"x" * 64)
        self._before = whole[: -64 - 2]

    def next(self, flags: int = codes.RELAY_1_CLOSED) -> bytes:
        """Its next reading, signed."""
        payload = self._payload(flags)
        signed = self._before + b"\x58" + bytes((len(payload),)) + payload
        data = cose.assemble(self._protected, payload, crypto_sign(signed, self._secret)[:64])
        if not self.seq:
            # Written the short way: the strict reader says whether it is a reading at all.
            opened = open_signed(Reading.CODE, data, CHAIN)
            assert opened.to_be_signed == signed
        self.prev, self.seq = identity.prev_hash(data), self.seq + 1
        return data

    def _payload(self, flags: int) -> bytes:
        """A `Reading`, field by field: to build one as such takes longer than to sign it."""
        import_wh = _uint(1000 * self.number + 3 * self.seq)
        parts = (
            *(b"\xa9\0\1\1", _uint(self.seq), b"\2", _uint(START_S + 60 * self.seq)),
            *(b"\3", _uint(flags), b"\4\x50", self.prev, b"\5\x18\x3c\6\x82"),
            *(b"\x85", import_wh, b"\0\x18\xb4\x19\1\x90\x0c"),  # 180 W, at most 400
            *(b"\x85\0", import_wh, b"\x38\x59\x18\xc8\3"),  # -90 W, at most 200
            b"\7\x19\x08\xfd\x08\x19\x07\xd0",  # 230.1 V, 2 A
        )
        return b"".join(parts)


def _uint(value: int) -> bytes:
    out = bytearray()
    cbor.put_head(out, cbor.UINT, value)
    return bytes(out)


class Numbered:
    """Packets of one connection, as they gather into blocks."""

    def __init__(self, link: int, links: int) -> None:
        # As many as would come together anyway: with many connections, one at a time.
        self._link, self._most = link, max(1, BLOCK // links)
        self.sent = 0
        self._packets: list[bytes] = []

    def add(self, topic: bytes, payload: bytes) -> bytes:
        """A PUBLISH more; a whole block, or nothing."""
        mid = self.sent % 0xFFFF + 1
        self.sent += 1
        body = topic + mid.to_bytes(2, "big") + payload
        size = bytes((len(body) & 0x7F | 0x80, len(body) >> 7))
        self._packets.append(b"\x32" + size + body)
        return self.block() if len(self._packets) == self._most else b""

    def block(self) -> bytes:
        """What has gathered."""
        if not self._packets:
            return b""
        data, count = b"".join(self._packets), len(self._packets)
        self._packets = []
        return _HEAD.pack(self._link, count, len(data)) + data


def part_file(folder: Path, part: int) -> Path:
    """Where a part of the load is."""
    return folder / f"part-{part}"


def state_file(folder: Path, part: int) -> Path:
    """Where the chains and connections stand before a part."""
    return folder / f"state-{part}"


def sign(folder: Path, part: int, devices: int, turns: int, links: int) -> None:
    """Write a part, the devices taking turns, and what the next one goes on from."""
    signers = [Signer(number) for number in range(devices)]
    lanes = [Numbered(link, links) for link in range(links)]
    if part:
        stand = json.loads(state_file(folder, part).read_text())
        for signer, (seq, prev) in zip(signers, stand["chains"], strict=True):
            signer.seq, signer.prev = seq, bytes.fromhex(prev)
        for lane, sent in zip(lanes, stand["sent"], strict=True):
            lane.sent = sent
    else:
        state_file(folder, part).touch()
    topics = [m.topic(AREA, signer.address, m.REC).encode() for signer in signers]
    heads = [struct.pack(">H", len(topic)) + topic for topic in topics]
    code, target = bytes((Reading.CODE,)), part_file(folder, part)
    with target.with_suffix(".new").open("wb") as file:
        for _ in range(turns):
            for signer, head in zip(signers, heads, strict=True):
                file.write(lanes[signer.number % links].add(head, code + signer.next()))
        for lane in lanes:
            file.write(lane.block())
    chains = [(signer.seq, signer.prev.hex()) for signer in signers]
    stand = {"chains": chains, "sent": [lane.sent for lane in lanes]}
    state_file(folder, part + 1).write_text(json.dumps(stand))
    target.with_suffix(".new").rename(target)


def blocks(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """(connection, packets, bytes) of each block."""
    with path.open("rb") as file:
        while head := file.read(_HEAD.size):
            link, count, size = _HEAD.unpack(head)
            yield link, count, file.read(size)


class Publisher:
    """Connections that publish for all devices and count confirmations."""

    def __init__(self, port: int, links: int) -> None:
        self._poll = selectors.DefaultSelector()
        self._links = [self._connect(port, number) for number in range(links)]
        self._open = 0

    def _connect(self, port: int, number: int) -> socket.socket:
        link = socket.create_connection(("127.0.0.1", port))
        name = b"load%04d" % number
        link.sendall(b"\x10\x14\0\4MQTT\4\2\0\0\0\x08" + name)
        assert link.recv(4) == b"\x20\2\0\0"
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._poll.register(link, selectors.EVENT_READ)
        return link

    def listen(self, most_s: float) -> None:
        """Take confirmations: all that are there, waiting for the first one."""
        for key, _ in self._poll.select(most_s):
            assert isinstance(key.fileobj, socket.socket)
            confirmed = key.fileobj.recv(65536)
            if not confirmed:
                raise ConnectionError("the broker closed the connection")
            self._open -= len(confirmed) // 4

    def publish(self, path: Path, rate: int) -> None:
        """Send a part, and wait until all of it is confirmed."""
        started_s, sent = time.monotonic(), 0
        for link, count, data in blocks(path):
            if rate:
                time.sleep(max(0.0, started_s + sent / rate - time.monotonic()))
            self._links[link].sendall(data)
            sent += count
            self._open += count
            if self._open > WINDOW:
                # Not one by one: the broker's confirmations come in crowds.
                while self._open > WINDOW * 3 // 4:
                    self.listen(1)
        while self._open:
            self.listen(1)


def publish(port: int, links: int, rate: int) -> None:
    """Publish the parts that standard input names."""
    publisher = Publisher(port, links)
    print("ready", flush=True)
    for line in sys.stdin:
        publisher.publish(Path(line.strip()), rate)
        print(f"sent {time.process_time()}", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "sign":
        sign(Path(sys.argv[2]), *map(int, sys.argv[3:7]))
    else:
        publish(*map(int, sys.argv[2:5]))
