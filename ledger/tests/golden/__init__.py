"""Golden vectors of the block format, made by ``tools/golden/regenerate.py``, and how to read them.

``vectors`` are edge cases computed with CometBFT v0.38.25's own packages; ``recording(name)`` is
what the RPC of a running v0.38.25 network said.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from ledger.blocks import Block, ExecTxResult, ValidatorSet, jsonrpc
from ledger.blocks.json_fields import read_base64
from ledger.light import LightBlock

RECORDINGS = ("one_validator", "four_validators")


@functools.cache
def _read(name: str) -> Any:
    return json.loads((Path(__file__).parent / f"{name}.json").read_text())


def vectors(section: str) -> Any:
    """One section of ``vectors.json``."""
    return _read("vectors")[section]


def recording(name: str) -> Any:
    """One recorded network; ``["blocks"][h - 1]`` is height ``h``."""
    return _read(name)


def light_block(header: object, commit: object, validators: object) -> LightBlock:
    """Light block from its three JSON documents."""
    return LightBlock(
        jsonrpc.header_from_json(header),
        jsonrpc.commit_from_json(commit),
        ValidatorSet(jsonrpc.validators_from_json(validators)),
    )


def recorded_chain(name: str) -> list[LightBlock]:
    """Light blocks of a recording, from height 1."""
    return [
        light_block(b["block"]["header"], b["commit"], b["validators"]["validators"])
        for b in recording(name)["blocks"]
    ]


def recorded_blocks(name: str) -> list[Block]:
    """Whole blocks of a recording, from height 1."""
    return [jsonrpc.block_from_json(b["block"]) for b in recording(name)["blocks"]]


def recorded_results(name: str, index: int) -> list[ExecTxResult]:
    """Results of the transactions of recorded block ``index``."""
    return [
        ExecTxResult(
            result["code"],
            b"" if result["data"] is None else read_base64(result["data"], "data"),
            int(result["gas_wanted"]),
            int(result["gas_used"]),
        )
        for result in recording(name)["blocks"][index]["results"] or []
    ]
