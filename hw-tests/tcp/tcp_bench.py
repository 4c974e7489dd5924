"""A workbench's board on the air: the same requests as on its bus, in MBAP frames."""

import contextlib
import socket
import struct
import time
from pathlib import Path
from typing import Any

from workbench import Workbench

from gateway.tests.mqtt.broker import free_port


class Connection:
    """One TCP connection; requests are numbered."""

    def __init__(self, port: int, timeout_s: float = 5) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout_s)
        self.number = 0

    def send(self, pdu: bytes, unit: int = 1) -> None:
        self.number += 1
        self.socket.sendall(struct.pack(">HHHB", self.number, 0, len(pdu) + 1, unit) + pdu)

    def receive(self) -> bytes:
        """The next answer's PDU; empty if the board ended the connection."""
        head = self._exactly(7)
        if not head:
            return b""
        number, protocol, size, unit = struct.unpack(">HHHB", head)
        assert (number, protocol, unit) == (self.number, 0, 1)
        return self._exactly(size - 1)

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            try:
                part = self.socket.recv(size - len(data))
            except ConnectionResetError:
                return b""
            if not part:
                return b""
            data += part
        return data

    def ended(self, within_s: float) -> bool:
        """Whether the board ends the connection within that time."""
        self.socket.settimeout(within_s)
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False

    def close(self) -> None:
        self.socket.close()


class TcpBench(Workbench):
    """A board without a bus; `config` is what else its configuration has."""

    def __init__(
        self,
        folder: Path,
        speed: int = 1,
        connections: int = 2,
        config: dict[str, Any] | None = None,
        **spec: Any,
    ) -> None:
        self.port = free_port()
        tcp = {"ssid": "site", "psk": "secret", "port": self.port, "connections": connections}
        changes = {"tcp": tcp, "bus": None} | (config or {})
        self.connection: Connection | None = None
        super().__init__(folder, changes, speed, radio=True, **spec)

    def connect(self) -> Connection:
        return Connection(self.port)

    def ask(self, pdu: bytes, timeout_s: float = 5) -> bytes:
        deadline = time.monotonic() + max(timeout_s, 20)
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if self.connection is None:
                    self.connection = self.connect()
                self.connection.send(pdu)
                if answer := self.connection.receive():
                    return answer
            if self.connection is not None:
                self.connection.close()
                self.connection = None
            time.sleep(0.1)
        raise TimeoutError(f"no answer; console:\n{self.console()}")

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
        super().close()
