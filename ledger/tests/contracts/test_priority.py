"""Two who want different things of one asset: the higher rank prevails, whoever came first."""

from __future__ import annotations

import itertools

import pytest

from ledger import setup
from ledger.contracts import control, priority, registry
from ledger.contracts.context import Context
from ledger.contracts.control import Order
from ledger.contracts.objects import EXPIRED, SG_READY_KIND, Device, Intent
from ledger.tests.contracts.kit import CHAIN, Board, World, kinds, of_kind
from wireformat import codes

GRID_WHY, OWNER_WHY = priority.OVERLOAD, "price"


class Asset:
    """One relay, asked of by hand: `ask` runs a contract's request in a block of its own."""

    def __init__(self) -> None:
        self.world = World()
        head = Board("x1", codes.MLMD, ((codes.SECTION, codes.GRID),), fixed_limit_w=9000)
        self.head = self.world.enrol(head)
        self.board = self.world.enrol(Board("m1"), section=head.address)
        self.events: list = []

    @property
    def context(self) -> Context:
        world = self.world
        world.height += 1
        world.now_ms += 1000
        return Context(world.state, world.genesis.params, CHAIN, world.height, world.now_ms)

    def ask(self, action: int, why: str, value: int = 0) -> Intent | None:
        ctx = self.context
        device = ctx.load(Device, registry.DEVICE + self.board.address)
        found = control.request(ctx, device, Order(self.board.address, 0, action, value, why))
        self.events = [event.kind for event in ctx.events]
        return found

    def withdraw(self) -> None:
        control.withdraw(self.context, 1, self.board.address, 0)

    def status(self, intent: Intent) -> int:
        return self.world.get(Intent, control.INTENT + intent.id).status

    @property
    def open(self) -> list[bytes]:
        return [intent.id for intent in control.open_intents(self.world.state, 1)]


def test_the_grid_comes_second_and_ends_what_the_owner_asked():
    asset = Asset()
    owner = asset.ask(codes.CLOSE, OWNER_WHY)
    grid = asset.ask(codes.OPEN, GRID_WHY)
    assert asset.status(owner) == EXPIRED
    assert asset.open == [grid.id]


def test_the_owner_comes_second_and_is_outranked_until_the_grid_is_done():
    asset = Asset()
    grid = asset.ask(codes.OPEN, GRID_WHY)
    assert asset.ask(codes.CLOSE, OWNER_WHY) is None
    assert asset.events == [control.OUTRANKED_EVENT]
    assert asset.open == [grid.id]
    asset.withdraw()
    owner = asset.ask(codes.CLOSE, OWNER_WHY)
    assert asset.open == [owner.id]


def test_it_stands_after_the_board_has_done_it_and_lapses_with_its_command():
    asset = Asset()
    grid = asset.ask(codes.OPEN, GRID_WHY)
    assert asset.world.send(asset.board.outcome(grid)) == [0]
    assert asset.open == []
    assert asset.ask(codes.CLOSE, OWNER_WHY) is None
    asset.world.now_ms = grid.expires_s * 1000
    assert asset.ask(codes.CLOSE, OWNER_WHY) is not None


def test_what_the_board_refused_holds_nothing():
    asset = Asset()
    grid = asset.ask(codes.OPEN, GRID_WHY)
    asset.world.send(asset.board.outcome(grid, codes.REFUSED, codes.R_HARDWARE))
    assert asset.ask(codes.CLOSE, OWNER_WHY) is not None


def test_taking_still_less_is_no_contradiction():
    asset = Asset()
    asset.ask(codes.SET_LIMIT, GRID_WHY, 4000)
    assert asset.ask(codes.SET_LIMIT, OWNER_WHY, 4100) is None
    assert asset.ask(codes.SET_LIMIT, OWNER_WHY, 4000) is not None
    assert asset.ask(codes.OPEN, OWNER_WHY) is not None
    assert asset.ask(codes.CLOSE, OWNER_WHY) is None


def test_between_equals_the_newer_prevails():
    asset = Asset()
    for why in (OWNER_WHY, GRID_WHY):
        first = asset.ask(codes.CLOSE, why)
        second = asset.ask(codes.OPEN, why)
        assert asset.status(first) == EXPIRED
        assert asset.open == [second.id]


def test_a_devices_own_limit_outranks_the_grid():
    asset = Asset()
    asset.ask(codes.SET_MODE, GRID_WHY, 1)
    assert asset.ask(codes.SET_MODE, OWNER_WHY, 2) is None
    assert asset.ask(codes.SET_MODE, priority.REST_OF_DEVICE, 2) is not None


RANKS = (priority.OWNER, priority.GRID, priority.PROTECTION)
WHYS = {
    priority.OWNER: "deadline",
    priority.GRID: priority.SECTION_LIMIT,
    priority.PROTECTION: priority.REST_OF_DEVICE,
}


@pytest.mark.parametrize(("low", "high"), list(itertools.combinations(RANKS, 2)))
def test_ranks_are_read_from_the_reason(low, high):
    orders = [Order(b"", 0, codes.OPEN, 0, WHYS[rank]) for rank in (low, high)]
    assert orders[0].rank < orders[1].rank


def test_an_owner_can_not_wish_an_asset_back_that_was_shed():
    """Other wishes, or another kind of wishes, begin the account anew, but not the section's."""
    world = World()
    head = world.enrol(Board("x1", codes.MLMD, ((codes.SECTION, codes.GRID),), fixed_limit_w=9000))
    board = world.enrol(Board("m1"), section=head.address)
    world.give("anna", board)
    world.prefer("anna", board, rated_w=2000)
    head.now_s = board.now_s = world.now_ms // 1000 + 20
    done = world.ok("gateway", setup.RecordsBody(records=[head.feeder(10_500)]), after_s=90)
    (shed,) = of_kind(done, control.INTENT_EVENT)
    assert (shed["action"], shed["why"]) == (codes.OPEN, priority.OVERLOAD)
    for wishes in ({"price_limit": 10**9}, {"kind": SG_READY_KIND}, {"kind": 0}):
        done = world.prefer("anna", board, rated_w=2000, after_s=15, **wishes)
        assert of_kind(done, control.INTENT_EVENT) == [], wishes
        assert "management/preferences" in kinds(done)
    assert world.now_ms // 1000 < shed["expires_s"]
    done = world.block(after_s=shed["expires_s"] - world.now_ms // 1000 + 1)
    assert [order["action"] for order in of_kind(done, control.INTENT_EVENT)] == [codes.CLOSE]
