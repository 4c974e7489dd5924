"""Results of a block as bytes for the database: codes, data, logs and events, in order."""

from __future__ import annotations

from ledger.blocks import ExecTxResult
from ledger.contracts.app import Finalized, TxResult
from ledger.contracts.context import Event
from wireformat import cbor
from wireformat.errors import WireError

MAX_RESULTS_BYTES = 1 << 26


def encode_results(done: Finalized) -> bytes:
    """Deterministic CBOR of results and events."""
    return cbor.encode(
        [
            [[r.code, r.data, r.log, _rows(r.events)] for r in done.results],
            _rows(done.events),
        ]
    )


def decode_results(data: bytes) -> Finalized:
    """Inverse of `encode_results`, without the changes; raises `ValueError` on nonsense."""
    try:
        decoded = cbor.decode(data, MAX_RESULTS_BYTES)
        assert isinstance(decoded, list)
        rows, ending = decoded
        results = tuple(TxResult(row[0], row[1], row[2], _events(row[3])) for row in rows)
        return Finalized(results, _events(ending), {})
    except (WireError, AssertionError, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"results cannot be read: {error}") from error


def hashed_part(done: Finalized) -> list[ExecTxResult]:
    """What `last_results_hash` covers."""
    return [ExecTxResult(code=r.code, data=r.data) for r in done.results]


def _rows(events: tuple[Event, ...]) -> list[object]:
    return [[event.kind, event.index, dict(event.attributes)] for event in events]


def _events(rows: list[list[object]]) -> tuple[Event, ...]:
    events = []
    for kind, index, attributes in rows:
        if not (isinstance(kind, str) and isinstance(index, int) and isinstance(attributes, dict)):
            raise ValueError("an event is no row of kind, index and attributes")
        events.append(Event(kind, index, attributes))
    return tuple(events)
