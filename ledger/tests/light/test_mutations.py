"""Change any one value of a real light block or block, and it must be refused."""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ledger.blocks import BlockError, jsonrpc
from ledger.blocks.times import format_rfc3339, parse_rfc3339
from ledger.light import LightBlock, LightError, verify_adjacent
from ledger.tests.golden import light_block, recorded_chain, recording

HOUR_NS = 3600 * 10**9
Path = tuple[str | int, ...]
# Carried through, bound by no hash: it changes every round, and nothing is decided by it.
UNBOUND = "proposer_priority"


def leaves(document: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every scalar of a JSON document with its path."""
    if isinstance(document, dict | list):
        items = document.items() if isinstance(document, dict) else enumerate(document)
        for key, value in items:
            yield from leaves(value, (*path, key))
    else:
        yield path, document


def mutants(value: Any) -> Iterator[Any]:
    """Other values that still look like ``value``, and some that do not."""
    yield from (None, [], "?")
    if value is None:
        return
    if isinstance(value, int):
        yield from (value + 1, value - 1, str(value))
    elif not value:
        yield from ("00", "00" * 20, "00" * 32)
    elif value.isdecimal() and len(value) < 20:
        yield from (str(int(value) + 1), str(-int(value) - 1), "0" + value, int(value))
    elif value.endswith("Z") and "T" in value:
        yield from (format_rfc3339(parse_rfc3339(value) + 1), value[:-1] + "0Z", value[:-1])
    elif set(value) <= set("0123456789ABCDEF"):
        yield from (f"{int(value[0], 16) ^ 1:X}{value[1:]}", value.lower(), value[2:], "")
    elif value.endswith("="):
        data = base64.b64decode(value)
        for place in (0, len(data) // 2, -1):
            flipped = bytearray(data)
            flipped[place] ^= 1
            yield base64.b64encode(flipped).decode()
        yield base64.b64encode(data[:-1]).decode()
    else:
        yield from (value + "x", value[:-1], "", value + "\ud800")


def replaced(document: Any, path: Path, value: Any) -> Any:
    changed = copy.deepcopy(document)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


def all_mutants(document: Any) -> Iterator[tuple[Path, Any, Any]]:
    for path, value in leaves(document):
        if path[-1] == UNBOUND:
            continue
        for mutant in mutants(value):
            if mutant != value:
                yield path, mutant, replaced(document, path, mutant)


def index_of(name: str, wanted: Callable[[Any], bool]) -> int:
    """First recorded block after the first that is as ``wanted``."""
    blocks = recording(name)["blocks"]
    return next(i for i, block in enumerate(blocks) if i and wanted(block))


def is_empty(block: Any) -> bool:
    return not block["block"]["data"]["txs"]


def has_several_txs(block: Any) -> bool:
    return len(block["block"]["data"]["txs"]) > 2


def misses_a_vote(block: Any) -> bool:
    return any(sig["block_id_flag"] == 1 for sig in block["commit"]["signatures"])


def has_unequal_votes(block: Any) -> bool:
    powers = {v["voting_power"] for v in block["validators"]["validators"]}
    return len(powers) == 4 and not misses_a_vote(block)


def parts_of(name: str, index: int) -> dict[str, Any]:
    recorded = recording(name)["blocks"][index]
    return {
        "header": recorded["block"]["header"],
        "commit": recorded["commit"],
        "validators": recorded["validators"]["validators"],
    }


def accept(trusted: LightBlock, document: dict[str, Any]) -> None:
    new = light_block(**document)
    verify_adjacent(
        trusted,
        new,
        now_ns=trusted.header.time_ns + 60 * 10**9,
        trusting_period_ns=HOUR_NS,
        max_clock_drift_ns=10**9,
    )


@pytest.mark.parametrize("wanted", [is_empty, has_several_txs, misses_a_vote])
def test_light_block_of_one_authority(wanted: Callable[[Any], bool]) -> None:
    index = index_of("one_validator", wanted)
    trusted = recorded_chain("one_validator")[index - 1]
    document = parts_of("one_validator", index)
    accept(trusted, document)
    survivors, count = [], 0
    for path, mutant, changed in all_mutants(document):
        count += 1
        try:
            accept(trusted, changed)
        except (LightError, BlockError):
            continue
        survivors.append((path, mutant))
    assert count > 150
    assert survivors == []


def test_several_votes_tolerate_a_bad_signature_and_nothing_else() -> None:
    index = index_of("four_validators", has_unequal_votes)
    trusted = recorded_chain("four_validators")[index - 1]
    document = parts_of("four_validators", index)
    accept(trusted, document)
    for path, mutant, changed in all_mutants(document):
        try:
            accept(trusted, changed)
        except (LightError, BlockError):
            continue
        # What a vote signs is its own; the other three hold more than 2/3 of the power.
        assert path[:2] == ("commit", "signatures"), (path, mutant)
        assert path[-1] in ("signature", "timestamp", "block_id_flag"), (path, mutant)


def test_missing_and_extra_keys() -> None:
    trusted = recorded_chain("one_validator")[0]
    document = parts_of("one_validator", 1)
    objects = {path[:-1] for path, _ in leaves(document) if isinstance(path[-1], str)}
    for path in objects:
        for key in (*_at(document, path), "surprise"):
            changed = copy.deepcopy(document)
            if key == "surprise":
                _at(changed, path)[key] = 1
            else:
                del _at(changed, path)[key]
            if not path:
                continue  # the three documents themselves are this test's own grouping
            with pytest.raises((LightError, BlockError)):
                accept(trusted, changed)


def _at(document: Any, path: Path) -> Any:
    for key in path:
        document = document[key]
    return document


@pytest.mark.parametrize("wanted", [is_empty, has_several_txs, misses_a_vote])
def test_whole_block(wanted: Callable[[Any], bool]) -> None:
    recorded = recording("one_validator")["blocks"][index_of("one_validator", wanted)]
    expected = jsonrpc.block_id_from_json(recorded["block_id"])
    assert jsonrpc.block_from_json(recorded["block"]).block_id() == expected
    for path, mutant, changed in all_mutants(recorded["block"]):
        try:
            block = jsonrpc.block_from_json(changed)
            block.check()
        except BlockError:
            continue
        assert block.block_id() != expected, (path, mutant)
