"""The USB cable of an emulated board: a PTY for the computer's side, and a relay behind it.

The relay turns ^C into SIGINT, newlines into CR LF as a chip's console does, and powers the board
on again after a reset. `pull` takes the cable and, as on a devkit, the power away.
"""

import contextlib
import os
import pty
import select
import signal
import subprocess
import threading
import time
import tty
from pathlib import Path

from truewatt.emulator.board import EmulatedBoard, ExitReason

_CTRL_C = b"\x03"
_PATIENCE_S = 20.0
_CRASH_PAUSE_S = 1.0
_SIGNAL_S = 0.02
_BITS_A_BYTE = 10
_STEP_BYTES = 64


class Console:
    """A board at a cable whose near end is `port`, a path as a program opens it.

    `machine` and `version` are what the board says it is; `baud`: bytes take as long as on a UART
    of that speed (None: at once).
    """

    def __init__(
        self,
        board: EmulatedBoard,
        port: Path,
        machine: str,
        version: tuple[int, int, int] = (1, 25, 0),
        baud: int | None = None,
    ) -> None:
        self.board, self.port = board, port
        self._says = {"machine": machine, "version": list(version)}
        self._byte_s = _BITS_A_BYTE / baud if baud else 0.0
        self._cut_after: int | None = None
        self._threads: list[threading.Thread] = []
        self._heard = threading.Event()
        self._ready = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._plugged = False
        self._master = self._slave = -1

    def plug(self) -> None:
        """Connect the cable: the board gets power."""
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        tty.setraw(self._master)
        # A computer that doesn't read must not stop the relay.
        os.set_blocking(self._master, False)
        self.port.unlink(missing_ok=True)
        self.port.symlink_to(os.ttyname(self._slave))
        self._plugged = True
        self._threads = [
            threading.Thread(target=work, daemon=True)
            for work in (self._towards_host, self._towards_board)
        ]
        for thread in self._threads:
            thread.start()

    def pull(self) -> None:
        """Pull the cable; returns when nothing of it is left."""
        self._disconnect()
        for thread in self._threads:
            thread.join(_PATIENCE_S)
        os.close(self._master)

    def pull_after(self, count: int) -> None:
        """Pull the cable once the computer has sent `count` further bytes."""
        self._cut_after = count

    def wait_until_pulled(self, timeout_s: float = _PATIENCE_S) -> None:
        """Wait for what `pull_after` announced, and tidy up behind it."""
        deadline = time.monotonic() + timeout_s
        while self._plugged and time.monotonic() < deadline:
            time.sleep(0.02)
        self.pull()

    def _disconnect(self) -> None:
        if not self._plugged:
            return
        self._plugged = False
        self.port.unlink(missing_ok=True)
        os.close(self._slave)
        if self._process is not None:
            self._process.kill()

    # ---- the board's side: starts it, in a thread that lives as long as it must ---------------

    def _towards_host(self) -> None:
        raw = False
        while self._plugged:
            self._ready.clear()
            process = self.board.open_console(self._says | {"raw": raw})
            self._process = process
            if not self._plugged:
                process.kill()
            assert process.stdout is not None
            assert process.stdin is not None
            self._copy_out(process.stdout.fileno())
            process.wait()
            raw = process.returncode == ExitReason.SOFT_RESET_RAW.value
            with contextlib.suppress(OSError):
                process.stdin.close()
            process.stdout.close()
            if process.returncode == ExitReason.EXCEPTION.value:
                time.sleep(_CRASH_PAUSE_S)

    def _copy_out(self, source: int) -> None:
        """What the board prints, until it ends; then nobody is ready for what comes."""
        try:
            self._copy_until_end(source)
        finally:
            self._ready.clear()

    def _copy_until_end(self, source: int) -> None:
        while data := os.read(source, _STEP_BYTES * 16):
            self._ready.set()
            self._heard.set()
            with (self.board.directory / "console.log").open("ab") as log:
                log.write(data)
            data = data.replace(b"\n", b"\r\n")
            time.sleep(len(data) * self._byte_s)
            while data and self._plugged:
                # Nobody may be listening: then a UART's bytes are lost, and a PTY's wait.
                if not select.select([], [self._master], [], 0.2)[1]:
                    break
                with contextlib.suppress(BlockingIOError):
                    data = data[os.write(self._master, data[:_STEP_BYTES]) :]

    # ---- the computer's side --------------------------------------------------------------------

    def _towards_board(self) -> None:
        while self._plugged:
            if not select.select([self._master], [], [], 0.1)[0]:
                continue
            try:
                data = os.read(self._master, _STEP_BYTES)
            except OSError:
                return
            time.sleep(len(data) * self._byte_s)
            for part in _split(data):
                while self._plugged and not self._ready.wait(0.2):
                    pass
                self._interrupt() if part == _CTRL_C else self._write(part)
            self._count(len(data))

    def _count(self, size: int) -> None:
        if self._cut_after is None:
            return
        self._cut_after -= size
        if self._cut_after <= 0:
            self._cut_after = None
            self._disconnect()

    def _write(self, data: bytes) -> None:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            os.write(process.stdin.fileno(), data)

    def _interrupt(self) -> None:
        """Signals and bytes go different ways: wait until the board has said something to it."""
        self._heard.clear()
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
        self._heard.wait(2.0)
        time.sleep(_SIGNAL_S)


def _split(data: bytes) -> list[bytes]:
    parts: list[bytes] = []
    for at, piece in enumerate(data.split(_CTRL_C)):
        parts += [_CTRL_C] if at else []
        parts += [piece] if piece else []
    return parts
