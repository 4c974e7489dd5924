"""An emulated board: real MicroPython as a process, with its own flash, NVS and wires."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

from truewatt.emulator.board_files import (
    NO_CHARGES,
    BoardSpec,
    Charges,
    ExitReason,
    ensure_flash,
    usable,
    write_board_json,
)
from truewatt.emulator.mpy_tree import build_tree
from truewatt.lifeline import dies_with_us
from truewatt.toolchain import describe
from truewatt.toolchain.errors import ToolchainError

__all__ = ["NO_CHARGES", "BoardError", "BoardSpec", "Charges", "EmulatedBoard", "ExitReason"]

_CHIP = Path(__file__).parent / "chip"
# Room for the emulation beside the firmware's heap, more than it takes: what is left of it when
# the firmware starts is held back (chip/boot.py).
_EMULATION_KIB = 64
_STOP_PATIENCE_S = 5.0
_CABLE_TIMEOUT_S = 120.0


class BoardError(ToolchainError):
    """A board did not do what was asked of it through the programmer's cable."""


class EmulatedBoard:
    """One board in its folder `directory`; all its state is there, so it outlives this object.

    Its process does not: it ends with the thread that started it.
    """

    def __init__(
        self, directory: Path, spec: BoardSpec, environment: dict[str, str] | None = None
    ) -> None:
        self.spec = spec
        self.directory = directory
        self.log_path = directory / "console.log"
        self.flash_image = spec.flash_image or directory / "flash.bin"
        self._environment = environment or {}
        self._process: subprocess.Popen[bytes] | None = None
        self._rom: Path | None = None
        # Of its BLE radio, as provisioning said it last.
        self.passkey: int | None = None
        directory.mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        """Power on. The console goes to `log_path`."""
        if self.poll() is None and self._process is not None:
            raise BoardError("the board is on already", self.spec.name, "Stop it first.")
        argv = self._prepare()
        with self.log_path.open("ab") as log:
            self._process = self._spawn(argv, log)

    @property
    def pid(self) -> int | None:
        """The process id of the running board."""
        return None if self._process is None else self._process.pid

    def poll(self) -> int | None:
        """The return code of the last run; None while it runs or if there was none."""
        return None if self._process is None else self._process.poll()

    @property
    def exit_reason(self) -> ExitReason | None:
        """Why the last run ended; None while it runs or if there was none."""
        code = self.poll()
        return None if code is None else ExitReason.of(code)

    def kill(self) -> None:
        """Cut the power now (SIGKILL)."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Take the board out of service (SIGTERM); flash and NVS stay as at a power cut."""
        self._end(signal.SIGTERM)

    def wait(self, timeout_s: float) -> int:
        """Wait for the end of the run; its return code. Raises subprocess.TimeoutExpired."""
        if self._process is None:
            raise BoardError("the board was never on", self.spec.name, "Start it first.")
        return self._process.wait(timeout_s)

    def execute(self, code: str, timeout_s: float = _CABLE_TIMEOUT_S) -> str:
        """Run code as a programmer's cable would, main.py not running; what it printed.

        Raises BoardError with the console's last words if the code fails.
        """
        argv = [*self._prepare(), str(self.directory / "cable.py")]
        (self.directory / "cable.py").write_text(code)
        with self._spawn(argv, subprocess.PIPE) as process:
            try:
                said = process.communicate(timeout=timeout_s)[0].decode("utf-8", "replace")
            except subprocess.TimeoutExpired:
                process.kill()
                raise BoardError(
                    f"no answer in {timeout_s:.0f} s", self.spec.name, "See what it waits for."
                ) from None
        if process.returncode:
            raise BoardError(
                f"{ExitReason.of(process.returncode).name}: {said.strip()[-2000:]}",
                self.spec.name,
                "Correct what the board says.",
            )
        return said

    def open_console(self, says: dict[str, Any]) -> "subprocess.Popen[bytes]":
        """Power on with the console on the process's pipes (wires/console.py gives it a cable)."""
        argv = [*self._prepare(), "--console", json.dumps(says)]
        self._process = self._spawn(argv, subprocess.PIPE, subprocess.PIPE)
        return self._process

    def provision(self, config: dict[str, Any]) -> bytes:
        """Make the board's key if it has none, write its /config.json; its signed enrolment."""
        text = json.dumps(config)
        said = self.execute(f"import provision; provision.run({text!r})")
        words = dict(line.split(" ", 1) for line in said.splitlines() if " " in line)
        if "PASSKEY" in words:
            self.passkey = int(words["PASSKEY"])
        if "ENROLMENT" in words:
            return bytes.fromhex(words["ENROLMENT"])
        raise BoardError(f"no ENROLMENT line in {said!r}", self.spec.name, "See provision.run.")

    def info(self) -> dict[str, Any]:
        """What the firmware says of itself (provision.info)."""
        said = self.execute("import provision; provision.info()")
        info: dict[str, Any] = json.loads(said)
        return info

    def journal(self) -> list[tuple[int, bytes]]:
        """Every record still on the flash of this stopped board, as (type code, bytes)."""
        said = self.execute("import provision; provision.dump_journal()")
        lines = [line.split() for line in said.splitlines() if line.strip()]
        return [(int(code), bytes.fromhex(record)) for code, record in lines]

    def _prepare(self) -> list[str]:
        """Lay out what the board needs for its next run; the command line for it."""
        interpreter = describe(self.spec.arch)
        ensure_flash(self.flash_image)
        argv = tuple(interpreter.argv)
        if self._rom is None:
            # Once: a board that comes back after a power cut has the firmware that it had, though
            # somebody may be editing the sources.
            tree = self.spec.firmware_tree
            self._rom = build_tree(tree, argv) if self.spec.precompiled else tree
        config = self.directory / "board.json"
        last_exit = self.exit_reason or ExitReason.POWER_CUT
        words = interpreter.word_bits // 32
        heap_bytes = self.spec.heap_kib * 1024 * words
        write_board_json(
            config, self.spec, self.flash_image, self._rom, last_exit, usable(heap_bytes, words)
        )
        heap = f"heapsize={heap_bytes + _EMULATION_KIB * 1024 * words}"
        chip = build_tree(_CHIP, argv)
        return [*argv, "-X", heap, str(chip / "boot.py"), str(config)]

    def _spawn(
        self, argv: list[str], output: Any, source: int = subprocess.DEVNULL
    ) -> "subprocess.Popen[bytes]":
        crystal = {"TRUEWATT_CRYSTAL_PPM": str(self.spec.crystal_ppm)}
        return subprocess.Popen(
            argv,
            stdin=source,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "MICROPYPATH": "", **crystal, **self._environment},
            # Not in the terminal's group: ^C is for whoever supervises the boards.
            process_group=0,
            preexec_fn=dies_with_us(),  # noqa: PLW1509 - nothing but system calls
        )

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(_STOP_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
