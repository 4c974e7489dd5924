"""Real brokers for tests: Mosquitto from Debian, and the gateway's own embedded one."""

import contextlib
import socket
import subprocess
import sys
import time
from pathlib import Path

from truewatt.lifeline import dies_with_us
from truewatt.toolchain import debian_tool

PATIENCE_S = 20.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class RealBroker:
    """Mosquitto, persistent in `folder`; `kill` is SIGKILL, `start` may come again."""

    def __init__(self, folder: Path, config: Path | None = None, port: int = 0) -> None:
        self.port = port or free_port()
        self.folder = folder
        self.config = config or self._plain()
        self._process: subprocess.Popen | None = None

    def _plain(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "mosquitto.conf"
        path.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence true\n"
            f"persistence_location {self.folder}/\nautosave_interval 1\n"
            "max_inflight_messages 0\nmax_queued_messages 0\n"
            "user root\nset_tcp_nodelay true\n"
        )
        return path

    def argv(self) -> list[str]:
        return [*debian_tool("mosquitto"), "-c", str(self.config)]

    def start(self) -> None:
        with (self.folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.argv(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                preexec_fn=dies_with_us(),  # noqa: PLW1509
            )
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            assert self._process.poll() is None, (self.folder / "broker.log").read_text()
            time.sleep(0.02)
        raise AssertionError("the broker's port did not open")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class EmbeddedBroker(RealBroker):
    """The gateway's embedded broker as the process that it is."""

    def argv(self) -> list[str]:
        return [sys.executable, "-m", "gateway.mqtt.broker", "127.0.0.1", str(self.port)]
