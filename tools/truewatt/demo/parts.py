"""A process of the run: started, watched, restarted, stopped; always by its own process id."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol

from truewatt.lifeline import dies_with_us

STOP_GRACE_S = 10.0


class Part(Protocol):
    """What the supervisor needs of a process."""

    name: str

    def start(self) -> None:
        """Start the process; it must not be running."""

    def kill(self) -> None:
        """SIGKILL and reap: a power cut."""

    def stop(self) -> None:
        """SIGTERM, wait, and SIGKILL if it does not end; then reap."""

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""


class ProcessPart:
    """A part that is one command, its output appended to `log_path`.

    It ends with the supervisor at the latest, even with a killed one.
    """

    def __init__(
        self, name: str, argv: Sequence[str], env: Mapping[str, str], log_path: Path
    ) -> None:
        self.name = name
        self.argv = list(argv)
        self.env = dict(env)
        self.log_path = log_path
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log: IO[bytes]
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self.argv,
                env={**os.environ, **self.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A group of its own: ^C in the terminal reaches the supervisor alone, which then
                # stops the parts in order.
                start_new_session=True,
                preexec_fn=dies_with_us(),  # noqa: PLW1509 - nothing but system calls
            )

    @property
    def pid(self) -> int | None:
        """The process id of the last start."""
        return None if self._process is None else self._process.pid

    def kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_GRACE_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def poll(self) -> int | None:
        return 0 if self._process is None else self._process.poll()


def wait_for_file(path: Path, part: Part, seconds: float) -> None:
    """Wait until `part` has written `path`; raises `PartFailed` if it ends or is too slow."""
    deadline = time.monotonic() + seconds
    while not path.exists():
        code = part.poll()
        if code is not None:
            raise PartFailed(f"{part.name} ended with code {code} before it was ready")
        if time.monotonic() > deadline:
            raise PartFailed(f"{part.name} was not ready after {seconds:g} s")
        time.sleep(0.02)


class PartFailed(RuntimeError):
    """A process of the run did not come up; its log says why."""
