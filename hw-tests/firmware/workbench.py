"""A workbench for one emulated board: its wires, its metering modules, keys to talk to it."""

import contextlib
import os
import pty
import select
import struct
import threading
import time
import tty
from pathlib import Path
from typing import Any

from nacl.signing import SigningKey

from gateway.tickets import Tickets, ticketed
from truewatt.emulator.board import NO_CHARGES, BoardSpec, EmulatedBoard
from wireformat import codes, cose, identity, modbus_map, registry
from wireformat.control import Ack, Beacon, Certificate, Command
from wireformat.schema import Record, Unsigned

CHAIN = "truewatt-test"
AREA = 1
NOW_S = 1_790_000_000
FAR_S = NOW_S + 10_000_000


def crc16(data: bytes) -> bytes:
    """CRC-16/MODBUS, low byte first; bitwise, so independent of the firmware's table."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return struct.pack("<H", crc)


ROOT, GATEWAY, AUTHORITY = (SigningKey(bytes([n]) * 32) for n in (1, 2, 3))


def certificates() -> tuple[bytes, bytes]:
    """For acks (serial 3) and control (serial 5), as the gateway of a site has them."""
    rows = ((codes.ACK, GATEWAY, 3), (codes.CONTROL, AUTHORITY, 5))
    ack, control = (
        signed(
            Certificate(
                role=role,
                area=AREA,
                public_key=bytes(key.verify_key),
                serial=serial,
                expires_s=NOW_S + 10**7,
            ),
            ROOT,
        )
        for role, key, serial in rows
    )
    return ack, control


def signed(record: Record, key: SigningKey) -> bytes:
    """The bytes of a record signed by `key` (libsodium)."""
    unsigned = Unsigned(record, bytes(key.verify_key), CHAIN)
    return unsigned.with_signature(key.sign(unsigned.to_be_signed).signature)


class Line:
    """A serial line: a PTY whose slave the board opens; we hold the other end."""

    def __init__(self, link: Path) -> None:
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        tty.setraw(self.master)
        link.symlink_to(os.ttyname(self.slave))

    def write(self, data: bytes) -> None:
        os.write(self.master, data)

    def read(self, timeout_s: float) -> bytes:
        ready, _, _ = select.select([self.master], [], [], timeout_s)
        return os.read(self.master, 1024) if ready else b""

    def close(self) -> None:
        os.close(self.master)
        os.close(self.slave)


class Modules(threading.Thread):
    """PZEM-004T modules on one line: address -> [dV, mA, dW, Wh]; absent ones stay silent."""

    def __init__(self, line: Line, values: dict[int, list[int]]) -> None:
        super().__init__(daemon=True)
        self.line, self.values = line, values
        self.running = True

    def run(self) -> None:
        buffer = b""
        while self.running:
            buffer += self.line.read(0.05)
            while len(buffer) >= 8:
                frame, buffer = buffer[:8], buffer[8:]
                if frame[0] in self.values and crc16(frame[:6]) == frame[6:]:
                    self.line.write(self.answer(frame[0]))

    def answer(self, address: int) -> bytes:
        dv, ma, dw, wh = self.values[address]
        words = [dv, ma & 0xFFFF, ma >> 16, dw & 0xFFFF, dw >> 16, wh & 0xFFFF, wh >> 16]
        words += [500, 95, 0]
        body = bytes((address, 4, 20)) + b"".join(struct.pack(">H", word) for word in words)
        return body + crc16(body)


class Workbench:
    """One board with modules, an operator, a gateway and an authority."""

    def __init__(
        self,
        folder: Path,
        changes: dict[str, Any] | None = None,
        speed: int = 1,
        **spec: Any,
    ) -> None:
        self.root, self.gateway, self.authority = ROOT, GATEWAY, AUTHORITY
        folder.mkdir(parents=True, exist_ok=True)
        self.bus, self.metering = Line(folder / "uart1"), Line(folder / "uart2")
        self.modules = Modules(
            self.metering, {1: [2300, 4348, 10000, 5000], 2: [2301, 2000, 4600, 700]}
        )
        self.modules.start()
        self.config = config(self.root) | (changes or {})
        spec = {"arch": "32bit", "charges": NO_CHARGES} | spec
        self.board = EmulatedBoard(
            folder / "board",
            BoardSpec("m1", uart1=folder / "uart1", uart2=folder / "uart2", **spec),
            {"TRUEWATT_CLOCK": f"0:0:{speed}"},
        )
        self.frame_id = 0
        self.tickets, self.nonce = Tickets(), bytes(8)

    # ---- life --------------------------------------------------------------------------------

    def provision(self) -> None:
        data = self.board.provision(self.config)
        opened = registry.open_signed(11, data, CHAIN)
        self.enrolment = opened.record
        self.public_key = opened.record.public_key
        self.address = identity.address(self.public_key)

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.board.kill()
        self.modules.running = False
        self.modules.join()
        self.bus.close()
        self.metering.close()

    def console(self) -> str:
        return self.board.log_path.read_text(errors="replace")

    # ---- Modbus ------------------------------------------------------------------------------

    def ask(self, pdu: bytes, timeout_s: float = 5) -> bytes:
        """The response PDU to a request PDU."""
        frame = b"\x01" + pdu
        self.bus.read(0)
        self.bus.write(frame + crc16(frame))
        got = b""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            got += self.bus.read(0.05)
            if len(got) > 4 and crc16(got[:-2]) == got[-2:]:
                assert got[0] == 1
                return got[1:-2]
        raise TimeoutError(f"no answer, only {got.hex()}; console:\n{self.console()}")

    def wait_for_bus(self) -> None:
        for _ in range(100):
            with contextlib.suppress(TimeoutError):
                self.status(0.2)
                return
        raise TimeoutError(self.console())

    def read(self, start: int, count: int, timeout_s: float = 5) -> bytes:
        answer = self.ask(struct.pack(">BHH", 3, start, count), timeout_s)
        assert answer[0] == 3, answer.hex()
        return answer[2:]

    def status(self, timeout_s: float = 5) -> dict[str, Any]:
        data = self.read(modbus_map.STATUS, modbus_map.STATUS_WORDS, timeout_s)
        words = modbus_map.to_words(data)
        self.nonce = data[40:48]
        return {
            "magic": words[0],
            "address": data[4:24],
            "flags": words[13],
            "epoch": modbus_map.uint(words[14:16]),
            "next_seq": modbus_map.uint(words[16:18]),
            "unacked": words[18],
            "trusted": words[19],
            "nonce": data[40:48],
            "counter": modbus_map.uint(words[24:27]),
            "ack_serial": words[27],
            "control_serial": words[28],
            "last_frame": words[29],
            "relays": words[30],
        }

    def record(self, epoch: int, seq: int) -> tuple[int, bytes] | None:
        """The first record at or after the cursor, read with FC23."""
        cursor = struct.pack(">II", epoch, seq)
        head = struct.pack(
            ">BHHHHB", 23, modbus_map.WINDOW, modbus_map.WINDOW_WORDS, modbus_map.CURSOR, 4, 8
        )
        answer = self.ask(head + cursor)
        size, code = struct.unpack(">HH", answer[2:6])
        return (code, answer[6 : 6 + size]) if size else None

    def records(self, epoch: int = 0, seq: int = 0) -> list[tuple[int, Any, bytes]]:
        """All records from the cursor on, signatures checked: (code, record, bytes)."""
        found = []
        while (item := self.record(epoch, seq)) is not None:
            code, data = item
            opened = registry.open_signed(code, data, CHAIN)
            verify(self.public_key, opened)
            found.append((code, opened.record, data))
            epoch, seq = opened.record.epoch, opened.record.seq + 1
        return found

    def put(
        self,
        record: Record,
        key: SigningKey,
        data: bytes | None = None,
        ticket: bytes | None = None,
    ) -> tuple[int, int]:
        """Write a signed record into the inbox, behind a ticket if there is one; its final
        (INBOX_*, R_*)."""
        code, data = record.CODE, data or signed(record, key)
        if ticket is not None:
            code, data = ticketed(ticket, code, data)
        self.frame_id += 1
        words = modbus_map.to_words(data)
        body = struct.pack(">HBBH", self.frame_id, code, len(data), 0)
        body += b"".join(struct.pack(">H", word) for word in words)
        head = struct.pack(">BHHB", 16, modbus_map.INBOX, len(body) // 2, len(body))
        answer = self.ask(head + body)
        assert answer[0] == 16, answer.hex()
        return self.frame_end(self.frame_id)

    def frame_end(self, frame_id: int) -> tuple[int, int]:
        for _ in range(200):
            data = self.read(modbus_map.INBOX_STATUS, modbus_map.INBOX_STATUS_WORDS)
            words = modbus_map.to_words(data)
            for at in range(0, len(words), 3):
                if words[at] == frame_id and words[at + 1] >= codes.INBOX_ACCEPTED:
                    return words[at + 1], words[at + 2]
            time.sleep(0.02)
        raise TimeoutError(f"frame {frame_id} unfinished: {words}\n{self.console()}")

    # ---- the gateway's and the authority's part ----------------------------------------------

    def certify(self, serial: int = 1, expires_s: int = FAR_S) -> None:
        """Give the board both certificates."""
        for role, key in ((codes.ACK, self.gateway), (codes.CONTROL, self.authority)):
            assert self.put(self.certificate(role, key, serial, expires_s), self.root)[1] == 0

    def certificate(
        self, role: int, key: SigningKey, serial: int = 1, expires_s: int = FAR_S
    ) -> Certificate:
        public_key = bytes(key.verify_key)
        return Certificate(
            role=role, area=AREA, public_key=public_key, serial=serial, expires_s=expires_s
        )

    def set_time(self, unix_s: int = NOW_S) -> tuple[int, int]:
        nonce, anchor = self.status()["nonce"], self.tickets.anchor(self.address)
        beacon = Beacon(nonce=nonce, time_ms=unix_s * 1000, tickets=anchor)
        end = self.put(beacon, self.gateway)
        if end[0] == codes.INBOX_ACCEPTED:
            self.tickets.told(self.address, anchor)
        return end

    def ticket(self) -> bytes:
        """The gateway's next one."""
        return self.tickets.take(self.address)

    def ack(
        self, epoch: int, seq: int, data: bytes, ticket: bytes | None = None
    ) -> tuple[int, int]:
        head = identity.record_hash(data)
        ack = Ack(device=self.address, epoch=epoch, seq=seq, head=head)
        return self.put(ack, self.gateway, ticket=ticket)

    def command(self, counter: int, action: int, **changes: Any) -> Command:
        fields = {
            "id": struct.pack(">Q", counter),
            "counter": counter,
            "target": self.address,
            "asset": 0,
            "action": action,
            "value": 0,
            "not_before_s": NOW_S - 10,
            "expires_s": FAR_S,
            "height": 7,
            "index": 0,
        }
        return Command(**(fields | changes))


