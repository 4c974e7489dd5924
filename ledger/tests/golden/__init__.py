"""Golden vectors of the block format, made by ``tools/golden/regenerate.py``, and how to read them.

``vectors`` are edge cases computed with CometBFT v0.38.25's own packages; ``recording(name)`` is
what the RPC of a running v0.38.25 network said.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from ledger.blocks import ValidatorSet, jsonrpc
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
