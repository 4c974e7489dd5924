"""What happened on a run's ledger over time: prices, limits, each command's life."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ledger.blocks import median_time_ns
from ledger.contracts.control import INTENT_EVENT
from ledger.contracts.objects import INTENT_STATUS
from ledger.engine.chain import genesis_id
from ledger.engine.db import ChainDb
from ledger.engine.home import Home
from wireformat.codes import ACTIONS, ENERGY_TYPES, REASONS

_ENDS = {f"control/{name}": name for name in INTENT_STATUS.values() if name != "open"}


@dataclass
class Life:
    """A command from the block that ordered it to its end; ms of simulated time."""

    id: str
    board: str
    asset: int
    action: str
    value: int
    why: str
    issued_ms: int
    delivered_ms: int | None = None
    ended_ms: int | None = None
    status: str = "open"
    reason: str = ""


@dataclass(frozen=True)
class Finding:
    """What the loss rule told of a section: suspected, surplus or cleared."""

    at_ms: int
    section: str
    what: str
    likely: str = ""
    mean_wh: int | None = None


@dataclass
class Chain:
    """By time: prices in micro-units per kWh by energy type, limits in W by M-LMD (0: lifted)."""

    prices: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    limits: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    lives: dict[str, Life] = field(default_factory=dict)
    losses: list[Finding] = field(default_factory=list)


def read_chain(home_path: Path, names: Mapping[str, str]) -> Chain:
    """Read the stopped ledger in `home_path`; `names` gives each board by its address in hex.

    Lives come from the blocks' events, so that nothing which the state has pruned is missing.
    """
    chain = Chain()
    for at_ms, kind, attributes in _events(home_path):
        _take(chain, names, at_ms, kind, attributes)
    return chain


def _events(home_path: Path) -> Iterator[tuple[int, str, dict[str, Any]]]:
    home = Home(home_path)
    genesis = home.genesis()
    db = ChainDb.open(home.database, genesis_id(genesis), readonly=True)
    try:
        for height in range(1, db.height() + 1):
            stored = db.block(height)
            if stored is None:
                continue
            at_ms = median_time_ns(stored.commit, genesis.validators) // 1_000_000
            for event in stored.done.all_events():
                yield at_ms, event.kind, dict(event.attributes)
    finally:
        db.close()


def _take(
    chain: Chain, names: Mapping[str, str], at_ms: int, kind: str, item: dict[str, Any]
) -> None:
    if kind == "pricing/price":
        name = ENERGY_TYPES.get(item["energy"], "mix")
        chain.prices.setdefault(name, []).append((at_ms, item["price"]))
    elif kind == "management/section_limit":
        chain.limits.setdefault(_name(names, item["mlmd"]), []).append((at_ms, item["limit_w"]))
    elif kind == INTENT_EVENT:
        chain.lives[item["id"].hex()] = _life(names, at_ms, item)
    elif kind in _ENDS:
        life = chain.lives.get(item["id"].hex())
        if life is not None:
            life.status, life.reason = _ENDS[kind], _reason(item["reason"])
            life.ended_ms = item["at_ms"] or at_ms
    elif kind.startswith("losses/"):
        _take_finding(chain, names, at_ms, kind, item)


def _take_finding(
    chain: Chain, names: Mapping[str, str], at_ms: int, kind: str, item: dict[str, Any]
) -> None:
    what = kind.removeprefix("losses/")
    if what == "model":
        return
    likely = item.get("likely", b"")
    meter = _name(names, likely) if likely else ""
    chain.losses.append(
        Finding(at_ms, _name(names, item["mlmd"]), what, meter, item.get("mean_wh"))
    )


def _life(names: Mapping[str, str], at_ms: int, item: dict[str, Any]) -> Life:
    return Life(
        id=item["id"].hex(),
        board=_name(names, item["target"]),
        asset=item["asset"],
        action=ACTIONS.get(item["action"], f"action {item['action']}"),
        value=item["value"],
        why=str(item["why"]),
        issued_ms=at_ms,
    )


def _reason(code: int) -> str:
    return REASONS.get(code, str(code)) if code else ""


def _name(names: Mapping[str, str], address: bytes) -> str:
    return names.get(address.hex(), address.hex()[:8])
