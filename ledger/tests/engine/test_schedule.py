from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ledger.engine.schedule import HEARTBEAT_MS, MAX_LAG_MS, MIN_STEP_MS, Plan, Situation, plan

NOW = 1_000_000_000


def situation(**changes) -> Situation:
    values = {
        "now_ms": NOW,
        "last_made_ms": NOW - 3_000,
        "last_vote_ms": NOW - 3_000,
        "due_ms": NOW + 500_000,
        "needs_proof": False,
        "has_txs": False,
        "is_refreshed": False,
        "has_orders": False,
    }
    return Situation(**{**values, **changes})


def test_an_idle_chain_beats_once_a_minute_or_when_work_is_due():
    assert plan(situation()) == Plan(NOW - 3_000 + HEARTBEAT_MS, False)
    assert plan(situation(due_ms=NOW + 7_000)).at_ms == NOW + 7_000


def test_transactions_and_proofs_come_a_second_after_the_last_block():
    fresh = {"last_made_ms": NOW - 300, "last_vote_ms": NOW - 300}
    assert plan(situation(has_txs=True, **fresh)) == Plan(NOW + 700, True)
    assert plan(situation(needs_proof=True, **fresh)) == Plan(NOW + 700, False)


def test_what_proves_an_order_comes_soon_and_empty():
    fresh = {"last_made_ms": NOW - 5, "last_vote_ms": NOW - 5, "needs_proof": True}
    assert plan(situation(has_orders=True, has_txs=True, **fresh)) == Plan(NOW + 15, False)
    fast = situation(has_orders=True, step_ms=6_000, proof_step_ms=6_000, **fresh)
    assert plan(fast) == Plan(NOW + 5_995, False)


def test_one_empty_block_goes_first_when_the_next_date_lies_far_back():
    old = {"last_made_ms": NOW - 40_000, "last_vote_ms": NOW - 40_000, "has_txs": True}
    assert plan(situation(**old)) == Plan(NOW - 39_000, False)
    assert plan(situation(is_refreshed=True, **old)).with_txs


def test_a_clock_set_back_does_not_stop_the_chain():
    """The last vote lies a year ahead of the clock; blocks still come a second apart."""
    ahead = situation(last_vote_ms=NOW + 31_536_000_000, has_txs=True)
    assert plan(ahead) == Plan(NOW - 2_000, True)


@given(
    st.integers(-100_000, 100_000), st.integers(-100_000, 100_000), st.integers(-100_000, 100_000),
    st.booleans(), st.booleans(), st.booleans(),
)  # fmt: skip
def test_blocks_are_never_closer_than_the_step_and_never_later_than_the_beat(
    made, vote, due, proof, txs, refreshed
):
    now = situation(
        last_made_ms=NOW + made,
        last_vote_ms=NOW + vote,
        due_ms=NOW + due,
        needs_proof=proof,
        has_txs=txs,
        is_refreshed=refreshed,
    )
    found = plan(now)
    assert now.last_made_ms + MIN_STEP_MS <= found.at_ms <= now.last_made_ms + HEARTBEAT_MS
    assert txs or not found.with_txs
    assert not (txs and refreshed) or found.with_txs
    assert MAX_LAG_MS > MIN_STEP_MS
