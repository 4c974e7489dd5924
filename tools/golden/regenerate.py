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
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from localnet import Localnet

HERE = Path(__file__).resolve().parent
GOLDEN = HERE.parent.parent / "ledger" / "tests" / "golden"
COMETBFT_VERSION = "0.38.25"
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
        binary = build(work, "github.com/cometbft/cometbft/cmd/cometbft")
        write("one_validator.json", record_one_validator(binary, work / "one"))
        write("four_validators.json", record_four_validators(binary, work / "four"))
    return 0


def build(work: Path, package: str) -> Path:
    """Binary of one Go package, without cgo."""
    binary = work / package.rsplit("/", 1)[-1]
    environment = os.environ | {"CGO_ENABLED": "0"}
    subprocess.run(
        ["go", "build", "-p", "2", "-o", binary, package], cwd=HERE, env=environment, check=True
    )
    return binary


def compute_vectors(work: Path) -> str:
    """``vectors.json``: one line for each vector, so that a change shows in a diff."""
    output = subprocess.run([build(work, "./vectors")], check=True, capture_output=True)
    return dump(json.loads(output.stdout))


def compare(path: Path, text: str) -> int:
    """0 if the file already holds ``text``."""
    if path.read_text() == text:
        print(f"{path.name} comes out unchanged")
        return 0
    print(f"{path.name} differs from what CometBFT {COMETBFT_VERSION} computes", file=sys.stderr)
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
        return record(net, net.height() - 1)


def record_four_validators(binary: Path, directory: Path) -> Any:
    """Several signatures; unequal power; then one validator stops, and rounds above 0 appear."""
    with Localnet(binary, directory, validators=4) as net:
        net.wait_for_height(2)
        net.send([power(key, 10 + n) for n, key in enumerate(keys(net))])
        net.wait_for_height(net.height() + 4)
        net.stop(3)
        net.wait_for_height(net.height() + 5)
        return record(net, net.height() - 1)


def keys(net: Localnet) -> list[str]:
    """Public keys of the present validators, base64."""
    return [v["pub_key"]["value"] for v in net.rpc(0, "validators")["validators"]]


def power(key: str, value: int) -> bytes:
    """Transaction by which the key-value application sets a validator's power; 0 removes it."""
    return f"val=ed25519!{key}!{value}".encode()


def record(net: Localnet, heights: int) -> Any:
    """What the RPC says of heights 1 to ``heights``."""
    blocks = []
    for height in range(1, heights + 1):
        block = net.rpc(0, "block", height=height)
        signed_header = net.rpc(0, "commit", height=height)["signed_header"]
        if signed_header["header"] != block["block"]["header"]:
            raise ValueError(f"height {height}: /commit and /block give different headers")
        blocks.append(
            {
                **block,
                "commit": signed_header["commit"],
                "validators": net.rpc(0, "validators", height=height, per_page=100),
                "results": net.rpc(0, "block_results", height=height)["txs_results"],
            }
        )
    status = net.rpc(0, "status")
    if status["node_info"]["version"] != COMETBFT_VERSION:
        raise ValueError(f"recorded CometBFT {status['node_info']['version']}")
    return {
        "status": [status],
        "genesis": [net.rpc(0, "genesis")],
        "consensus_params": [net.rpc(0, "consensus_params", height=1)],
        "blocks": blocks,
        "proved_txs": proved_txs(net, blocks),
    }


def proved_txs(net: Localnet, blocks: list[Any]) -> list[Any]:
    """``/tx`` with proof for every transaction of the recorded blocks."""
    found = []
    for block in blocks:
        if block["results"]:
            height = block["block"]["header"]["height"]
            query = f'"tx.height={height}"'
            found += net.rpc(0, "tx_search", query=query, prove="true", per_page=100)["txs"]
    for tx in found:
        tx["tx_result"].pop("events", None)  # bulky, and nothing in consensus depends on them
    return found


def write(name: str, document: Any) -> None:
    """Put a recording among the golden vectors."""
    for block in document["blocks"]:
        for result in block["results"] or []:
            result.pop("events", None)
    (GOLDEN / name).write_text(dump(document))


def dump(document: Any) -> str:
    """JSON with one line for each element of the top-level arrays."""
    lines = []
    for key, value in document.items():
        if isinstance(value, list):
            body = ",\n".join(json.dumps(x, separators=(",", ":")) for x in value)
            lines.append(f"{json.dumps(key)}:[\n{body}\n]")
        else:
            lines.append(f"{json.dumps(key)}:{json.dumps(value, separators=(',', ':'))}")
    return "{" + ",\n".join(lines) + "}\n"


if __name__ == "__main__":
    sys.exit(main())
