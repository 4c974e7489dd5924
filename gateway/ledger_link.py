"""The one interface to the ledger: what the gateway asks of a node, and what may come back.

Nothing that comes through it is believed before `light_node` has verified it.
"""

from dataclasses import dataclass
from typing import Protocol

from gateway.errors import GatewayError
from ledger.blocks import Block
from ledger.light import Provider


class LedgerError(GatewayError):
    """Base of what goes wrong with the ledger. Collection goes on; records wait in the outbox."""

    code = "ledger_error"


class LedgerUnreachable(LedgerError):
    """No answer from the node."""

    code = "ledger_unreachable"
    todo = "check the node and ledger.rpc; records wait in the outbox until it answers"


class LedgerRefused(LedgerError):
    """The node answered with an error."""

    code = "ledger_refused"


class LedgerLied(LedgerError):
    """A header, proof or value that doesn't verify: the node is broken or hostile."""

    code = "ledger_lied"
    todo = "use another node; nothing of the answer was believed"


class LedgerBehind(LedgerError):
    """The block that proves an answer isn't there yet."""

    code = "ledger_behind"


class LightStoreFailed(LedgerError):
    """The file of verified headers can't be read or written, or is damaged."""

    code = "light_store_failed"
    todo = "free space, or move light.db away: it is rebuilt from the genesis"


class TrustExpired(LedgerError):
    """The newest verified header is older than the trusting period."""

    code = "trust_expired"
    todo = (
        "check this gateway's time; else set ledger.trusted_height and trusted_hash to a recent "
        "block that the ledger's operator vouches for"
    )


class LedgerForked(LedgerLied):
    """The node has another block where a verified one is: a restored backup, or two authorities."""

    code = "ledger_forked"
    todo = (
        "ask the ledger's operator which history holds; to follow the new one stop this gateway, "
        "move light.db away and start: it sends again what that history lacks"
    )


class ClockBehindChain(LedgerError):
    """Blocks are dated after this gateway's time: its clock is wrong, or the node's."""

    code = "clock_behind_chain"
    todo = "check this gateway's time (NTP); boards get no time from it until this is over"


class ChainStalled(LedgerError):
    """No new block for minutes, though there is one a minute: the node is cut off, or withholds."""

    code = "chain_stalled"
    todo = "look at the ledger process; if it goes on, this node holds its blocks back: use another"


@dataclass(frozen=True)
class Answer:
    """Answer to a query: `value` (None: no such key) after block `height`; an encoded proof."""

    value: bytes | None
    height: int
    proof: bytes = b""


@dataclass(frozen=True)
class Included:
    """Where the node says that a transaction is, and how it ended: its word, to be verified."""

    height: int
    code: int
    result: bytes
    log: str


@dataclass(frozen=True)
class Checked:
    """How a node took a transaction in; code 0: it waits for a block."""

    code: int
    log: str


class LedgerLink(Protocol):
    """A node's RPC. Raises `LedgerUnreachable` and `LedgerRefused`."""

    @property
    def blocks(self) -> Provider:
        """Light blocks, for `ledger.light`."""
        ...

    async def query(self, path: str, data: bytes, prove: bool = False) -> Answer:
        """`abci_query`."""
        ...

    async def transaction(self, identifier: bytes) -> Included | None:
        """A transaction by its SHA-256, if the node knows of a block that holds it."""
        ...

    async def block(self, height: int) -> Block:
        """A block whose body fits its own header; whether that header is true is not said."""
        ...

    async def broadcast(self, data: bytes) -> Checked:
        """`broadcast_tx_sync`."""
        ...

    async def new_block(self, wall_timeout_s: float) -> None:
        """Return when there may be a new block, or after the time-out."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...
