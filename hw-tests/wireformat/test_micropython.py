"""The same source on MicroPython, with 32-bit and 64-bit words: same bytes, same refusals."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from truewatt.hostile.mutation import mutants
from truewatt.toolchain import micropython
from wireformat import cbor
from wireformat.errors import WireError

HERE = Path(__file__).resolve().parent
SHARED = HERE.parents[1] / "firmware" / "shared"


def _run(arch: str, *arguments: str) -> str:
    environment = dict(os.environ, MICROPYPATH=f"{SHARED}:{HERE}")
    done = subprocess.run(
        [*micropython(arch), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _verdict(data: bytes) -> str:
    try:
        cbor.decode(data)
    except WireError as refused:
        return f"{type(refused).__name__} {refused.offset}"
    return "ok"


def _hostile(golden: dict[str, Any], public_vectors: list[bytes]) -> list[bytes]:
    seeds = [bytes.fromhex(record["payload"]) for record in golden["records"]]
    seeds += [bytes.fromhex(record["signed"]) for record in golden["records"]]
    text = "\u00e4\u20ac\U0001f4a1\ud7ff\ue000\uffff\U0010ffff\u0000"
    rich = {
        b"k": [text, {1: -(1 << 40)}, None, True],
        "k": text,
        -1: (1 << 64) - 1,
        300: -(1 << 64),
    }
    seeds += [cbor.encode(rich), cbor.encode([text, text])] * 8
    return [*seeds, *public_vectors, *mutants(seeds, 3000, seed=125)]


def _appendix_a() -> list[bytes]:
    path = HERE.parents[2] / "shared" / "vectors" / "cbor" / "appendix_a.json"
    if not path.exists():
        return []
    return [bytes.fromhex(item["hex"]) for item in json.loads(path.read_text())]


@pytest.mark.parametrize("arch", ["i386", "amd64"])
def test_both_pythons_agree(arch: str, golden: dict[str, Any], tmp_path: Path) -> None:
    inputs = _hostile(golden, _appendix_a())
    lines = [f"{data.hex() or '-'} {_verdict(data)}\n" for data in inputs]
    (tmp_path / "hostile.txt").write_text("".join(lines))
    out = _run(
        arch,
        "-X",
        "heapsize=2m",
        str(HERE / "wire_board_agrees.py"),
        str(HERE / "golden.json"),
        str(tmp_path / "hostile.txt"),
    )
    assert "DISAGREES" not in out, out
    word, count = out.split()
    assert word == "agreed"
    assert int(count) > len(inputs) + 10 * len(golden["records"])


def test_20_000_hostile_records_leave_nothing_in_a_64_kib_heap(
    golden: dict[str, Any], tmp_path: Path
) -> None:
    lines = [f"{record['code']} {record['signed']}\n" for record in golden["records"]]
    (tmp_path / "records.txt").write_text("".join(lines))
    script = str(HERE / "wire_board_heap.py")
    out = _run("i386", "-X", "heapsize=64k", script, str(tmp_path / "records.txt"), "20000")
    found = json.loads(out)
    assert found["accepted"] > 1000 < found["refused"], found
    assert found["accepted"] + found["refused"] == 20_200, found
    assert found["out of memory"] == 0, found
    # Arrays of empty arrays, maps and strings fit; nothing was too big for what was free.
    assert found["bombs eaten"] >= 10 <= found["bombs refused"], found
    assert found["grown"] == 0, found
