"""Prices, management, sections and control: from admitted energy to intents and their ends."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import setup
from ledger.contracts import control, errors, management, metering, objects, pricing
from ledger.contracts.formulas import linear
from ledger.contracts.objects import RELAY_CLOSED, Asset, Intent, Preferences, Price
from ledger.contracts.params import EnergyPrice, Limits
from ledger.contracts.policy import decide
from ledger.tests.contracts.kit import START_MS, Board, World, kinds, of_kind
from wireformat import cbor, codes

RULE = EnergyPrice(codes.SOLAR, 160_000, 40_000, 320_000, 6_000, 20_000)


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**6))
def test_more_of_a_type_generated_never_raises_its_price(load_w, generated_w, more_w):
    price = linear(RULE, load_w, generated_w)
    assert RULE.least <= linear(RULE, load_w, generated_w + more_w) <= price <= RULE.most


def _price(world: World) -> Price:
    return world.get(Price, pricing.now_key(1))


def test_prices_follow_load_and_generation_of_the_interval():
    world = World()
    board = world.enrol(Board("m1"))
    first = _price(world)
    readings = [board.reading(load_wh=50, solar_wh=100) for _ in range(4)]
    world.send(*readings, after_s=240)
    done = world.block(after_s=100)
    price = _price(world)
    # Three counted minutes of 50 and 100 Wh over 300 s: 1800 W load, 3600 W solar.
    assert (price.load_wh, price.generated_wh) == (150, [[codes.SOLAR, 300]])
    assert pricing.price_of(price, codes.SOLAR) == 160_000 + 6 * 1800 - 20 * 3600
    assert pricing.price_of(price, codes.GRID) == 240_000 + 12 * 1800
    assert price.mix == pricing.price_of(price, codes.SOLAR)  # solar covers all the load
    assert pricing.price_of(price, codes.SOLAR) < pricing.price_of(first, codes.SOLAR)
    assert {row["energy"] for row in of_kind(done, "pricing/price")} == {0, 1, 2, 6}


def test_a_backlog_moves_no_price_and_history_is_bounded():
    world = World(Limits(price_history=3))
    board = world.enrol(Board("m1"))
    world.send(board.reading(), board.reading(load_wh=100))
    for _ in range(6):
        world.block(after_s=300)
    assert world.send(board.reading(load_wh=400)) == [0]
    world.block(after_s=300)
    assert _price(world).load_wh == 0
    assert len(list(world.state.iterate(b"pricing/\0\0\0\1/history/"))) == 3


def _home(limits: Limits | None = None, **wishes):
    world = World(limits)
    head = world.enrol(Board("x1", codes.MLMD, ((codes.SECTION, codes.GRID),), fixed_limit_w=9000))
    board = world.enrol(Board("m1"), section=head.address)
    world.give("anna", board)
    done = world.prefer("anna", board, **wishes)
    return world, head, board, done


def _intents(done) -> list[dict]:
    return of_kind(done, control.INTENT_EVENT)


def _intent(world: World, event: dict) -> Intent:
    return world.get(Intent, control.INTENT + event["id"])


def test_preferences_bring_the_first_order_and_a_dear_price_opens_the_relay():
    world, _, board, done = _home(price_limit=245_000, energy=codes.GRID)
    first = _intents(done)
    assert [event["action"] for event in first] == [codes.CLOSE]
    assert world.send(board.outcome(_intent(world, first[0]))) == [0]
    world.send(*(board.reading(load_wh=60) for _ in range(4)), after_s=250)
    done = world.block(after_s=60)
    (event,) = _intents(done)
    intent = _intent(world, event)
    assert (event["action"], event["why"]) == (codes.OPEN, "price")
    assert (intent.counter, intent.height, intent.target) == (2, world.height, board.address)
    index = next(e.index for e in done.all_events() if e.kind == control.INTENT_EVENT)
    assert intent.index == index == done.all_events()[index].index
    assert intent.not_before_s <= world.now_ms // 1000 < intent.expires_s
    world.send(board.outcome(intent))
    closed = _intent(world, event)
    assert (closed.status, closed.state) == (objects.DONE, 0)
    assert control.open_intents(world.state, 1) == []


def test_outcomes_that_fit_nothing_change_nothing():
    world, head, board, done = _home()
    intent = _intent(world, _intents(done)[0])
    wrong = Intent(**{f: getattr(intent, f) for f in intent.__slots__})
    wrong.counter += 1
    assert world.send(board.outcome(wrong), head.outcome(intent)) == [0, 0]
    assert _intent(world, _intents(done)[0]).status == objects.OPEN
    world.send(board.outcome(intent, codes.REFUSED, codes.R_PROTECTION))
    done = world.ok("gateway", setup.RecordsBody(records=[board.outcome(intent)]))
    assert "control/repeated_outcome" in kinds(done)
    assert world.get(Intent, control.INTENT + intent.id).status == objects.REFUSED


def test_an_outcome_ends_its_command_ahead_of_its_turn_and_is_chained_in_it():
    """A day of records waits before it; the board's word about its relay does not."""
    world, _, board, done = _home()
    intent = _intent(world, _intents(done)[0])
    backlog = [board.reading() for _ in range(5)]
    early = board.outcome(intent)
    done = world.ok("gateway", setup.RecordsBody(records=[early]))
    assert cbor.decode(done.results[0].data) == [metering.HEARD]
    (ended,) = of_kind(done, "control/done")
    assert (ended["id"], ended["late"]) == (intent.id, 0)
    assert control.open_intents(world.state, 1) == []
    done = world.ok("gateway", setup.RecordsBody(records=[early, *backlog, early]))
    assert cbor.decode(done.results[0].data) == [metering.HEARD, *[metering.ADMITTED] * 6]
    assert not [kind for kind in kinds(done) if kind.startswith("control/")]
    assert world.send(early) == [metering.DUPLICATE]


