"""`truewatt bench crypto`: what Ed25519 costs a board, against the bars it must meet.

Instructions are ARMv7's, of the committed code compiled by mpy-cross, counted under qemu: they
repeat within half a percent where times do not. Counts are of N operations less those of none.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from truewatt.bench._crypto_scripts import GARBAGE, HEAP, OPERATIONS, SLICES
from truewatt.bench._instructions import count_instructions
from truewatt.cli import run
from truewatt.mpybuild import compile_package, native_march
from truewatt.toolchain import micropython

CRYPTO = Path(__file__).resolve().parents[3] / "firmware" / "crypto"
MILLION = 1_000_000
REPEATS = 4
HEAP_BYTES = 64 * 1024
# What the prototype's counts and its reported times on an ESP32 amount to.
ESP32_HZ = 240 * MILLION
ESP32_CYCLES_PER_INSTRUCTION = (1.2, 1.6)


@dataclass(frozen=True)
class Figure:
    """One line of the table; `limit` None where there is no bar."""

    name: str
    value: int
    unit: str
    limit: int | None
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether the bar, if any, is met."""
        return self.limit is None or self.value <= self.limit

    def row(self) -> str:
        """The line of the table."""
        limit = "" if self.limit is None else f"{self.limit:,}"
        verdict = "" if self.limit is None else ("pass" if self.passed else "FAIL")
        return (
            f"{self.name:34} {self.value:>12,} {self.unit:12} {limit:>12} {verdict:5} {self.note}"
        )


def _progress(text: str) -> None:
    print(f"truewatt: {text}", file=sys.stderr, flush=True)


def _esp32_ms(instructions: int) -> str:
    low, high = (instructions * c / ESP32_HZ * 1000 for c in ESP32_CYCLES_PER_INSTRUCTION)
    return f"about {low:.0f}-{high:.0f} ms on an ESP32"


def _operation_counts(modules: Path) -> Iterator[Figure]:
    operations = (
        ("sign", "sign, 100 B", 5 * MILLION),
        ("verify", "verify, 100 B", 16_500_000),
        ("sign_key", "SigningKey.sign, 100 B", None),
        ("sign_first", "first sign with a seed, 100 B", None),
        ("public_key", "SigningKey (a public key)", None),
    )
    for operation, name, limit in operations:
        _progress(f"counting instructions: {name}")
        none = count_instructions(OPERATIONS, modules, operation, "0").total
        some = count_instructions(OPERATIONS, modules, operation, str(REPEATS)).total
        count = (some - none) // REPEATS
        yield Figure(name, count, "instructions", limit, _esp32_ms(count))


def _largest_slice(modules: Path) -> Figure:
    _progress("counting instructions: slices")
    largest = 0
    for message_bytes in (0, 100, 255, 256, 1000):
        count = count_instructions(SLICES, modules, str(message_bytes))
        largest = max(largest, *count.between_marks)
    return Figure("largest slice", largest, "instructions", 800_000, _esp32_ms(largest))


def _run_32bit(script: str, modules: Path, *options: str) -> int:
    done = subprocess.run(
        [*micropython("32bit"), *options, "-c", script],
        env={**os.environ, "MICROPYPATH": str(modules)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode:
        _progress(f"32-bit MicroPython said: {done.stdout + done.stderr}".strip())
        return sys.maxsize
    return int(done.stdout)


def _memory(modules: Path) -> Iterator[Figure]:
    _progress("measuring memory with 32-bit words")
    yield Figure("garbage per signature", _run_32bit(GARBAGE, modules), "bytes", 4096)
    used = _run_32bit(HEAP, modules, "-X", f"heapsize={HEAP_BYTES}")
    yield Figure("heap held, of 64 KB", used, "bytes", HEAP_BYTES, "after import, sign, verify")


def _size(folder: Path) -> Figure:
    _progress("compiling for xtensawin")
    size = sum(path.stat().st_size for path in compile_package(CRYPTO, folder, "xtensawin"))
    return Figure("xtensawin .mpy, all modules", size, "bytes", 28_000)


def measure() -> Iterator[Figure]:
    """Every figure, in the order of the table."""
    with TemporaryDirectory(prefix="truewatt-bench-") as scratch:
        arm, words32 = Path(scratch, "arm"), Path(scratch, "words32")
        compile_package(CRYPTO, arm, native_march(micropython("armhf")))
        compile_package(CRYPTO, words32, native_march(micropython("32bit")))
        yield from _operation_counts(arm)
        yield _largest_slice(arm)
        yield from _memory(words32)
        yield _size(Path(scratch, "xtensawin"))


def main(argv: list[str]) -> int:
    """Print the table; return 1 if a bar is missed."""
    if argv:
        print("usage: truewatt bench crypto\n\n" + (__doc__ or ""))
        return 0 if argv[0] in {"-h", "--help"} else 2
    print(f"{'figure':34} {'value':>12} {'unit':12} {'limit':>12}")
    passed = True
    for figure in measure():
        print(figure.row(), flush=True)
        passed = passed and figure.passed
    low, high = ESP32_CYCLES_PER_INSTRUCTION
    print(f"ESP32 times: estimated, 240 MHz, {low} to {high} cycles per ARMv7 instruction.")
    return 0 if passed else 1


if __name__ == "__main__":
    # The command line's way of running a module explains errors instead of tracing them.
    sys.exit(run("truewatt.bench.crypto", sys.argv[1:]))
