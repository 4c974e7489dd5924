"""What belongs to one emulated board, as plain data, and the files that hold its state."""

import hashlib
import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from truewatt.toolchain.paths import project_root

FLASH_BYTES = 2 * 1024 * 1024
# How long a board waits at power-on for the world's devices, real milliseconds.
_PATIENCE_MS = 60_000


class ExitReason(Enum):
    """Why a board's process ended, by its return code (negative: a signal)."""

    RETURNED = 0
    EXCEPTION = 1
    RESET = 3
    FLASH_CORRUPT = 4
    FLASH_BUSY = 5
    SOFT_RESET = 6
    SOFT_RESET_RAW = 7
    POWER_CUT = -9
    WATCHDOG = -14
    STOPPED = -15
    MAINS_LOST = -30
    HARD_FAULT = None

    @classmethod
    def of(cls, returncode: int) -> "ExitReason":
        """Return the reason for a return code; signals not listed are hard faults."""
        return next((reason for reason in cls if reason.value == returncode), cls.HARD_FAULT)

    @property
    def reset_cause(self) -> int:
        """What machine.reset_cause() says after it (constants of the ESP32 port)."""
        power_on, hard, watchdog, soft = 1, 2, 3, 5
        causes = {
            ExitReason.RESET: hard,
            ExitReason.HARD_FAULT: hard,
            ExitReason.WATCHDOG: watchdog,
            ExitReason.SOFT_RESET: soft,
            ExitReason.SOFT_RESET_RAW: soft,
        }
        return causes.get(self, power_on)


@dataclass(frozen=True)
class Charges:
    """The chip's time in microseconds, charged where the machine is faster.

    Defaults: a typical 4 KiB sector erase and page program of the NOR flash on ESP32 modules
    (45 ms, 0.7 ms), and the mean slice of Ed25519: with it a signature and its check take what is
    estimated for them at 1.6 cycles an instruction (docs/crypto.md). The longest takes 5 ms.
    """

    erase_block_us: int = 45_000
    program_page_us: int = 700
    crypto_slice_us: int = 3_000


NO_CHARGES = Charges(0, 0, 0)


@dataclass(frozen=True)
class BoardSpec:
    """One board: its name, its wires, and how true to the chip it is.

    `arch`: as `truewatt.toolchain.micropython` takes it; `heap_kib`: what the firmware has on a
    board with 32-bit words (doubled on 64-bit ones); `firmware`: source tree, the project's if
    None; `spi`, `i2c`: registers of a chip there (wires/atm90e32.py, ade7953.py); `counters`: it
    counts pulses of its pins in hardware; `flash_image`: in the board's folder if None; `radio`: it
    has one, with a network that is there while no file `radio.down` is in the board's folder;
    `ble`: socket of the air that its BLE radio is in;
    `paced`: UART.flush lasts as long as bits; `gc_patience`: how many times less often than the
    firmware asks its heap is collected; `crystal_ppm`: how much too fast its ticks are.
    """

    name: str
    uart1: Path | None = None
    uart2: Path | None = None
    pins: Path | None = None
    spi: Path | None = None
    i2c: Path | None = None
    counters: bool = False
    arch: str = "native"
    heap_kib: int = 128
    charges: Charges = Charges()
    flash_image: Path | None = None
    firmware: Path | None = None
    precompiled: bool = True
    radio: bool = False
    ble: Path | None = None
    paced: bool = False
    gc_patience: int = 1
    report_heap_s: int = 0
    crystal_ppm: int = 0

    @property
    def firmware_tree(self) -> Path:
        """The firmware's sources."""
        if self.firmware is not None:
            return self.firmware
        root = project_root()
        if root is None:
            raise FileNotFoundError("no firmware tree: name one in BoardSpec.firmware")
        return root / "firmware"

    @property
    def unique_id(self) -> bytes:
        """A stable MAC-like address, locally administered."""
        return b"\x02" + hashlib.sha256(self.name.encode()).digest()[:5]


def ensure_flash(path: Path) -> None:
    """Make an erased flash chip, unless there is one."""
    if not path.exists():
        new = path.with_suffix(".new")
        new.write_bytes(b"\xff" * FLASH_BYTES)
        new.replace(path)


def usable(heap_bytes: int, words: int) -> int:
    """Of a heap of so many bytes, those that are not the collector's own tables.

    MicroPython keeps two bits for each block of four words, and one for its finaliser (py/gc.c).
    """
    block_bits = 128 * words
    return heap_bytes * block_bits // (block_bits + 3)


def write_board_json(
    path: Path,
    spec: BoardSpec,
    flash_image: Path,
    rom: Path,
    last_exit: ExitReason,
    heap_bytes: int,
) -> None:
    """Write what chip/boot.py reads; `heap_bytes`: of the heap, what the firmware can use."""
    uarts = {"1": spec.uart1, "2": spec.uart2}
    board: dict[str, Any] = {
        "name": spec.name,
        "rom": str(rom.absolute()),
        "flash_image": str(flash_image.absolute()),
        "nvs": str(path.parent.absolute() / "nvs.json"),
        "uarts": {port: str(tty.absolute()) for port, tty in uarts.items() if tty is not None},
        "spi": None if spec.spi is None else str(spec.spi.absolute()),
        "i2c": None if spec.i2c is None else str(spec.i2c.absolute()),
        "counters": spec.counters,
        "pins": None if spec.pins is None else str(spec.pins.absolute()),
        "charges": vars(spec.charges),
        "paced": spec.paced,
        "network": str(path.parent.absolute() / "radio.down") if spec.radio else None,
        "ble": None if spec.ble is None else str(spec.ble.absolute()),
        "gc_patience": spec.gc_patience,
        "report_heap_s": spec.report_heap_s,
        "heap_bytes": heap_bytes,
        "reset_cause": last_exit.reset_cause,
        "unique_id": list(spec.unique_id),
        "patience_ms": _PATIENCE_MS,
    }
    new = path.with_suffix(".new")
    new.write_text(json.dumps(board))
    new.replace(path)
