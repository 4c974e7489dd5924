"""Decision tables of graded assets: charger, battery, SG-Ready heat pump. No chain, no board."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.contracts import kinds, policy_limit, policy_sg_ready
from ledger.contracts.objects import (
    BATTERY_KIND,
    LIMIT_KIND,
    SG_READY_KIND,
    Asset,
    Preferences,
)
from ledger.contracts.params import Limits
from wireformat import codes

DAY_S = 86_400
DAY_MS = DAY_S * 1000
START_MS = 20_700 * DAY_MS  # midnight UTC
LIMITS = Limits()
CHEAP, DEAR = 100, 300


def wishes(kind: int, **values: int) -> Preferences:
    base = Preferences(200, 0, 1, 0, 0, DAY_S, 0, 0, 11_000, 1, kind)
    for name, value in values.items():
        setattr(base, name, value)
    return base


CHARGER = {"least_w": 1400, "energy_wh": 20_000, "deadline_s": 6 * 3600}
BATTERY = {"rated_w": 3000, "high_price": 280, "capacity_wh": 10_000, "reserve_wh": 2000}


def asset_of(**values: object) -> Asset:
    asset = Asset(desired=0, actual=0)
    for name, value in values.items():
        setattr(asset, name, value)
    return asset


def answer(want: Preferences, asset: Asset, price: int, at_s: int = 0) -> tuple[int, str]:
    found = kinds.decide(LIMITS, want, asset, price, START_MS + at_s * 1000)
    assert found.due_ms > START_MS + at_s * 1000
    return found.want, found.why


@pytest.mark.parametrize(
    ("price", "at_s", "asset", "expected"),
    [
        (CHEAP, 0, {}, (11_000, "price")),
        (DEAR, 0, {}, (3_400, "deadline")),  # 20 kWh in 6 h less the margin, in steps of 100 W
        (DEAR, 0, {"energy_wh": 19_000, "period": 20_700}, (0, "price")),  # below least_w: waits
        (DEAR, 19_200, {"energy_wh": 19_000, "period": 20_700}, (1_600, "deadline")),
        (DEAR, 5 * 3600, {}, (11_000, "deadline")),  # more than it can: all it can
        (DEAR, 0, {"energy_wh": 20_000, "period": 20_700}, (0, "price")),
        (DEAR, 0, {"energy_wh": 20_000, "period": 20_699}, (3_400, "deadline")),  # yesterday's
        (DEAR, 7 * 3600, {}, (0, "price")),  # past the deadline
        (CHEAP, 0, {"bound_ms": 1, "bound_w": 4_000}, (4_000, "overload")),
        (CHEAP, 0, {"bound_ms": 1, "bound_w": 900}, (0, "overload")),  # can't charge at 900 W
        (DEAR, 0, {"bound_ms": 1, "bound_w": 4_000}, (3_400, "deadline")),
        (CHEAP, 0, {"shed_ms": 1}, (0, "overload")),
    ],
)
def test_what_a_charger_may_draw(price, at_s, asset, expected):
    assert answer(wishes(LIMIT_KIND, **CHARGER), asset_of(**asset), price, at_s) == expected


def test_a_charger_that_began_for_its_deadline_does_not_stop_for_needing_little():
    started = asset_of(desired=1400, reason="deadline", energy_wh=19_500, period=20_700)
    assert answer(wishes(LIMIT_KIND, **CHARGER), started, DEAR, 3600) == (1_400, "deadline")


@pytest.mark.parametrize(
    ("price", "asset", "expected"),
    [
        (CHEAP, {"stored_wh": 5000}, (3000, "cheap")),
        (CHEAP, {"stored_wh": 10_000}, (0, "rest")),
        (CHEAP, {"stored_wh": 9_600}, (0, "rest")),  # full; begins again 5 % below
        (CHEAP, {"stored_wh": 9_600, "desired": 3000}, (3000, "cheap")),
        (203, {"stored_wh": 5000, "desired": 3000}, (3000, "cheap")),  # hysteresis
        (205, {"stored_wh": 5000, "desired": 3000}, (0, "rest")),
        (DEAR, {"stored_wh": 5000}, (-3000, "dear")),
        (DEAR, {"stored_wh": 2_000}, (0, "rest")),  # the reserve stays
        (275, {"stored_wh": 5000, "desired": -3000}, (-3000, "dear")),
        (275, {"stored_wh": 5000}, (0, "rest")),
        (CHEAP, {"stored_wh": 2000, "bound_ms": 1, "bound_w": -3000}, (-3000, "overload")),
        (CHEAP, {"stored_wh": 0, "bound_ms": 1, "bound_w": -3000}, (0, "overload")),
        (CHEAP, {"stored_wh": 5000, "bound_ms": 1, "bound_w": 1000}, (1000, "overload")),
        (DEAR, {"stored_wh": 5000, "bound_ms": 1, "bound_w": 1000}, (-3000, "dear")),
    ],
)
def test_what_a_battery_takes_and_gives(price, asset, expected):
    assert answer(wishes(BATTERY_KIND, **BATTERY), asset_of(**asset), price) == expected


HOUR_AGO_MS, LONG_AGO_MS = START_MS - 3_600_000 + 1000, START_MS - 7_200_000


@pytest.mark.parametrize(
    ("price", "asset", "expected"),
    [
        (150, {}, (2, "normal")),
        (DEAR, {}, (1, "price")),
        (CHEAP, {}, (3, "low price")),
        (CHEAP, {"shed_ms": 1}, (1, "overload")),
        (DEAR, {"desired": 1, "since_ms": HOUR_AGO_MS, "reason": "price"}, (1, "price")),
        (198, {"desired": 1, "since_ms": HOUR_AGO_MS, "reason": "price"}, (1, "price")),
        (195, {"desired": 1, "since_ms": HOUR_AGO_MS, "reason": "price"}, (2, "normal")),
        (DEAR, {"desired": 1, "since_ms": LONG_AGO_MS}, (2, "rest from blocking")),
        (
            DEAR,
            {"desired": 1, "since_ms": LONG_AGO_MS, "shed_ms": 1},
            (2, "rest from blocking"),
        ),
        (
            DEAR,
            {"desired": 2, "since_ms": HOUR_AGO_MS, "reason": "rest from blocking"},
            (2, "rest from blocking"),
        ),
        (
            DEAR,
            {"desired": 2, "since_ms": LONG_AGO_MS, "reason": "rest from blocking"},
            (1, "price"),
        ),
    ],
)
def test_which_mode_a_heat_pump_is_told(price, asset, expected):
    assert answer(wishes(SG_READY_KIND, low_price=120), asset_of(**asset), price) == expected


def test_a_heat_pump_whose_run_has_no_more_time_is_ordered_on():
    want = wishes(SG_READY_KIND, low_price=120, run_s=3600, deadline_s=7200)
    assert answer(want, asset_of(), DEAR, 0) == (1, "price")
    assert answer(want, asset_of(), DEAR, 3500) == (4, "deadline")
    assert answer(want, asset_of(shed_ms=1), DEAR, 3500) == (1, "overload")


def test_a_level_moves_by_steps_and_not_oftener_than_each_minute():
    want, now_ms = wishes(LIMIT_KIND, **CHARGER), START_MS + 3_600_000
    asset = asset_of(desired=3400, reason="deadline", since_ms=now_ms - 59_000)
    asset.energy_wh, asset.period = 3_000, 20_700
    found = kinds.decide(LIMITS, want, asset, DEAR, now_ms)
    assert (found.want, found.may_switch) == (3400, False)  # 3500 W needed: less than 5 % more
    asset.energy_wh = 0
    found = kinds.decide(LIMITS, want, asset, DEAR, now_ms)
    assert (found.want, found.may_switch, found.due_ms) == (4100, False, now_ms + 1000)
    found = kinds.decide(LIMITS, want, asset, DEAR, now_ms + 1000)
    assert (found.want, found.may_switch, found.is_switching) == (4100, True, False)


def test_a_section_in_shortage_waits_for_no_minute():
    want, asset = (
        wishes(LIMIT_KIND, **CHARGER),
        asset_of(desired=11_000, since_ms=START_MS - 10_000),
    )
    asset.bound_ms, asset.bound_w = START_MS, 5_000
    found = kinds.decide(LIMITS, want, asset, CHEAP, START_MS)
    assert (found.want, found.may_switch) == (5_000, True)


PRICES = st.lists(
    st.tuples(st.integers(1, 1800), st.sampled_from([50, 150, 250, 400])), max_size=80
)


@given(PRICES, st.sampled_from([LIMIT_KIND, BATTERY_KIND, SG_READY_KIND]))
@settings(max_examples=60, deadline=None)
def test_contacts_are_spared_however_the_price_jumps(steps, kind):
    """At most six switchings within any hour, and never nearer than the owner's times."""
    extra = {LIMIT_KIND: CHARGER, BATTERY_KIND: BATTERY, SG_READY_KIND: {"low_price": 120}}[kind]
    want = wishes(kind, min_on_s=120, min_off_s=60, **extra)
    asset, now_ms, switched = kinds.new_asset(want), START_MS, []
    for seconds, price in steps:
        now_ms += seconds * 1000
        found = kinds.decide(LIMITS, want, asset, price, now_ms)
        assert found.due_ms > now_ms
        if not found.may_switch:
            continue
        if found.is_switching:
            switched.append(now_ms)
            asset.switches_ms = [*asset.switches_ms[-5:], now_ms]
        asset.desired, asset.since_ms, asset.reason = found.want, now_ms, found.why
        action, value = kinds.order_of(kind, asset.desired)
        assert action in codes.ACTIONS
        assert 0 <= value <= (4 if kind == SG_READY_KIND else want.rated_w)
    for first, seventh in zip(switched, switched[6:], strict=False):
        assert seventh - first >= 3_600_000


@given(st.integers(1, 10**5), st.integers(0, 5 * 3600), st.integers(1400, 11_000))
def test_what_is_needed_suffices_and_is_not_much_more(energy_wh, at_s, rated_w):
    want = wishes(LIMIT_KIND, **{**CHARGER, "energy_wh": energy_wh, "rated_w": rated_w})
    need_w = policy_limit.needed_w(want, asset_of(), START_MS + at_s * 1000)
    left_s = 6 * 3600 - at_s - 120
    assert need_w == rated_w or need_w * left_s >= energy_wh * 3600
    assert (need_w - 100) * left_s < energy_wh * 3600


def test_orders_name_the_action_of_their_kind():
    assert kinds.order_of(LIMIT_KIND, 0) == (codes.SET_LIMIT, 0)
    assert kinds.order_of(BATTERY_KIND, -700) == (codes.DISCHARGE, 700)
    assert kinds.order_of(BATTERY_KIND, 0) == (codes.CHARGE, 0)
    for mode in policy_sg_ready.MODES:
        assert kinds.order_of(SG_READY_KIND, mode) == (codes.SET_MODE, mode)
