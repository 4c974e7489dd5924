"""The gateway's memory: SQLite, WAL, synchronous EXTRA. What is acked is committed here first."""

from gateway.store.errors import (
    StoreConflict,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreNewer,
    StoreUnavailable,
)
from gateway.store.rows import Head, OpenCommand, Permit, QueuedRecord, Refusal, StoredRecord
from gateway.store.store import Batch, Store

__all__ = [
    "Batch",
    "Head",
    "OpenCommand",
    "Permit",
    "QueuedRecord",
    "Refusal",
    "Store",
    "StoreConflict",
    "StoreCorrupt",
    "StoreError",
    "StoreFull",
    "StoreLocked",
    "StoreNewer",
    "StoreUnavailable",
    "StoredRecord",
]
