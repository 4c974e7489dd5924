"""Whole blocks: a replay gives the same, a failed transaction leaves nothing, no body breaks it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import keys, setup
from ledger.contracts import app, bodies, registry
from ledger.contracts.errors import BadBody, ContractFault, NotAllowed, UsedNonce
from ledger.state import MemoryState
from ledger.tests.contracts.kit import CHAIN, Board, World, seed_of
from ledger.tx import make_tx
from wireformat import codes

SIGNERS = ("operator", "installer", "gateway", "anna")
KINDS = {
    cls.TYPE: cls
    for cls in (
        bodies.CertificateBody,
        bodies.AccountBody,
        bodies.EnrolBody,
        bodies.RevokeBody,
        bodies.RecordsBody,
        bodies.PreferencesBody,
        bodies.SectionLimitBody,
        bodies.LossModelBody,
    )
}


def _grid() -> tuple[World, Board, Board]:
    world = World()
    head = world.enrol(Board("x1", codes.MLMD, ((codes.SECTION, codes.GRID),), fixed_limit_w=9000))
    board = world.enrol(Board("m1"), section=head.address)
    world.give("anna", board)
    world.prefer("anna", board, price_limit=245_000, energy=codes.GRID)
    return world, head, board


def test_a_replay_gives_the_same_results_events_and_state():
    world, head, board = _grid()
    for _ in range(12):
        records = [board.reading(load_wh=50), head.feeder(9_500)]
        world.ok("gateway", setup.RecordsBody(records=records), after_s=60)
    state = MemoryState()
    state.apply(world.genesis.initial_changes())
    for block in world.blocks:
        first = app.finalize(state, world.genesis.params, block)
        again = app.finalize(state, world.genesis.params, block)
        assert first == again
        state.apply(first.changes)
    assert list(state.iterate(b"")) == list(world.state.iterate(b""))


def test_events_are_numbered_through_the_block_and_failures_leave_none():
    world, _, board = _grid()
    bad = world.tx("operator", setup.RevokeBody(address=bytes(20), why="nobody"))
    good = world.tx("gateway", setup.RecordsBody(records=[board.reading()]))
    twice = world.block(bad, good, good, after_s=700)
    assert [result.code == 0 for result in twice.results] == [False, True, False]
    assert [event.index for event in twice.all_events()] == list(range(len(twice.all_events())))
    assert twice.results[0].events == twice.results[2].events == ()


def test_a_block_that_only_fails_changes_nothing_but_nonces():
    world, _, _ = _grid()
    world.block()
    bad = [world.tx(name, setup.RevokeBody(address=bytes(20), why="x")) for name in SIGNERS]
    done = world.block(*bad, b"junk", after_s=0)
    assert all(done.results[n].code for n in range(5))
    assert set(done.changes) == {registry.NONCE + keys.address(seed_of(name)) for name in SIGNERS}


def test_a_failed_transaction_can_not_be_played_again_when_it_would_succeed():
    world, _, board = _grid()
    late = world.enrol(Board("m2"))
    wish = world.prefer("anna", board).results[0]
    assert wish.code == 0
    body = setup.PreferencesBody(
        device=late.address, asset=0, price_limit=1, energy=0, priority=1, run_s=0, deadline_s=0,
        period_s=86_400, min_on_s=0, min_off_s=0, rated_w=0,
    )  # fmt: skip
    tx = world.tx("anna", body)
    assert world.block(tx).results[0].code == NotAllowed.code
    world.give("anna", late)
    assert world.block(tx).results[0].code == UsedNonce.code


def test_a_mistake_in_a_contract_fails_one_transaction_and_not_the_chain(monkeypatch):
    world, _, board = _grid()

    def broken(ctx, signer, tx, areas):
        ctx.state.put(b"half", b"done")
        raise KeyError("a bug")

    monkeypatch.setitem(app._HANDLERS, "revoke", broken)
    bad = world.tx("operator", setup.RevokeBody(address=bytes(20), why="x"))
    good = world.tx("gateway", setup.RecordsBody(records=[board.reading()]))
    done = world.block(bad, good)
    assert [result.code for result in done.results] == [ContractFault.code, 0]
    assert world.state.get(b"half") is None


def test_every_kind_has_a_handler_and_a_schema():
    assert set(app._HANDLERS) == set(KINDS)


@pytest.fixture(scope="module")
def grid():
    return _grid()


SCALARS = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.integers(0, (1 << 64) - 1)
    | st.binary(max_size=40) | st.text(max_size=4)
)  # fmt: skip
VALUES = st.recursive(SCALARS, lambda x: st.lists(x, max_size=3), max_leaves=6)


@given(
    st.sampled_from(sorted(KINDS)),
    st.sampled_from(SIGNERS),
    st.dictionaries(st.integers(-1, 12), VALUES, max_size=6),
    st.booleans(),
)
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_body_breaks_a_block(grid, kind, signer, body, known):
    """Any map, also one whose addresses are real, ends in a result and never in a crash."""
    world, _, board = grid
    if known:
        body = {**body, 0: board.address, 1: body.get(1, 0)}
    nonce = registry.last_nonce(world.state, keys.address(seed_of(signer))) + 1
    tx = make_tx(seed_of(signer), CHAIN, nonce, kind, body)
    block = app.BlockInput(CHAIN, world.height + 1, world.now_ms + 1000, (tx,))
    (result,) = app.finalize(world.state, world.genesis.params, block).results
    try:
        KINDS[kind].from_map(body)
    except BadBody:
        assert result.code != 0
