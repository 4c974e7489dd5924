#!/usr/bin/env python3
"""Let the real CometBFT v0.38.25 judge our blocks: the reverse of the golden vectors.

    .venv/bin/python tools/golden/accept.py                # a chain built with ledger.blocks
    .venv/bin/python tools/golden/accept.py --rpc http://127.0.0.1:26657     # a running ledger's

Needs Go, as ``regenerate.py`` does. Every block must pass the rules of a validator (block id, part
set, commit, median time, hashes), every pair of heights those of the light client; and some faults
must each be refused, or the check itself would prove nothing.
"""

from __future__ import annotations

import argparse
import copy
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gobuild import build
from nacl.signing import SigningKey
from recording import record_blocks, rpc_at

from ledger.blocks import (
    EMPTY_COMMIT,
    ConsensusParams,
    ExecTxResult,
    Validator,
    ValidatorSet,
    jsonrpc,
    last_results_hash,
    make_block,
    median_time_ns,
    sign_commit,
)
from ledger.blocks.json_fields import base64_text

GENESIS_NS = 1_767_225_600_123_456_789
RESULTS = [ExecTxResult(), ExecTxResult(7, b"data", -1, 12345)]


def main() -> int:
    """Judge one chain; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rpc", help="RPC of a running ledger; default: build a chain here")
    parser.add_argument("--last", type=int, help="last height to judge over the RPC")
    arguments = parser.parse_args()
    chain = fetch(arguments.rpc, arguments.last) if arguments.rpc else built_chain()
    with tempfile.TemporaryDirectory(prefix="accept-") as work:
        judge = build(Path(work), "./accept")
        verdict = ask(judge, chain)
        print(verdict.stdout or verdict.stderr, end="")
        survivors = [name for name, fault in faults(chain) if ask(judge, fault).returncode == 0]
    if survivors:
        print(f"faults that went unnoticed: {survivors}", file=sys.stderr)
    return verdict.returncode or len(survivors)


def ask(judge: Path, chain: Any) -> subprocess.CompletedProcess[str]:
    """Verdict of CometBFT."""
    return subprocess.run(
        [judge], input=json.dumps(chain), capture_output=True, text=True, check=False
    )


def fetch(url: str, last: int | None) -> Any:
    """Chain behind an RPC, from its earliest block."""
    rpc = rpc_at(url)
    sync = rpc("status")["sync_info"]
    first = int(sync["earliest_block_height"])
    return {
        "consensus_params": [rpc("consensus_params", height=first)],
        "blocks": record_blocks(rpc, first, last or int(sync["latest_block_height"])),
    }


def built_chain() -> Any:
    """Eight blocks by one, then three authorities; one transaction larger than a block part."""
    keys = [SigningKey(bytes([n] * 32)) for n in range(3)]
    one, three = (
        ValidatorSet.of(Validator(bytes(key.verify_key), 10) for key in keys[:count])
        for count in (1, 3)
    )
    sets = [one] * 4 + [three] * 5
    commit, time_ns, results, blocks = EMPTY_COMMIT, GENESIS_NS, list[ExecTxResult](), []
    for height in range(1, 9):
        current = sets[height - 1]
        block = make_block(
            chain_id="truewatt-built",
            height=height,
            time_ns=time_ns,
            txs=[] if height % 3 == 0 else [b"tx", bytes(100_000)],
            last_commit=commit,
            last_block_id=commit.block_id,
            validators=current,
            next_validators=sets[height],
            consensus_params=ConsensusParams(app_version=1),
            app_hash=bytes([height] * 32),
            last_results_hash=last_results_hash(results),
            proposer_address=current.proposer.address,
        )
        commit = sign_commit(block, current, keys[: len(current.validators)], time_ns + 10**9)
        time_ns = median_time_ns(commit, current)
        results = RESULTS[: len(block.txs)]
        blocks.append(
            {
                "block_id": jsonrpc.block_id_to_json(commit.block_id),
                "block": jsonrpc.block_to_json(block),
                "commit": jsonrpc.commit_to_json(commit),
                "validators": {"validators": jsonrpc.validators_to_json(current.validators)},
                "results": [_result_json(result) for result in results],
            }
        )
    params = jsonrpc.consensus_params_to_json(ConsensusParams(app_version=1))
    return {"consensus_params": [{"consensus_params": params}], "blocks": blocks}


def _result_json(result: ExecTxResult) -> Any:
    return {
        "code": result.code,
        "data": base64_text(result.data),
        "gas_wanted": str(result.gas_wanted),
        "gas_used": str(result.gas_used),
    }


def faults(chain: Any) -> Iterator[tuple[str, Any]]:
    """The chain with one fault at a time."""
    changes: dict[str, Callable[[Any], None]] = {
        "app hash": lambda b: b["block"]["header"].update(app_hash="AA"),
        "time": lambda b: b["block"]["header"].update(time="2026-01-01T00:00:59Z"),
        "parts": lambda b: b["block_id"]["parts"].update(total=9),
        "vote time": lambda b: b["commit"]["signatures"][0].update(
            timestamp="2026-01-02T00:00:00Z"
        ),
        "power": lambda b: b["validators"]["validators"][0].update(voting_power="11"),
        "results": lambda b: b.update(results=[{"code": 1}]),
    }
    for name, change in changes.items():
        faulty = copy.deepcopy(chain)
        change(faulty["blocks"][1])
        yield name, faulty


if __name__ == "__main__":
    sys.exit(main())
