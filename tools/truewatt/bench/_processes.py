"""Processes that a benchmark starts, each ended with it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from truewatt.lifeline import dies_with_us
from truewatt.toolchain import debian_tool

_PATIENCE_S = 20.0


def free_port() -> int:
    """A port on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def child(argv: Sequence[str]) -> "Iterator[subprocess.Popen[str]]":
    """`python -m argv`, with pipes for its words; killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", *argv],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=dies_with_us(),  # noqa: PLW1509 - nothing but system calls
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def mosquitto(folder: Path, port: int) -> "Iterator[subprocess.Popen[bytes]]":
    """A real Mosquitto on `port`, set as `gateway mqtt-setup` sets it but for TLS.

    And without a bound of its queue: a load that comes as fast as it can would lose by it.
    """
    config = folder / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\nlog_type error\n"
        f"persistence true\npersistence_location {folder}/\nautosave_interval 300\n"
        "max_inflight_messages 0\nmax_queued_messages 0\nmax_packet_size 2048\n"
        "retain_available false\nset_tcp_nodelay true\n"
    )
    process = subprocess.Popen(
        [*debian_tool("mosquitto"), "-c", str(config)],
        stderr=subprocess.DEVNULL,
        preexec_fn=dies_with_us(),  # noqa: PLW1509 - nothing but system calls
    )
    try:
        _wait_for(port)
        yield process
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port}")


def rss_mb(pid: int) -> float:
    """Memory that a process holds, in MB; 0 if it ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def cpu_seconds(pid: int | str) -> float:
    """CPU time that a process has used, its own and the system's for it.

    A name below /proc, such as `self/task/7`, will do as well.
    """
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
