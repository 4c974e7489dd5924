"""`truewatt bench growth`: what a day of meters adds to the chain, whole and by batches.

Readings of a day are signed, grouped and put into transactions as the gateway does: in `all` what
came in a minute, in `boundaries` what a quarter of an hour closed. Counted are the bytes of
transactions; their blocks' headers and commits come on top, fewer where transactions are fewer.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from gateway.batches import Group, groups
from gateway.store import QueuedRecord
from gateway.submit import BATCH_BYTES, MAX_BATCH_BYTES
from ledger.contracts.bodies import MAX_RECORDS
from ledger.tx import make_tx
from truewatt.bench import _ingest_load as load
from truewatt.bench._figures import progress
from wireformat import codes
from wireformat.chained import Reading

MINUTES, BOUNDARY_MINUTES = 1440, 15
_SEED = b"g" * 32
HEAD = f"{'submit':12} {'transactions':>12} {'bytes':>12} {'bytes/meter':>12} {'MB/meter/year':>13}"


def main(argv: list[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="truewatt bench growth",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--meters", type=int, default=10, help="meters of one gateway (10)")
    meters: int = parser.parse_args(argv).meters
    progress(f"signing a day of {meters} meters")
    minutes = list(_day(meters))
    print(HEAD)
    for name, txs in (("all", _whole(minutes)), ("boundaries", _batched(minutes))):
        sizes = [len(tx) for tx in txs]
        each = sum(sizes) / meters
        print(
            f"{name:12} {len(sizes):>12,} {sum(sizes):>12,} {each:>12,.0f} {each * 365e-6:>13,.1f}"
        )
    return 0


def _day(meters: int) -> Iterator[list[QueuedRecord]]:
    """What comes in each minute."""
    signers, row = [load.Signer(number) for number in range(meters)], 0
    for minute in range(MINUTES + 1):
        came = []
        for signer in signers:
            row += 1
            is_end = minute % BOUNDARY_MINUTES == 0
            data = signer.next(codes.RELAY_1_CLOSED | (codes.BOUNDARY if is_end else 0))
            record = QueuedRecord(row, signer.address, 1, minute, Reading.CODE, data)
            came.append(record)
        # The first of a board is on the ledger from the day before.
        if minute:
            yield came


def _whole(minutes: list[list[QueuedRecord]]) -> Iterator[bytes]:
    for came in minutes:
        yield from _txs([Group((), record) for record in came])


def _batched(minutes: list[list[QueuedRecord]]) -> Iterator[bytes]:
    for start in range(0, len(minutes), BOUNDARY_MINUTES):
        records = [r for came in minutes[start : start + BOUNDARY_MINUTES] for r in came]
        yield from _txs(list(groups(records)))


def _txs(waiting: list[Group]) -> Iterator[bytes]:
    rows: list[list[object]] = []
    batches: list[list[object]] = []
    size = 0
    for group in waiting:
        rows.append([group.closing.code, group.closing.data])
        size += len(group.closing.data) + BATCH_BYTES
        if group.quiet:
            batches.append(group.batch(len(rows) - 1).row())
        if len(rows) == MAX_RECORDS or size > MAX_BATCH_BYTES - 512:
            yield _tx(rows, batches)
            rows, batches, size = [], [], 0
    if rows:
        yield _tx(rows, batches)


def _tx(rows: list[list[object]], batches: list[list[object]]) -> bytes:
    body: dict[int, object] = {0: rows}
    if batches:
        body[1] = batches
    return make_tx(_SEED, load.CHAIN, 1_000_000, "records", body)
