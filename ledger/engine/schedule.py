"""When to make a block, and whether it may take transactions. Pure; all times in milliseconds.

Blocks are made on demand: for transactions, for work that time alone brings (an intent to expire, a
price to set, an asset to look at), to put the last state under a header, and as a heartbeat; at
least `step_ms` apart. If the last block ordered something, the empty block that proves it comes
after `proof_step_ms`: no gateway may carry an order out before. A block is dated when its parent
was signed (CometBFT's rule). If that lies more than `MAX_LAG_MS` back, one empty block goes first,
so that contracts see about the time of day; one only, however slow the disk is, for transactions
must get in.
"""

from __future__ import annotations

from dataclasses import dataclass

MIN_STEP_MS = 1_000
HEARTBEAT_MS = 60_000
MAX_LAG_MS = 5_000
PROOF_STEP_MS = 20
MIN_STEP_WALL_S = 0.1
"""However fast simulated time runs, blocks come no closer in real time: each costs this machine,
and everyone who follows the chain, the same as at speed 1."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the decision rests on.

    `last_made_ms` is when the last block was made, by this process' clock; `last_vote_ms`, its
    vote's date, lies ahead of the clock if that was set back, and must not stop the chain.
    """

    now_ms: int
    last_made_ms: int
    last_vote_ms: int
    due_ms: int
    needs_proof: bool
    has_txs: bool
    is_refreshed: bool
    """The last block was the empty one that goes first."""
    has_orders: bool
    """The last block holds orders to boards, which its own header does not prove."""
    step_ms: int = MIN_STEP_MS
    """The least time between blocks."""
    proof_step_ms: int = PROOF_STEP_MS
    """The least time between a block with orders and the one that proves them."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Make a block at `at_ms` (maybe now); `with_txs` False keeps the transactions waiting."""

    at_ms: int
    with_txs: bool


def plan(now: Situation) -> Plan:
    """The next block, unless something happens before."""
    if now.needs_proof and now.has_orders:
        return Plan(now.last_made_ms + min(now.proof_step_ms, now.step_ms), False)
    earliest_ms = now.last_made_ms + now.step_ms
    if now.has_txs or now.needs_proof:
        wanted_ms = earliest_ms
    else:
        wanted_ms = min(now.due_ms, now.last_made_ms + HEARTBEAT_MS)
    at_ms = max(wanted_ms, earliest_ms)
    lag_ms = max(now.now_ms, at_ms) - now.last_vote_ms
    most_ms = max(MAX_LAG_MS, 2 * now.step_ms)
    return Plan(at_ms, now.has_txs and (now.is_refreshed or lag_ms <= most_ms))