def verify(public_key: bytes, opened: registry.Opened) -> None:
    """Check a record's signature with libsodium."""
    from nacl.signing import VerifyKey

    VerifyKey(public_key).verify(opened.to_be_signed, opened.signature)
    assert opened.kid == identity.kid(public_key)
    assert len(opened.signature) == cose.SIGNATURE_BYTES


def config(root: SigningKey) -> dict[str, Any]:
    """A meter with two modules and two relays."""
    return {
        "role": "meter",
        "name": "m1",
        "chain_id": CHAIN,
        "area": AREA,
        "operator_root": bytes(root.verify_key).hex(),
        "bus": {"address": 1, "baud": 115200, "uart": 1},
        "metering": {"driver": "pzem004t", "uart": 2, "poll_ms": 200},
        "channels": [
            {"kind": "load", "energy": "grid", "sensor": 1},
            {"kind": "generation", "energy": "solar", "sensor": 2},
        ],
        "relays": [
            {"pin": 26, "safe": "closed", "name": "water_heater", "min_between_s": 0},
            {"pin": 27, "safe": "open", "name": "ev", "min_between_s": 0},
        ],
        "interval_s": 2,
        "boundary_s": 4,
        "comms_timeout_s": 300,
        "restore_delay_s": [0, 0],
        "journal_kib": 64,
        "wdt_ms": 30000,
    }


def started(bench: Workbench) -> Workbench:
    """Power on; certificates and time as a gateway gives them."""
    bench.board.start()
    bench.wait_for_bus()
    bench.certify()
    assert bench.set_time() == (codes.INBOX_ACCEPTED, codes.R_NONE)
    return bench


def wait_for(bench: Workbench, what: Any, timeout_s: float = 10) -> Any:
    """Poll the chain until `what(records)` is true; the records."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        records = bench.records()
        if what(records):
            return records
        time.sleep(0.1)
    raise TimeoutError(f"{[item[1] for item in records]}\n{bench.console()}")
