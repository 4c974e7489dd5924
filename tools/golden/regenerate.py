#!/usr/bin/env python3
"""Make the golden vectors of the block format again, from the real CometBFT v0.38.25.

    tools/golden/regenerate.py             # all three files in ledger/tests/golden
    tools/golden/regenerate.py --check     # vectors.json alone, which must come out unchanged

Needs Go (1.26 or later) and its module proxy; nothing else of the project does. ``vectors.json``
is computed with CometBFT's own packages from a seed. ``one_validator.json`` and
``four_validators.json`` are recordings of running networks: keys and times differ on each run, and
the tests hold for any of them.
"""

from __future__ import annotations

import argparse
import base64
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from gobuild import COMETBFT, HERE, build
from localnet import Localnet
from recording import dump, record

GOLDEN = HERE.parent.parent / "ledger" / "tests" / "golden"
# Of a validator that never runs: its vote is always absent.
IDLE_KEY = base64.b64encode(bytes(range(32))).decode()


def main() -> int:
    """Regenerate, or compare; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only compare vectors.json")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="golden-") as name:
        work = Path(name)
        vectors = compute_vectors(work)
        if arguments.check:
            return compare(GOLDEN / "vectors.json", vectors)
        (GOLDEN / "vectors.json").write_text(vectors)
        binary = build(work, COMETBFT)
        for name, recorded in (
            ("one_validator.json", record_one_validator(binary, work / "one")),
            ("four_validators.json", record_four_validators(binary, work / "four")),
        ):
            (GOLDEN / name).write_text(dump(recorded))
    return 0


def compute_vectors(work: Path) -> str:
    """Text of ``vectors.json``."""
    output = subprocess.run([build(work, "./vectors")], check=True, capture_output=True)
    return dump(json.loads(output.stdout))


def compare(path: Path, text: str) -> int:
    """0 if the file already holds ``text``."""
    if path.read_text() == text:
        print(f"{path.name} comes out unchanged")
        return 0
    print(f"{path.name} differs from what CometBFT computes", file=sys.stderr)
    return 1


def record_one_validator(binary: Path, directory: Path) -> Any:
    """Full, empty and changing blocks; a second validator joins for a while and never votes."""
    with Localnet(binary, directory, validators=1) as net:
        net.wait_for_height(2)
        net.send([f"meter-{n}={n * 1000}".encode() for n in range(5)])
        net.send([b"k=" + b"v" * 300])
        net.send([power(keys(net)[0], 10), power(IDLE_KEY, 1)])
        net.wait_for_height(net.height() + 3)
        net.send([power(IDLE_KEY, 0), b"last=1"])
        net.wait_for_height(net.height() + 4)
        return record(net.rpc, net.height() - 1)


def record_four_validators(binary: Path, directory: Path) -> Any:
    """Several signatures; unequal power; then one validator stops, and rounds above 0 appear."""
    with Localnet(binary, directory, validators=4) as net:
        net.wait_for_height(2)
        net.send([power(key, 10 + n) for n, key in enumerate(keys(net))])
        net.wait_for_height(net.height() + 4)
        net.stop(3)
        net.wait_for_height(net.height() + 5)
        return record(net.rpc, net.height() - 1)


def keys(net: Localnet) -> list[str]:
    """Public keys of the present validators, base64."""
    return [v["pub_key"]["value"] for v in net.rpc("validators")["validators"]]


def power(key: str, value: int) -> bytes:
    """Transaction by which the key-value application sets a validator's power; 0 removes it."""
    return f"val=ed25519!{key}!{value}".encode()


if __name__ == "__main__":
    sys.exit(main())
