"""The block device below LittleFS behaves as NOR flash does."""

import subprocess
from pathlib import Path

import truewatt.emulator.board

CHIP = Path(truewatt.emulator.board.__file__).parent / "chip"

# Two programs of the same bytes without an erase, one across a page, one erase.
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import chip_flash
flash = chip_flash.Flash(open(sys.argv[2], "r+b"))
flash.writeblocks(3, b"\\xf0" * 300, 100)
flash.writeblocks(3, b"\\x3f" * 10, 100)
got = bytearray(302)
flash.readblocks(3, got, 99)
print(got[:1].hex(), got[1:11].hex(), got[11:301].hex(), got[301:].hex())
flash.writeblocks(3, b"\\x55" * 4096)
flash.readblocks(3, got, 99)
print(set(got), flash.ioctl(4, 0), flash.ioctl(5, 0), flash.is_blank())
flash.ioctl(6, 3)
flash.readblocks(3, got, 0)
print(set(got))
"""


def test_programming_only_clears_bits(tmp_path: Path, micropython_32bit: list[str]) -> None:
    image = tmp_path / "flash.bin"
    image.write_bytes(b"\xff" * 8 * 4096)
    done = subprocess.run(
        [*micropython_32bit, "-c", PROGRAM, str(CHIP), str(image)],
        capture_output=True,
        text=True,
        timeout=30,
    )
    first, second, third = done.stdout.splitlines() or [done.stderr, "", ""]
    assert first.split() == ["ff", "30" * 10, "f0" * 290, "ff"]
    assert second == "{85} 8 4096 True"
    assert third == "{255}"