def test_an_early_outcome_must_be_its_own_boards_and_truly_signed():
    world, head, board, done = _home()
    intent = _intent(world, _intents(done)[0])
    board.reading()
    head.feeder(0)
    code, data = board.outcome(intent)
    forged = data[:-1] + bytes((data[-1] ^ 1,))
    assert world.send((code, forged), head.outcome(intent)) == [
        metering.BAD_SIGNATURE,
        metering.HEARD,
    ]
    assert _intent(world, _intents(done)[0]).status == objects.OPEN


def test_a_refused_order_is_tried_again_later():
    world, _, board, done = _home()
    world.send(board.outcome(_intent(world, _intents(done)[0]), codes.REFUSED, codes.R_PROTECTION))
    assert _intents(world.block(after_s=60)) == []
    assert len(_intents(world.block(after_s=61))) == 1


def test_an_order_is_renewed_before_it_lapses_and_never_twice_open():
    world, _, board, done = _home()
    first = _intents(done)[0]
    assert _intents(world.block(after_s=600)) == []
    (second,) = _intents(done := world.block(after_s=80))
    assert second["action"] == first["action"]
    (ended,) = of_kind(done, "control/expired")
    assert (ended["id"], ended["reason"]) == (first["id"], codes.R_REPLAYED)
    assert [x.id for x in control.open_intents(world.state, 1)] == [second["id"]]
    # The board had done the first one after all: its signed word replaces the time-out.
    world.send(board.outcome(_intent(world, first)))
    assert _intent(world, first).status == objects.DONE
    assert [x.id for x in control.open_intents(world.state, 1)] == [second["id"]]


def test_an_order_nobody_answers_expires_and_is_pruned_in_the_end():
    world, _, board, done = _home(Limits(intent_retention_s=3600))
    (event,) = _intents(done)
    world.ok("operator", setup.RevokeBody(address=board.address, why="gone"))
    assert kinds(world.block(after_s=1000)).count("control/expired") == 0
    assert of_kind(world.block(after_s=30), "control/expired")[0]["reason"] == codes.R_EXPIRED
    assert _intent(world, event).status == objects.EXPIRED
    world.block(after_s=3601)
    assert world.state.get(control.INTENT + event["id"]) is None


def test_a_run_with_a_deadline_starts_in_time_whatever_it_costs():
    # Period of one hour; 10 minutes must be done 30 minutes into it.
    world, _, board, done = _home(
        price_limit=1, energy=codes.GRID, run_s=600, deadline_s=1800, period_s=3600
    )
    into_s = world.now_ms // 1000 % 3600
    assert _intents(done)[0]["action"] == codes.OPEN
    world.block(after_s=3600 - into_s + 1800 - 720 - 2)
    done = world.block(after_s=2)
    assert [(e["action"], e["why"]) for e in _intents(done)] == [(codes.CLOSE, "deadline")]
    board.now_s = world.now_ms // 1000
    readings = [board.reading(load_wh=10) for _ in range(11)]
    done = world.block(world.tx("gateway", setup.RecordsBody(records=readings)), after_s=660)
    key = management.asset_key(1, board.address, 0)
    assert world.get(Asset, management.ASSET + key).run_s >= 600
    assert [(e["action"], e["why"]) for e in _intents(done)] == [(codes.OPEN, "price")]


