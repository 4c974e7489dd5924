"""`truewatt bench firmware`: what a board's work costs, against the bars it must meet.

Instructions are ARMv7's, of the firmware as boards load it (compiled by mpy-cross), counted under
qemu. Counts are of N pieces of work less those of none, and less what the flash of RAM costs that
stands under LittleFS here (the longest stretch includes it). Heap is of whole emulated boards with
32-bit words, sizes are of the images for two kinds of chip.
"""

import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from truewatt.bench._figures import MILLION, Figure, esp32_ms, print_table, progress
from truewatt.bench._firmware_scripts import RUN, bench_tree
from truewatt.bench._instructions import count_instructions
from truewatt.bench.crypto import operation_counts
from truewatt.cli import run
from truewatt.emulator.board import NO_CHARGES, BoardSpec, EmulatedBoard
from truewatt.emulator.board_files import FLASH_BYTES
from truewatt.emulator.mpy_tree import compile_tree
from truewatt.emulator.physics.channel import Channel
from truewatt.emulator.wires.atm90e32 import Atm90e32Chip, Balanced
from truewatt.emulator.wires.pins import bind_unix
from truewatt.emulator.wires.tty import Tty
from truewatt.mpybuild import compile_package, native_march
from truewatt.toolchain import micropython
from truewatt.toolchain.paths import project_root

REPEATS = 3
HEAP_KIB = 128
FREE_BYTES = 20 * 1024
SLICE = 800_000
_WORK = (
    ("record", "record: measure, sign, journal", 6 * MILLION),
    ("forged", "command check, signature included", 18 * MILLION),
    ("executed", "command with relay and outcome", None),
)
_IMAGES = ("xtensawin", "rv32imc")
_BOOT_PATIENCE_S = 30.0


def _firmware() -> Path:
    root = project_root()
    if root is None:
        raise FileNotFoundError("no checkout here: the firmware's sources are in one")
    return root / "firmware"


def _flash_of_ram(path: Path, what: str) -> int:
    """What the flash of RAM costs in REPEATS pieces of work: a chip's is no Python."""
    replayed, logged = (
        count_instructions(RUN, path, what, str(REPEATS), option).total
        - count_instructions(RUN, path, what, "0", option).total
        for option in ("replay", "log")
    )
    return replayed - logged


def _work(tree: Path) -> Iterator[Figure]:
    path = Path(f"{tree}:{tree / 'shared'}:.frozen")
    longest = 0
    for what, name, limit in _WORK:
        progress(f"counting instructions: {name}")
        none = count_instructions(RUN, path, what, "0").total
        some = count_instructions(RUN, path, what, str(REPEATS)).total
        count = (some - none - _flash_of_ram(path, what)) // REPEATS
        yield Figure(name, count, "instructions", limit, esp32_ms(count))
        longest = max(longest, *count_instructions(RUN, path, what, "2", "marks").between_marks)
    yield Figure(
        "longest stretch without a yield", longest, "instructions", SLICE, esp32_ms(longest)
    )


BLE_METER = "meter over BLE"
ROLES = ("meter", "mlmd", BLE_METER)


def _config(role: str) -> dict[str, object]:
    common: dict[str, object] = {
        "role": role.split()[0],
        "name": "b",
        "chain_id": "bench",
        "area": 1,
        "operator_root": "ab" * 32,
        "bus": {"address": 1, "uart": 1},
        "interval_s": 10,
        "boundary_s": 60,
    }
    if role == "mlmd":
        return common | {
            "metering": {"driver": "atm90e32", "cs": 5},
            "channels": [{"kind": "section", "energy": "grid", "sensor": 1}],
            "relays": [{"pin": 26, "safe": "closed"}],
            "fixed_limit_w": 20_000,
        }
    if role == BLE_METER:
        common |= {"bus": None, "ble": {}}
    return common | {
        "metering": {"driver": "pzem004t", "uart": 2},
        "channels": [
            {"kind": "load", "energy": "grid", "sensor": 1},
            {"kind": "generation", "energy": "solar", "sensor": 2},
        ],
        "relays": [{"pin": 26, "safe": "closed"}, {"pin": 27, "safe": "open"}],
    }


def _free_heap(folder: Path, role: str) -> Figure:
    """What a board of that role says is free when it has started and collected garbage."""
    progress(f"starting a {role} with a heap of {HEAP_KIB} KiB")
    folder.mkdir()
    lines = [Tty(folder / name) for name in ("uart1", "uart2")]
    chip = Atm90e32Chip(Balanced(Channel()), folder / "spi", 5)
    air = bind_unix(folder / "air")
    air.listen()
    spec = BoardSpec(
        "b",
        lines[0].path,
        lines[1].path,
        spi=chip.path,
        arch="32bit",
        heap_kib=HEAP_KIB,
        charges=NO_CHARGES,
        ble=folder / "air" if role == BLE_METER else None,
    )
    board = EmulatedBoard(folder / "b", spec)
    board.provision(_config(role))
    board.start()
    try:
        free = _said_free(board)
    finally:
        board.kill()
        chip.close()
        air.close()
        for line in lines:
            line.close()
    note = f"after its start, of {HEAP_KIB} KiB"
    return Figure(f"heap free, {role}", free, "bytes", None, note)


def _said_free(board: EmulatedBoard) -> int:
    deadline = time.monotonic() + _BOOT_PATIENCE_S
    while time.monotonic() < deadline and board.poll() is None:
        for line in board.log_path.read_text(errors="replace").splitlines():
            if line.endswith(" bytes free"):
                return int(line.split()[-3])
        time.sleep(0.1)
    return 0


def _images(scratch: Path) -> Iterator[Figure]:
    for march in _IMAGES:
        progress(f"compiling for {march}")
        compile_tree(_firmware(), march, scratch / march)
        size = sum(path.stat().st_size for path in (scratch / march).rglob("*") if path.is_file())
        share = f"{100 * size / FLASH_BYTES:.0f} % of a 2 MiB filesystem"
        yield Figure(f"image for {march}", size, "bytes", FLASH_BYTES // 4, share)


def costs(scratch: Path) -> Iterator[Figure]:
    """What is counted in instructions: two operations of the curve, and a board's work."""
    arm = micropython("armhf")
    compile_package(_firmware() / "crypto", scratch / "arm", native_march(arm))
    yield from islice(operation_counts(scratch / "arm"), 2)
    yield from _work(bench_tree(_firmware(), tuple(arm)))


def measure() -> Iterator[Figure]:
    """Every figure, in the order of the table."""
    with TemporaryDirectory(prefix="truewatt-bench-") as name:
        scratch = Path(name)
        yield from costs(scratch)
        for role in ROLES:
            yield _free_heap(scratch / role, role)
        yield from _images(scratch)


def main(argv: list[str]) -> int:
    """Print the table; return 1 if a bar is missed."""
    return print_table("firmware", __doc__ or "", measure, argv)


if __name__ == "__main__":
    # The command line's way of running a module explains errors instead of tracing them.
    sys.exit(run("truewatt.bench.firmware", sys.argv[1:]))
