"""What stands on a run's ledger, read block by block: who enrolled, what they signed, intents."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nacl.signing import VerifyKey

from ledger.contracts import control, metering
from ledger.contracts.bodies import EnrolBody, RecordsBody
from ledger.contracts.objects import Intent, unpack
from ledger.engine.chain import genesis_id
from ledger.engine.db import ChainDb, StoredBlock
from ledger.engine.home import Home
from ledger.tx import open_tx
from wireformat import cbor, identity
from wireformat.chained import Chained, Outcome
from wireformat.control import Enrolment
from wireformat.registry import Opened, open_signed


@dataclass(frozen=True)
class OnChain:
    """A record in a block, with the verdict that the metering contract gave it there."""

    height: int
    data: bytes
    opened: Opened
    verdict: int

    @property
    def record(self) -> Chained:
        return self.opened.record


class Evidence:
    """The chain in a ledger's home, whose process must have ended."""

    def __init__(self, home_path: Path) -> None:
        home = Home(home_path)
        genesis = home.genesis()
        self.chain_id = genesis.chain_id
        db = ChainDb.open(home.database, genesis_id(genesis), readonly=True)
        try:
            self.blocks = [db.block(height) for height in range(1, db.height() + 1)]
            state = db.state()
        finally:
            db.close()
        self.end_s = self.blocks[-1].block.header.time_ns // 1_000_000_000
        self.intents = {
            (intent := unpack(Intent, value)).id: intent
            for key, value in state.items()
            if key.startswith(control.INTENT)
        }
        self.events = [event for block in self.blocks for event in block.done.all_events()]
        self.keys = dict(self._enrolled())
        self.records = list(self._records())

    def admitted(self, address: bytes) -> list[OnChain]:
        """A board's records in the order in which the ledger took them."""
        kid = identity.kid(self.keys[address])
        good = (metering.ADMITTED, metering.IMPLAUSIBLE)
        return [r for r in self.records if r.opened.kid == kid and r.verdict in good]

    def outcome_of(self, intent: Intent) -> OnChain | None:
        """The target's signed outcome for an intent; its signature is checked here."""
        for item in self.admitted(intent.target):
            if isinstance(item.record, Outcome) and item.record.command_id == intent.id:
                key = VerifyKey(self.keys[intent.target])
                key.verify(item.opened.to_be_signed, item.opened.signature)
                return item
        return None

    def _transactions(self, kind: str) -> Iterator[tuple[StoredBlock, dict, object]]:
        for stored in self.blocks:
            for data, result in zip(stored.block.txs, stored.done.results, strict=True):
                tx = open_tx(data, self.chain_id)
                if tx.kind == kind and not result.code:
                    yield stored, tx.body, result

    def _enrolled(self) -> Iterator[tuple[bytes, bytes]]:
        for _, body, _ in self._transactions(EnrolBody.TYPE):
            signed = EnrolBody.from_map(body).enrolment
            key = open_signed(Enrolment.CODE, signed, self.chain_id).record.public_key
            yield identity.address(key), key

    def _records(self) -> Iterator[OnChain]:
        for stored, body, result in self._transactions(RecordsBody.TYPE):
            rows = RecordsBody.from_map(body).records
            for (code, data), verdict in zip(rows, cbor.decode(result.data), strict=True):
                opened = open_signed(code, data, self.chain_id)
                yield OnChain(stored.block.header.height, data, opened, verdict)
