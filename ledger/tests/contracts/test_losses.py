"""Losses: the account balances, honest sections stay quiet, a bypassed meter is found and named."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import setup
from ledger.contracts import errors, losses, registry, suspects
from ledger.contracts.context import Event
from ledger.contracts.objects import (
    ACTIVE,
    FROZEN,
    REVOKED,
    LossAccount,
    LossModel,
    pack,
)
from ledger.tests.contracts.kit import START_MS, Board, World, of_kind
from ledger.tests.contracts.loss_kit import (
    LOAD_ONLY,
    MLMD,
    SLOT_S,
    START_SLOT,
    SWISS,
    Section,
    address_of,
    swiss_loads,
)
from wireformat import codes

SUSPECTED, CLEARED, SURPLUS = "losses/suspected", "losses/cleared", "losses/surplus"
needs_swiss = pytest.mark.skipif(not SWISS.is_file(), reason="measured data are not there")


def started(homes: int = 3, **kwargs: int) -> Section:
    section = Section(homes, **kwargs)
    section.tell({})
    return section


def likely_of(section: Section) -> bytes:
    return suspects.likely(section.sums, suspects.ranking(section.sums))


def kinds(events: list[Event]) -> list[str]:
    return [event.kind for event in events]


def balance(account: LossAccount) -> tuple[int, int]:
    known = account.signed_wh + account.attested_wh + account.technical_wh
    return account.import_wh - account.export_wh, known + account.residual_wh


@given(
    st.lists(st.lists(st.integers(0, 6000), min_size=3, max_size=3), min_size=1, max_size=12),
    st.integers(0, 2000),
    st.integers(0, 99),
)
@settings(max_examples=20, deadline=None)
def test_every_wh_is_booked_once_and_the_account_spans_the_registers(rows, around_wh, seed):
    section = started(seed=seed)
    first = {row[0]: row for row in section.account.rows}
    for loads in rows:
        section.interval([float(wh) for wh in loads], around_wh)
    account = section.account
    left, right = balance(account)
    assert left == right
    for line in account.recent:
        assert line[2] - line[3] == sum(line[4:8])
    # Whatever the intervals were: sums equal what the registers moved from the first to the last.
    moved = {row[0]: row[1] - first[row[0]][1] for row in account.rows}
    assert account.import_wh == moved.pop(MLMD)
    assert account.signed_wh == sum(moved.values())
    assert account.intervals == len(rows)


@given(st.integers(0, 10**6), st.floats(0, 30))
@settings(max_examples=8, deadline=None)
def test_meters_within_their_figures_never_raise_an_alarm(seed, peak_kw):
    """A day of wild but honest loads: registers up to 5 s old, losses 20 % off the model."""
    section = started(homes=4, seed=seed)
    for _ in range(96):
        loads = [section.random.uniform(0, peak_kw * 1000) / 16 for _ in range(4)]
        section.interval(loads, lag_s=5.0)
    assert kinds(section.ctx.events) == []
    assert section.account.intervals == 96


@needs_swiss
def test_honest_days_of_measured_homes_stay_quiet():
    section = started(homes=10)
    for loads in swiss_loads(5, range(30, 40)):
        section.interval(loads)
    assert kinds(section.ctx.events) == []


@needs_swiss
@pytest.mark.parametrize(("first", "thief", "share"), [(10, 3, 0.5), (20, 7, 0.3)])
def test_a_bypassed_meter_is_found_within_a_day_and_named(first, thief, share):
    """Measured homes (Swiss meters); from the second day on a share flows around one meter."""
    section = started(homes=10, seed=thief)
    for slot, measured in enumerate(swiss_loads(2, range(first, first + 10))):
        loads, around_wh = list(measured), 0.0
        if slot >= 96:
            around_wh = loads[thief] * share
            loads[thief] -= around_wh
        section.interval(loads, around_wh)
    told = [event for event in section.ctx.events if event.kind == SUSPECTED]
    assert told
    assert told[0].attributes["since_slot"] > START_SLOT + 96
    ranked = suspects.ranking(section.sums)
    assert told[-1].attributes["likely"] == ranked[0].address == address_of(thief)
    assert abs(ranked[0].share - 1000 * share) < 50


def test_a_constant_load_around_a_meter_makes_the_section_certain_and_no_meter():
    section = started(homes=4)
    for _ in range(96):
        loads = [section.random.uniform(50, 400) for _ in range(4)]
        section.interval(loads, around_wh=100)
    (event, *_) = [event for event in section.ctx.events if event.kind == SUSPECTED]
    assert event.attributes["likely"] == b""
    assert len(suspects.ranking(section.sums)) == 4
    assert likely_of(section) == b""
    assert 60 < event.attributes["mean_wh"] < 140


def test_one_wild_interval_is_no_suspicion_and_an_end_of_theft_is_told():
    section = started()
    section.interval([200, 200, 200], around_wh=5000)
    assert section.account.high > section.account.limit_wh
    for _ in range(2):
        section.interval([200, 200, 200], around_wh=150)
    assert SUSPECTED in kinds(section.ctx.events)
    for _ in range(96):
        section.interval([200, 200, 200])
    assert kinds(section.ctx.events)[-1] == CLEARED
    assert section.account.high == section.account.suspected_slot == 0


def test_an_mlmd_that_reads_short_is_told_of_as_a_surplus():
    section = started()
    for _ in range(12):
        section.interval([300, 300, 300], around_wh=-200)
    assert kinds(section.ctx.events) == [SURPLUS]


def test_nothing_is_settled_before_the_last_meter_and_late_data_lose_nothing():
    section = started()
    late = section.devices.pop(address_of(2))
    kept = []
    for _ in range(5):
        section.interval([100, 100, 100])
        kept.append((section.slot, int(section.energy_wh[address_of(2)])))
    assert section.account.intervals == 0
    for slot, register_wh in kept:
        section.slot = slot
        section.say(address_of(2), late, register_wh, 400)
    account = section.account
    assert (account.intervals, account.slot) == (5, START_SLOT + 5)
    assert balance(account)[0] == balance(account)[1]
    assert list(section.state.iterate(losses.BOUNDARY)) == []


def test_a_boundary_that_one_meter_never_recorded_joins_two_intervals():
    section = started()
    skipped = section.devices.pop(address_of(2))
    section.interval([100, 100, 100])
    section.devices[address_of(2)] = skipped
    section.interval([100, 100, 100])
    (line,) = section.account.recent
    assert line[:2] == [START_SLOT + 2, 2]
    assert 598 <= line[4] <= 602


def test_waiting_boundaries_are_bounded():
    section = started()
    section.devices.pop(address_of(2))
    for _ in range(losses.WAIT_SLOTS + 40):
        section.interval([10, 10, 10])
    assert len(list(section.state.iterate(losses.BOUNDARY))) == losses.WAIT_SLOTS + 1
    section.devices[address_of(2)] = section.ctx.load(
        registry.Device, registry.DEVICE + address_of(2)
    )
    section.interval([10, 10, 10])
    assert list(section.state.iterate(losses.BOUNDARY)) == []
    assert len(section.account.recent) <= losses.RECENT


@pytest.mark.parametrize(
    "fields",
    [
        {"flags": 0},
        {"flags": codes.BOUNDARY | codes.CLOCK_UNTRUSTED},
        {"time_s": (START_SLOT + 1) * SLOT_S + losses.LATE_S + 1},
    ],
)
def test_only_trusted_records_near_the_boundary_count(fields):
    section = started()
    section.slot += 1
    for address, device in section.devices.items():
        section.say(address, device, 1000, 0, **fields)
    assert section.account.intervals == 0
    assert list(section.state.iterate(losses.BOUNDARY)) == []


def test_a_late_record_is_taken_back_to_its_boundary():
    section = started()
    section.slot += 1
    late = {"time_s": section.slot * SLOT_S + 36}
    for address, device in section.devices.items():
        section.say(address, device, 5000, 1000, **(late if address == MLMD else {}))
    # 1000 W for 36 s after the boundary: 10 Wh of the register belong to the next interval.
    rows = {row[0]: row for row in section.account.rows}
    assert rows[MLMD][1] == 4990
    assert rows[MLMD][4] > rows[address_of(0)][4]


def test_a_home_that_joins_or_leaves_is_not_judged_for_that_interval():
    section = started()
    section.join(address_of(9), codes.METER, LOAD_ONLY)
    section.energy_wh[MLMD] += 9000
    section.interval([10, 10, 10])
    assert (section.account.unjudged, section.account.intervals) == (1, 0)
    section.interval([10, 10, 10])
    assert section.account.intervals == 1
    change(section, address_of(9), REVOKED)
    section.interval([10, 10, 10])
    assert (section.account.unjudged, section.account.intervals) == (2, 1)


def change(section: Section, address: bytes, status: int) -> None:
    device = section.devices[address]
    device.status = status
    section.state.put(registry.DEVICE + address, pack(device))
    if status == REVOKED:
        section.state.delete(registry.SECTION + MLMD + address)
        del section.devices[address]


def test_a_frozen_meter_keeps_its_section_from_being_judged():
    section = started()
    change(section, address_of(1), FROZEN)
    section.interval([10, 10, 10], around_wh=9000)
    assert section.account.intervals == 0
    change(section, address_of(1), ACTIVE)
    section.interval([10, 10, 10])
    assert section.account.intervals == 1


def test_attested_energy_is_booked_apart_and_batteries_count_both_ways():
    section = started()
    battery = b"b1" + bytes(18)
    section.join(battery, codes.ATTESTED, ((codes.GENERATION, codes.BATTERY),))
    section.interval([10, 10, 10])
    section.energy_wh[battery] += 500
    section.interval([100, 100, 100], around_wh=500)
    line = section.account.recent[-1]
    assert (line[4] in range(297, 303), line[5] in range(499, 502)) == (True, True)
    assert abs(line[7]) < 20
    assert battery not in {row[0] for row in section.sums.meters}


def test_with_signed_boards_and_real_blocks_the_account_is_on_the_chain():
    world = World()
    head = world.enrol(Board("x1", codes.MLMD, ((codes.SECTION, codes.GRID),), fixed_limit_w=9000))
    meters = [world.enrol(Board(f"m{n}", channels=LOAD_ONLY), section=head.address) for n in (1, 2)]
    start_s = -(-START_MS // 1000 // SLOT_S) * SLOT_S + SLOT_S
    reported = []
    for slot in range(12):
        records = []
        for board, watts in ((head, 2000), *((meter, 400) for meter in meters)):
            board.now_s = start_s + slot * SLOT_S - SLOT_S
            values = {"interval_s": SLOT_S, "flags": codes.BOUNDARY}
            one = board.feeder(watts, **values) if board is head else board.powered(watts, **values)
            records.append(one)
        behind_s = start_s + slot * SLOT_S - world.now_ms // 1000
        body = setup.RecordsBody(records=records)
        reported += of_kind(world.ok("gateway", body, after_s=behind_s + 5), SUSPECTED)
    account = world.get(LossAccount, losses.ACCOUNT + b"\0\0\0\1" + head.address)
    assert account.intervals == 11
    assert account.import_wh == 11 * 500
    assert account.signed_wh == 11 * 200
    assert [event["mlmd"] for event in reported] == [head.address]


def test_the_operator_sets_what_a_section_may_lose():
    world = World()
    head = world.enrol(Board("x1", codes.MLMD, ((codes.SECTION, codes.GRID),), fixed_limit_w=9000))
    meter = world.enrol(Board("m1"), section=head.address)

    def body(board: Board, **values: int) -> setup.LossModelBody:
        figures = {
            "fixed_w": 30, "quadratic_mw": 900, "accuracy_ppm": 5000, "margin_wh": 9, "skew_s": 3
        }  # fmt: skip
        return setup.LossModelBody(mlmd=board.address, **{**figures, **values})

    world.ok("operator", body(head))
    key = losses.MODEL + b"\0\0\0\1" + head.address
    assert world.get(LossModel, key) == LossModel(30, 900, 5000, 9, 3)
    assert world.run("operator", body(meter)).results[0].code == errors.BadLossModel.code
    assert world.run("installer", body(head)).results[0].code == errors.NotAllowed.code


def test_state_of_a_section_stays_small():
    section = started(homes=10)
    for _ in range(losses.RECENT + 20):
        section.interval([100.0] * 10, around_wh=60)
    sums = section.sums
    for _ in range(3000):
        suspects.follow(sums, {address_of(0): 25_000}, 25_000, is_quiet=False)
        suspects.follow(sums, {address_of(0): 25_000}, 0, is_quiet=True)
    assert max(sums.n, sums.quiet_n) <= suspects.MOST_INTERVALS
    assert len(pack(sums)) < 200
    account = section.state.get(losses.ACCOUNT + section.key)
    assert account is not None
    assert len(account) < 6000
    assert list(section.state.iterate(losses.BOUNDARY)) == []
