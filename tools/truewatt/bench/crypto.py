"""`truewatt bench crypto`: what Ed25519 costs a board, against the bars it must meet.

Instructions are ARMv7's, of the committed code compiled by mpy-cross, counted under qemu: they
repeat within half a percent where times do not. Counts are of N operations less those of none.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from truewatt.bench._crypto_scripts import GARBAGE, HEAP, OPERATIONS, SLICES
from truewatt.bench._figures import MILLION, Figure, esp32_ms, print_table, progress
from truewatt.bench._instructions import count_instructions
from truewatt.cli import run
from truewatt.mpybuild import compile_package, native_march
from truewatt.toolchain import micropython

CRYPTO = Path(__file__).resolve().parents[3] / "firmware" / "crypto"
REPEATS = 4
HEAP_BYTES = 64 * 1024


def operation_counts(modules: Path) -> Iterator[Figure]:
    """ARMv7 instructions of each operation, by the modules in a folder."""
    operations = (
        ("sign", "sign, 100 B", 5 * MILLION),
        ("verify", "verify, 100 B", 16_500_000),
        ("sign_key", "SigningKey.sign, 100 B", None),
        ("sign_first", "first sign with a seed, 100 B", None),
        ("public_key", "SigningKey (a public key)", None),
    )
    for operation, name, limit in operations:
        progress(f"counting instructions: {name}")
        none = count_instructions(OPERATIONS, modules, operation, "0").total
        some = count_instructions(OPERATIONS, modules, operation, str(REPEATS)).total
        count = (some - none) // REPEATS
        yield Figure(name, count, "instructions", limit, esp32_ms(count))


def _largest_slice(modules: Path) -> Figure:
    progress("counting instructions: slices")
    largest = 0
    for message_bytes in (0, 100, 255, 256, 1000):
        count = count_instructions(SLICES, modules, str(message_bytes))
        largest = max(largest, *count.between_marks)
    return Figure("largest slice", largest, "instructions", 800_000, esp32_ms(largest))


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
        progress(f"32-bit MicroPython said: {done.stdout + done.stderr}".strip())
        return sys.maxsize
    return int(done.stdout)


def _memory(modules: Path) -> Iterator[Figure]:
    progress("measuring memory with 32-bit words")
    yield Figure("garbage per signature", _run_32bit(GARBAGE, modules), "bytes", 4096)
    used = _run_32bit(HEAP, modules, "-X", f"heapsize={HEAP_BYTES}")
    yield Figure("heap held, of 64 KB", used, "bytes", HEAP_BYTES, "after import, sign, verify")


def _size(folder: Path) -> Figure:
    progress("compiling for xtensawin")
    size = sum(path.stat().st_size for path in compile_package(CRYPTO, folder, "xtensawin"))
    return Figure("xtensawin .mpy, all modules", size, "bytes", 28_000)


def measure() -> Iterator[Figure]:
    """Every figure, in the order of the table."""
    with TemporaryDirectory(prefix="truewatt-bench-") as scratch:
        arm, words32 = Path(scratch, "arm"), Path(scratch, "words32")
        compile_package(CRYPTO, arm, native_march(micropython("armhf")))
        compile_package(CRYPTO, words32, native_march(micropython("32bit")))
        yield from operation_counts(arm)
        yield _largest_slice(arm)
        yield from _memory(words32)
        yield _size(Path(scratch, "xtensawin"))


def main(argv: list[str]) -> int:
    """Print the table; return 1 if a bar is missed."""
    return print_table("crypto", __doc__ or "", measure, argv)


if __name__ == "__main__":
    # The command line's way of running a module explains errors instead of tracing them.
    sys.exit(run("truewatt.bench.crypto", sys.argv[1:]))
