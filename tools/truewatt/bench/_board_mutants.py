"""The parsers of a board under hostile bytes, on real 32-bit MicroPython: tallies of each."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from tempfile import NamedTemporaryFile
from typing import IO

from nacl.signing import SigningKey

from truewatt.bench._board_mutants_script import BOARD
from truewatt.bench._board_mutants_world import CHIP, MPY
from truewatt.toolchain import micropython
from truewatt.toolchain.errors import ToolchainError
from truewatt.toolchain.paths import project_root
from wireformat import codes, identity
from wireformat.control import Ack, Beacon, Certificate, Command
from wireformat.release import Release
from wireformat.schema import Record, Unsigned

PARSERS = {
    "rtu": "Modbus RTU",
    "tcp": "Modbus TCP",
    "mqtt": "MQTT packets",
    "cbor": "signed CBOR frames",
}
BLE = "ble"
"""The firmware's link that `_mutant_boards` runs, with the program of its test."""

_TITLES = {**PARSERS, BLE: "BLE link"}
HEAP_KIB = 512
"""The firmware comes as sources here, which is what most of it is for."""

MOST_GROWTH_BYTES = 1024
_CHAIN, _NOW_S = "truewatt-mutants", 1_790_000_000
_OPERATOR, _ACK, _CONTROL, _BOARD = (SigningKey(bytes([n]) * 32) for n in (1, 2, 3, 9))
_NONCE = b"12345678"
_RECORD = b"a record that the board has"


class BoardMutantsError(ToolchainError):
    """MicroPython ended without a tally."""


@dataclass(frozen=True)
class BoardTally:
    """What came of one parser's mutants."""

    name: str
    count: int
    names: dict[str, int]
    crashes: list[str]
    grown_bytes: int
    seconds: float

    @property
    def forged(self) -> int:
        """Taken, though nobody made them."""
        return sum(count for name, count in self.names.items() if name.startswith("FORGED"))

    @property
    def failed(self) -> bool:
        """Whether this parser broke a promise."""
        crashed = any(name.startswith("CRASH") for name in self.names)
        return crashed or bool(self.forged) or self.grown_bytes > MOST_GROWTH_BYTES

    def row(self) -> str:
        """A line of the table."""
        crashed = sum(n for name, n in self.names.items() if name.startswith("CRASH"))
        common = sorted(self.names.items(), key=lambda item: -item[1])[:6]
        rate = self.count / self.seconds if self.seconds else 0
        return (
            f"{_TITLES[self.name]:18} {self.count:>9,} {crashed:>7,} {self.forged:>6,}"
            f" {self.grown_bytes:>10,} {rate:>9,.0f}  "
            + ", ".join(f"{name} {n:,}" for name, n in common)
        )


HEAD = (
    f"{'parser (board)':18} {'mutants':>9} {'crashes':>7} {'forged':>6} {'heap bytes':>10}"
    f" {'a second':>9}  ended as"
)


def _frames() -> Iterator[str]:
    """Genuine frames, as the board's program takes them."""
    address = identity.address(bytes(_BOARD.verify_key))
    order = Command(
        id=b"commandX", counter=1, target=address, asset=0, action=codes.OPEN, value=0,
        not_before_s=_NOW_S - 10, expires_s=_NOW_S + 900, height=1, index=0,
    )  # fmt: skip
    paper = Certificate(
        role=codes.ACK, area=1, public_key=bytes(_ACK.verify_key), serial=1,
        expires_s=_NOW_S + 1_000_000,
    )  # fmt: skip
    ack = Ack(device=address, epoch=1, seq=1, head=identity.record_hash(_RECORD))
    rows: list[tuple[Record, SigningKey]] = [
        (order, _CONTROL),
        (paper, _OPERATOR),
        (ack, _ACK),
        (Beacon(nonce=_NONCE, time_ms=_NOW_S * 1000), _ACK),
        (_release(), _OPERATOR),
    ]
    for record, key in rows:
        unsigned = Unsigned(record, bytes(key.verify_key), _CHAIN)
        signature = key.sign(unsigned.to_be_signed).signature
        yield f"{record.CODE}:{unsigned.with_signature(signature).hex()}"
    # A piece of firmware is unsigned: its file, whether it is the last, offset, bytes.
    yield f"{codes.PIECE}:{bytes((1, 0, 0, 0)).hex()}{_RECORD.hex()}"


def _release() -> Release:
    """For the board that the program plays."""
    return Release(
        version="0.2.0", index=2, role=codes.METER, chip=CHIP, mpy=MPY, micropython=[1, 20, 0],
        files=3, size=4096, listing=bytes(range(32)),
    )  # fmt: skip


def _written(file: IO[str]) -> str:
    """Write keys and frames for the board's program; the file's name."""
    keys = [bytes(key.verify_key).hex() for key in (_OPERATOR, _ACK, _CONTROL)]
    world = [identity.address(bytes(_BOARD.verify_key)).hex(), _NONCE.hex(), _RECORD.hex()]
    file.write("\n".join([*keys, *world, *_frames()]))
    file.flush()
    return file.name


def campaign(
    name: str, count: int, seed: int, say: Callable[[str], None], program: str = BOARD
) -> BoardTally:
    """Feed `count` mutants to one parser of the firmware. Raises `BoardMutantsError`."""
    root = project_root()
    if root is None:
        raise FileNotFoundError("no checkout here: the firmware's sources are in one")
    tree = root / "firmware"
    started = time.monotonic()
    with NamedTemporaryFile("w", prefix="truewatt-", suffix=".txt") as file, subprocess.Popen(
        [*micropython("32bit"), "-X", f"heapsize={HEAP_KIB}k", "-c", program, name, str(seed),
         str(count), _written(file)],
        env={**os.environ, "MICROPYPATH": f"{tree}:{tree}/shared:.frozen"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:  # fmt: skip
        lines = []
        for line in process.stdout or ():
            lines.append(line)
            if line.startswith('{"count"') and "names" not in line:
                say(f"{PARSERS[name]}: {json.loads(line)['count']:,} of {count:,}")
    for line in lines[-1:]:
        if line.startswith("{") and "names" in line:
            said = json.loads(line)
            return BoardTally(
                name, said["count"], said["names"], said["crashes"], said["grown"],
                time.monotonic() - started,
            )  # fmt: skip
    raise BoardMutantsError(
        f"the board's program ended: {''.join(lines[-12:])}", name, "Run it again with this seed."
    )