def test_an_overloaded_section_sheds_the_lowest_priority_and_brings_it_back():
    world, head, board, _ = _home(priority=1, rated_w=2000)
    world.prefer("anna", board, asset=1, priority=5, rated_w=2000)
    head.now_s = board.now_s = world.now_ms // 1000 + 20
    done = world.ok("gateway", setup.RecordsBody(records=[head.feeder(10_500)]), after_s=90)
    assert [(e["asset"], e["action"], e["why"]) for e in _intents(done)] == [
        (0, codes.OPEN, "overload")
    ]
    # The next record's interval still holds load from before: no second asset for that.
    assert _intents(world.ok("gateway", setup.RecordsBody(records=[head.feeder(9_900)]))) == []
    for _ in range(6):
        done = world.ok("gateway", setup.RecordsBody(records=[head.feeder(5_000)]), after_s=60)
        if any(e["action"] == codes.CLOSE and e["asset"] == 0 for e in _intents(done)):
            break
    else:
        pytest.fail("the asset never came back")
    assert "management/brought_back" in kinds(done)


def test_a_section_limit_is_ordered_renewed_and_given_back():
    world, head, _, _ = _home()
    until_s = world.now_ms // 1000 + 1000
    too_high = setup.SectionLimitBody(mlmd=head.address, limit_w=9001, until_s=until_s)
    assert world.run("operator", too_high).results[0].code == errors.BadLimit.code
    done = world.ok(
        "operator", setup.SectionLimitBody(mlmd=head.address, limit_w=4000, until_s=until_s)
    )

    def limits(done) -> list[int]:
        return [e["value"] for e in _intents(done) if e["action"] == codes.SET_LIMIT]

    assert limits(done) == [4000]
    assert limits(world.block(after_s=10)) == []
    assert limits(world.block(after_s=670)) == [4000]
    assert limits(world.block(after_s=400)) == [9000]
    assert limits(world.block(after_s=2000)) == []


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        ({"asset": 2}, errors.BadPreferences),
        ({"period_s": 10}, errors.BadPreferences),
        ({"run_s": 100, "deadline_s": 50}, errors.BadPreferences),
        ({"energy": 99}, errors.BadPreferences),
    ],
)
def test_preferences_that_contradict_are_refused(wishes, expected):
    world, _, board, _ = _home()
    values = {**_WISHES, "device": board.address, **wishes}
    assert world.run("anna", setup.PreferencesBody(**values)).results[0].code == expected.code


_WISHES = {
    "asset": 0, "price_limit": 0, "energy": 0, "priority": 0, "run_s": 0, "deadline_s": 0,
    "period_s": 86_400, "min_on_s": 0, "min_off_s": 0, "rated_w": 0,
}  # fmt: skip


def test_only_the_owner_sets_preferences():
    world, _, board, _ = _home()
    stranger = world.enrol(Board("m2"))
    world.give("bert", stranger)
    body = setup.PreferencesBody(**{**_WISHES, "device": board.address})
    assert world.run("bert", body).results[0].code == errors.NotAllowed.code
    assert world.run("operator", body).results[0].code == errors.NotAllowed.code


def test_the_seventh_switching_of_an_hour_waits_for_the_hour_to_end():
    wishes, asset, limits = Preferences(100, 0, 1, 0, 0, 86_400, 0, 0, 0, 1), Asset(), Limits()
    switched = []
    for step in range(400):
        now_ms = START_MS + step * 10_000
        found = decide(limits, wishes, asset, 50 if asset.desired != RELAY_CLOSED else 200, now_ms)
        if found.may_switch:
            switched.append(step * 10)
            asset.desired, asset.since_ms, asset.reason = found.want, now_ms, found.why
            asset.switches_ms = [*asset.switches_ms[-5:], now_ms]
    assert switched[:7] == [0, 10, 20, 30, 40, 50, 3600]


@given(st.lists(st.tuples(st.integers(1, 900), st.booleans()), min_size=1, max_size=80))
@settings(max_examples=60, deadline=None)
def test_a_relay_is_spared_however_the_price_jumps(steps):
    """At least 10 s (and the owner's times) between switchings, at most six within any hour."""
    wishes = Preferences(100, 0, 1, 0, 0, 86_400, 120, 60, 0, 1)
    asset, now_ms, switched = Asset(), START_MS, []
    limits = Limits()
    for seconds, dear in steps:
        now_ms += seconds * 1000
        found = decide(limits, wishes, asset, 200 if dear else 50, now_ms)
        assert found.due_ms > now_ms
        if found.may_switch:
            if switched:
                rest_s = 120 if asset.desired == RELAY_CLOSED else 60
                assert now_ms - switched[-1] >= rest_s * 1000
            switched.append(now_ms)
            asset.desired, asset.since_ms, asset.reason = found.want, now_ms, found.why
            asset.switches_ms = [*asset.switches_ms[-5:], now_ms]
        elif found.want != asset.desired:
            again = decide(limits, wishes, asset, 200 if dear else 50, found.due_ms)
            assert again.may_switch
    for first, seventh in zip(switched, switched[6:], strict=False):
        assert seventh - first >= 3_600_000
