"""Light client of a chain in CometBFT v0.38's format: follow headers, trust nobody's word.

``verifier`` and ``commits`` hold the pure rules, ``client`` the workflow, ``store`` the SQLite
store, ``errors`` the error tree. See ``docs/ledger-format.md``.
"""

from ledger.light.client import LightClient, LightParams, Provider, Store
from ledger.light.commits import verify_commit
from ledger.light.errors import LightError
from ledger.light.light_block import LightBlock
from ledger.light.store import SqliteStore
from ledger.light.verifier import verify, verify_adjacent, verify_backwards, verify_skipping

__all__ = [
    "LightBlock",
    "LightClient",
    "LightError",
    "LightParams",
    "Provider",
    "SqliteStore",
    "Store",
    "verify",
    "verify_adjacent",
    "verify_backwards",
    "verify_commit",
    "verify_skipping",
]
