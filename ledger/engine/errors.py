"""Why the embedded engine refuses to start, to store, or to trust a chain.

EngineError
+- HomeError               the ledger's home is not usable
|  +- HomeMissing          no genesis there
|  +- HomeInUse            another process runs on it
|  +- GenesisMismatch      the database belongs to another genesis
|  +- KeyMismatch          a key file is not the validator's, or not certified as control key
+- StoreFailed             the database cannot be written or read
|  +- StoreCorrupt         it can, but holds nonsense
+- ClockFarAhead           the machine's clock is far beyond the last block
+- StateMismatch           the stored state is not the one that the blocks lead to
+- VerifyError             `verify` found the first thing that does not hold (see `verify`)
"""

from __future__ import annotations


class EngineError(Exception):
    """Base of what the engine raises on purpose."""


class HomeError(EngineError):
    """The ledger's home folder is not usable."""


class HomeMissing(HomeError):
    """There is no chain at that path: `truewatt ledger init` makes one."""


class HomeInUse(HomeError):
    """Another process runs on this home; two would sign two blocks of one height."""


class GenesisMismatch(HomeError):
    """The database was made for another genesis."""


class KeyMismatch(HomeError):
    """A key in the home is not the one that the chain expects."""


class StoreFailed(EngineError):
    """SQLite could not do it: disk full, locked, unreadable; the text says what it said."""


class StoreCorrupt(StoreFailed):
    """The database opens but what it holds cannot be read."""


class ClockFarAhead(EngineError):
    """The clock is so far beyond the last block that a person must vouch for it."""


class StateMismatch(EngineError):
    """The state in the database does not match the header, or the block does not lead to it."""


class VerifyError(EngineError):
    """The first mismatch of a replay: which height, what, expected and found."""

    def __init__(self, height: int, what: str) -> None:
        super().__init__(f"height {height}: {what}")
        self.height = height


class BrokenChain(VerifyError):
    """A block that does not follow the one before: height, id, time or validators."""


class WrongBody(VerifyError):
    """Transactions or last commit that are not those of the header."""


class WrongVotes(VerifyError):
    """A commit that is not signed by the authority for this block."""


class WrongAppHash(VerifyError):
    """The header's app_hash is not the root of the replayed state."""


class WrongResults(VerifyError):
    """Stored results or events, or the header's results hash, are not those of the replay."""


class WrongCommand(VerifyError):
    """A signed command that no intent stands for, or an intent without its signed command."""


class WrongIndex(VerifyError):
    """The transaction index does not point at the transactions of the blocks."""


class WrongState(VerifyError):
    """The state table, or the log to undo its last block, is not what the replay leads to."""
