"""What a run left on its ledger, read from the chain's database after the ledger has stopped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ledger.blocks import median_time_ns
from ledger.contracts import control, metering
from ledger.contracts.app import Finalized
from ledger.contracts.bodies import RecordsBody
from ledger.contracts.objects import DONE, EXPIRED, INTENT_STATUS, OPEN, REFUSED, Intent, unpack
from ledger.engine.chain import genesis_id
from ledger.engine.db import ChainDb, StoredBlock
from ledger.engine.home import Home
from ledger.tx import open_tx
from truewatt.demo.accounting import SignedRecord, parse
from wireformat import cbor
from wireformat.codes import ENERGY_TYPES
from wireformat.registry import open_signed


@dataclass(frozen=True)
class LedgerView:
    """The chain's end, its intents, its prices, and the records that it admitted.

    `late`: ids of intents that had been ended before their board's outcome came; `heard_ahead`: how
    many outcomes came ahead of their turn.
    """

    height: int
    app_hash: str
    intents: tuple[Intent, ...]
    final_ms: dict[int, int]
    prices: dict[str, tuple[int, int]]
    admitted: dict[bytes, list[SignedRecord]]
    refused_records: dict[str, int]
    late: frozenset[bytes] = frozenset()
    heard_ahead: int = 0

    def ended(self, status: int) -> int:
        """How many intents ended so (`ledger.contracts.objects`: DONE, REFUSED, EXPIRED, OPEN)."""
        return sum(intent.status == status for intent in self.intents)

    def counts(self) -> dict[str, int]:
        """Intents by how they ended."""
        return {
            "issued": len(self.intents),
            "done": self.ended(DONE),
            "refused": self.ended(REFUSED),
            "expired": self.ended(EXPIRED),
            "open": self.ended(OPEN),
        }


def read_ledger(home_path: Path, devices: dict[bytes, bytes]) -> LedgerView:
    """Read the chain in `home_path`; `devices` gives each board's address by its kid.

    Command counts come from the events in the blocks, so that nothing which the state has pruned
    is missing from them.
    """
    home = Home(home_path)
    genesis = home.genesis()
    db = ChainDb.open(home.database, genesis_id(genesis), readonly=True)
    try:
        blocks = list(_blocks(db))
        state = db.state()
    finally:
        db.close()
    intents = [
        unpack(Intent, value) for key, value in state.items() if key.startswith(control.INTENT)
    ]
    admitted, refused, ahead = _records(blocks, genesis.chain_id, devices)
    last = blocks[-1].block.header
    return LedgerView(
        height=last.height,
        app_hash=last.app_hash.hex().upper(),
        intents=tuple(sorted(intents, key=lambda intent: (intent.height, intent.index))),
        final_ms={
            stored.block.header.height: median_time_ns(stored.commit, genesis.validators)
            // 1_000_000
            for stored in blocks
        },
        prices=_prices([stored.done for stored in blocks]),
        admitted=admitted,
        refused_records=refused,
        heard_ahead=ahead,
        late=_late([stored.done for stored in blocks]),
    )


def _blocks(db: ChainDb) -> Iterator[StoredBlock]:
    for height in range(1, db.height() + 1):
        stored = db.block(height)
        assert stored is not None
        yield stored


def _late(done: list[Finalized]) -> frozenset[bytes]:
    ends = {f"control/{INTENT_STATUS[status]}" for status in (DONE, REFUSED, EXPIRED)}
    found = set()
    for block in done:
        for event in block.all_events():
            if event.kind in ends and event.attributes["late"]:
                assert isinstance(event.attributes["id"], bytes)
                found.add(event.attributes["id"])
    return frozenset(found)


def _prices(done: list[Finalized]) -> dict[str, tuple[int, int]]:
    """Lowest and highest price of each energy type, micro-units per kWh."""
    seen: dict[str, list[int]] = {}
    for block in done:
        for event in block.all_events():
            if event.kind != "pricing/price":
                continue
            energy, price = event.attributes["energy"], event.attributes["price"]
            assert isinstance(energy, int)
            assert isinstance(price, int)
            seen.setdefault(ENERGY_TYPES.get(energy, "mix"), []).append(price)
    return {name: (min(values), max(values)) for name, values in sorted(seen.items())}


def _records(
    blocks: list[StoredBlock], chain_id: str, devices: dict[bytes, bytes]
) -> tuple[dict[bytes, list[SignedRecord]], dict[str, int], int]:
    """Every record that the metering contract admitted, in order, refusals by reason, and how many
    outcomes came ahead of their turn."""
    admitted: dict[bytes, list[SignedRecord]] = {}
    ahead = 0
    refused: Counter[str] = Counter()
    for stored in blocks:
        for data, result in zip(stored.block.txs, stored.done.results, strict=True):
            tx = open_tx(data, chain_id)
            if tx.kind != RecordsBody.TYPE or result.code:
                continue
            codes = cbor.decode(result.data)
            assert isinstance(codes, list)
            ahead += codes.count(metering.HEARD)
            for (code, record), verdict in zip(
                RecordsBody.from_map(tx.body).records, codes, strict=True
            ):
                if verdict >= metering.FIRST_REFUSAL:
                    refused[metering.ADMISSION[verdict]] += 1
                elif verdict in (metering.ADMITTED, metering.IMPLAUSIBLE):
                    kid = _kid(code, record, chain_id)
                    admitted.setdefault(devices[kid], []).extend(parse([(code, record)], chain_id))
    return admitted, dict(sorted(refused.items())), ahead


def _kid(code: int, record: bytes, chain_id: str) -> bytes:
    return open_signed(code, record, chain_id).kid
