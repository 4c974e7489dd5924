"""What can go wrong with looking after a store."""

from gateway.errors import GatewayError


class KeepError(GatewayError):
    """Base: nothing was changed."""

    code = "keep_error"


class BackupExists(KeepError):
    """A back-up never takes the place of a file."""

    code = "backup_exists"
    todo = "name a file that does not exist yet"


class BackupUnsound(KeepError):
    """The file is no whole copy of a gateway's store."""

    code = "backup_unsound"
    todo = "take another back-up; this one is left as it is"


class StoreInPlace(KeepError):
    """A restore would overwrite a store that may hold records that were acked."""

    code = "store_in_place"
    todo = "stop the gateway and move gateway.db with its -wal and -shm away first"


class NoSuchBoard(KeepError):
    """The store holds no record of this board."""

    code = "no_such_board"
    todo = "truewatt gateway verify lists the boards that it holds"


class BadTime(KeepError):
    """A time that can't be read."""

    code = "bad_time"
    todo = "write it as 2026-07-01 or 2026-07-01T06:15 (UTC)"


class NoProof(KeepError):
    """The store can't show how this record is on the ledger."""

    code = "no_proof"
    todo = (
        'proofs are of records that went to the ledger with `submit = "boundaries"` and were not '
        "pruned; with `all`, each stands in a block itself"
    )


class BadRecordName(KeepError):
    """What names no record."""

    code = "bad_record_name"
    todo = "write it as DEVICE:EPOCH:SEQ, the device as 40 hexadecimal digits"
