"""The database's tables. `user_version` is `VERSION`; a change appends a migration."""

VERSION = 7

_CREATE = """
CREATE TABLE records (
    id INTEGER PRIMARY KEY,
    device BLOB NOT NULL CHECK (length(device) = 20),
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    code INTEGER NOT NULL,
    data BLOB NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    received_ms INTEGER NOT NULL,
    UNIQUE (device, epoch, seq)
) STRICT;
CREATE TRIGGER records_never_change BEFORE UPDATE ON records
    BEGIN SELECT RAISE(ABORT, 'records are append-only'); END;
CREATE TRIGGER records_never_go BEFORE DELETE ON records
    BEGIN SELECT RAISE(ABORT, 'records are append-only'); END;

CREATE TABLE heads (
    device BLOB PRIMARY KEY,
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    time_s INTEGER NOT NULL,
    measured BLOB
) STRICT, WITHOUT ROWID;

CREATE TABLE refusals (reason TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE refusal_evidence (
    id INTEGER PRIMARY KEY,
    reason TEXT NOT NULL,
    device BLOB,
    code INTEGER NOT NULL,
    data BLOB NOT NULL,
    hash BLOB NOT NULL,
    detail TEXT NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    times INTEGER NOT NULL,
    UNIQUE (reason, hash)
) STRICT;

CREATE TABLE permits (
    device BLOB NOT NULL,
    first_epoch INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_epoch INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    evidence BLOB NOT NULL,
    UNIQUE (device, first_epoch, first_seq, last_epoch, last_seq)
) STRICT;

CREATE TABLE outbox (
    record INTEGER PRIMARY KEY REFERENCES records (id),
    device BLOB NOT NULL,
    outcome INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_by_device ON outbox (device, record);
CREATE TABLE tx_in_flight (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    hash BLOB NOT NULL,
    nonce INTEGER NOT NULL,
    data BLOB NOT NULL,
    records BLOB NOT NULL
) STRICT;

CREATE TABLE commands (
    id BLOB PRIMARY KEY CHECK (length(id) = 8),
    device BLOB NOT NULL,
    counter INTEGER NOT NULL,
    expires_s INTEGER NOT NULL,
    data BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'delivered', 'done', 'refused', 'expired')),
    attempts INTEGER NOT NULL DEFAULT 0,
    reason INTEGER NOT NULL DEFAULT 0,
    seen_ms INTEGER NOT NULL,
    delivered_ms INTEGER,
    ended_ms INTEGER,
    outcome INTEGER REFERENCES records (id)
) STRICT, WITHOUT ROWID;
CREATE INDEX commands_by_state ON commands (state);

CREATE TABLE ledger_cache (key BLOB PRIMARY KEY, value BLOB, height INTEGER NOT NULL) STRICT;
CREATE TABLE bindings (
    bus TEXT NOT NULL,
    address INTEGER NOT NULL,
    device BLOB NOT NULL,
    since_ms INTEGER NOT NULL,
    PRIMARY KEY (bus, address)
) STRICT, WITHOUT ROWID;
CREATE TABLE numbers (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""

_OUTCOMES = """
CREATE INDEX outcomes ON records (device, id) WHERE code = 7;
CREATE INDEX outbox_outcomes ON outbox (device, record) WHERE outcome = 1;
"""
"""Both are asked for with each command and each transaction, among a year's records."""

_NOTES = """
CREATE TABLE notes (
    device BLOB NOT NULL CHECK (length(device) = 20),
    name TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (device, name)
) STRICT, WITHOUT ROWID;
"""
"""What this gateway must remember of a device that it signs for: counters, the last command."""

_PRUNING = """
CREATE TABLE pruned (
    device BLOB PRIMARY KEY,
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
DROP TRIGGER records_never_go;
CREATE TRIGGER records_go_in_order BEFORE DELETE ON records
    WHEN NOT EXISTS (
        SELECT 1 FROM pruned
        WHERE device = OLD.device AND (OLD.epoch, OLD.seq) <= (epoch, seq)
    )
    BEGIN SELECT RAISE(ABORT, 'records are append-only'); END;
"""
"""A record goes only behind the mark that says up to where its chain was pruned."""

_NO_OUTBOX_INDEX = """
DROP INDEX outbox_by_device;
CREATE TABLE landed (
    device BLOB PRIMARY KEY,
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""
"""The index cost each record a page of its own in every commit (ADR 151). What waits of a device
is the end of its chain: `landed` says where that begins."""

_ANCHORS = """
CREATE TABLE anchors (
    device BLOB NOT NULL,
    epoch INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    count INTEGER NOT NULL,
    tx BLOB NOT NULL CHECK (length(tx) = 32),
    whole INTEGER NOT NULL,
    PRIMARY KEY (device, epoch, first_seq)
) STRICT, WITHOUT ROWID;
"""
"""In which transaction a batch's root is, or a whole record, so that any can be proven later."""

_FORETOLD = """
CREATE TABLE foretold (
    command BLOB PRIMARY KEY CHECK (length(command) = 8),
    data BLOB NOT NULL
) STRICT, WITHOUT ROWID;
"""
"""Signed outcomes that were read ahead of their turn (ADR 171), until the ledger has heard them."""

MIGRATIONS: tuple[str, ...] = (
    _CREATE,
    _OUTCOMES,
    _NOTES,
    _PRUNING,
    _NO_OUTBOX_INDEX,
    _ANCHORS,
    _FORETOLD,
)
"""Statement scripts; number i brings a database from version i to i + 1."""
