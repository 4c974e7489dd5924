"""Graded assets on a section: cut before anything is shed, on time all the same; and opt-outs."""

from __future__ import annotations

import pytest

from ledger import setup
from ledger.contracts import assets, control, errors
from ledger.contracts.objects import BATTERY_KIND, LIMIT_KIND, SG_READY_KIND, Asset, Intent
from ledger.tests.contracts.kit import START_MS, Board, World, kinds, of_kind
from wireformat import codes

LIMIT_W, BASE_W = 9_000, 3_000
CHARGER = {"kind": LIMIT_KIND, "least_w": 1400, "rated_w": 11_000, "period_s": 86_400}
BATTERY = {
    "kind": BATTERY_KIND, "rated_w": 3000, "capacity_wh": 10_000, "reserve_wh": 2000,
    "high_price": 900_000_000,
}  # fmt: skip


class Street:
    """One section: an M-LMD, attested devices that follow their orders, and a base load."""

    def __init__(self, **boards: tuple) -> None:
        self.world = World()
        self.head = Board("x1", codes.MLMD, ((codes.SECTION, codes.GRID),), fixed_limit_w=LIMIT_W)
        self.world.enrol(self.head)
        self.boards = {
            name: self.world.enrol(Board(name, role, channels), section=self.head.address)
            for name, (role, channels) in boards.items()
        }
        self.world.give("anna", *self.boards.values())
        self.watts = dict.fromkeys(boards, 0)
        self.base_w = BASE_W
        self.most_w = dict.fromkeys(boards, 100_000)

    def want(self, name: str, **wishes: object):
        self.obey(self.world.prefer("anna", self.boards[name], **wishes))

    def minute(self):
        """Every device reports its last minute, then does what it is told."""
        world = self.world
        begin_s = world.now_ms // 1000
        for board in (self.head, *self.boards.values()):
            board.now_s = begin_s
        records = [b.powered(self.watts[name]) for name, b in self.boards.items()]
        records.append(self.head.feeder(self.section_w))
        body = setup.RecordsBody(records=records)
        done = world.ok("gateway", body, after_s=60)
        self.obey(done)
        return done

    @property
    def section_w(self) -> int:
        return self.base_w + sum(self.watts.values())

    def obey(self, done) -> None:
        names = {board.address: name for name, board in self.boards.items()}
        for event in of_kind(done, control.INTENT_EVENT):
            value, action = event["value"], event["action"]
            if event["target"] in names:
                sign, name = (-1 if action == codes.DISCHARGE else 1), names[event["target"]]
                self.watts[name] = sign * min(value, self.most_w[name])

    def asset(self, name: str) -> Asset:
        key = assets.asset_key(1, self.boards[name].address, 0)
        return self.world.get(Asset, assets.ASSET + key)


CHARGERS = dict.fromkeys(("c1", "c2"), (codes.ATTESTED, ((codes.LOAD, codes.GRID),)))
ONE_BATTERY = {"b1": (codes.ATTESTED, ((codes.GENERATION, codes.BATTERY),))}


def test_two_cars_share_a_section_without_a_shedding_and_both_are_full_in_time():
    street = Street(**CHARGERS)
    into_s = START_MS // 1000 % 86_400
    energy_wh, deadline_s = 6_000, into_s + 3 * 3600
    for priority, name in enumerate(CHARGERS):
        street.want(name, energy_wh=energy_wh, deadline_s=deadline_s, priority=priority, **CHARGER)
    assert street.watts == {"c1": 11_000, "c2": 11_000}  # any price: all at once, 25 kW
    overloaded, seen = 0, set()
    for _ in range(178):
        seen |= set(kinds(street.minute()))
        overloaded += street.section_w > LIMIT_W
        if all(street.asset(name).energy_wh >= energy_wh for name in CHARGERS):
            break
    assert overloaded <= 1  # the minute that showed it
    assert "management/cut" in seen
    assert "management/shed" not in seen
    assert street.world.now_ms < START_MS // 86_400_000 * 86_400_000 + deadline_s * 1000
    assert street.asset("c1").energy_wh >= energy_wh <= street.asset("c2").energy_wh


def test_a_car_that_is_cut_gets_more_as_soon_as_there_is_room():
    street = Street(c1=CHARGERS["c1"])
    street.want("c1", priority=1, **CHARGER)
    street.minute()
    assert street.section_w <= LIMIT_W
    cut_w = street.watts["c1"]
    street.base_w = 500
    for _ in range(4):
        street.minute()
    assert street.watts["c1"] > cut_w
    assert street.section_w <= LIMIT_W


def test_when_the_least_of_all_is_too_much_the_lowest_priority_pauses():
    street = Street(**CHARGERS)
    for priority, name in enumerate(CHARGERS):
        street.want(name, priority=priority, **CHARGER)
    street.base_w = 7_000
    for _ in range(3):
        street.minute()
    assert street.watts == {"c1": 0, "c2": 1_400}
    street.base_w, street.most_w["c2"] = 1_000, 2_000  # the second car is nearly full
    for _ in range(12):
        street.minute()
    assert street.watts["c1"] >= 1_400
    assert street.section_w <= LIMIT_W


def test_a_battery_gives_in_a_shortage_and_rests_afterwards():
    street = Street(**ONE_BATTERY)
    street.want("b1", price_limit=1, **BATTERY)
    assert street.watts == {"b1": 0}
    assert street.asset("b1").stored_wh == 5_000
    street.base_w = 10_000
    street.minute()
    assert street.watts == {"b1": -1_000}
    street.minute()
    street.base_w = 4_000
    for _ in range(3):
        street.minute()
    assert street.watts == {"b1": 0}
    assert street.asset("b1").stored_wh < 5_000


def test_a_batterys_account_follows_its_registers_and_is_set_right_at_its_ends():
    street = Street(**ONE_BATTERY)
    street.want("b1", price_limit=10**9, **{**BATTERY, "high_price": 0})
    assert street.watts == {"b1": 3_000}
    for _ in range(4):
        street.minute()
    assert street.asset("b1").stored_wh == 5_000 + 3 * 45  # 50 Wh a minute, less a tenth
    street.watts["b1"] = 0  # it is full and takes no more
    for _ in range(2):
        street.minute()
    assert street.asset("b1").stored_wh == 10_000
    assert street.asset("b1").desired == 0


def test_a_heat_pump_is_told_modes_and_its_contacts_say_which_it_is_in():
    street = Street(m1=(codes.METER, ((codes.LOAD, codes.GRID),)))
    street.boards["m1"].flags = codes.RELAY_2_CLOSED
    street.want("m1", kind=SG_READY_KIND, low_price=10**8)
    (intent,) = control.open_intents(street.world.state, 1)
    assert (intent.action, intent.value) == (codes.SET_MODE, 3)
    street.watts["m1"] = 0
    street.minute()
    assert street.asset("m1").actual == 3
    street.boards["m1"].flags = codes.RELAY_1_CLOSED
    street.minute()
    assert street.asset("m1").actual == 1


@pytest.mark.parametrize(
    ("name", "wishes"),
    [
        ("c1", {**CHARGER, "rated_w": 0}),
        ("c1", {**CHARGER, "least_w": 11_001}),
        ("c1", {**CHARGER, "energy_wh": 5000, "deadline_s": 1000}),
        ("c1", {**CHARGER, "capacity_wh": 1}),
        ("c1", {**BATTERY}),
        ("b1", {**BATTERY, "price_limit": 10**9}),
        ("b1", {**BATTERY, "reserve_wh": 10_001}),
        ("b1", {**BATTERY, "asset": 1}),
        ("m1", {**CHARGER}),
        ("m1", {"kind": SG_READY_KIND, "price_limit": 10, "low_price": 10}),
        ("m1", {"least_w": 5}),
    ],
)
def test_wishes_that_do_not_fit_the_kind_or_the_board_are_refused(name, wishes):
    street = Street(c1=CHARGERS["c1"], m1=(codes.METER, ((codes.LOAD, codes.GRID),)), **ONE_BATTERY)
    with pytest.raises(AssertionError, match="BadPreferences"):
        street.want(name, **wishes)
    assert street.world.state.get(assets.PREFERENCES) is None


def _opted_out_home():
    street = Street(m1=(codes.METER, ((codes.LOAD, codes.GRID),)))
    world, board = street.world, street.boards["m1"]
    done = world.prefer("anna", board, price_limit=0)
    (event,) = of_kind(done, control.INTENT_EVENT)
    intent = world.get(Intent, control.INTENT + event["id"])
    return world, board, intent


def _orders(done) -> list[dict]:
    return of_kind(done, control.INTENT_EVENT)


@pytest.mark.parametrize("how", ["flag", "event", "refusal"])
def test_a_home_that_opted_out_is_left_alone_until_it_says_it_is_back(how):
    world, board, intent = _opted_out_home()
    said = {
        "flag": lambda: board.powered(100, flags=codes.OPTED_OUT),
        "event": lambda: board.event(codes.EV_OPT_OUT, []),
        "refusal": lambda: board.outcome(intent, codes.REFUSED, codes.R_OPTED_OUT),
    }[how]()
    done = world.ok("gateway", setup.RecordsBody(records=[said]))
    (event,) = of_kind(done, "management/left_alone")
    assert (event["device"], event["reason"]) == (board.address, codes.R_OPTED_OUT)
    for _ in range(4):  # past every renewal and retry
        assert _orders(world.block(after_s=700)) == []
    board.now_s = world.now_ms // 1000
    assert world.send(board.powered(100, flags=codes.OPTED_OUT)) == [0]
    assert _orders(world.block(after_s=10)) == []
    back = board.event(codes.EV_OPT_IN, []) if how == "event" else board.powered(100)
    done = world.ok("gateway", setup.RecordsBody(records=[back]))
    assert "management/back_in" in kinds(done)
    assert [event["action"] for event in _orders(done)] == [codes.CLOSE]


def test_a_refusal_ahead_of_its_turn_is_not_undone_by_what_was_recorded_before_it():
    world, board, intent = _opted_out_home()
    old = [board.event(codes.EV_OPT_IN, []), *(board.powered(100) for _ in range(3))]
    board.now_s += 5
    refusal = board.outcome(intent, codes.REFUSED, codes.R_OPTED_OUT)
    done = world.ok("gateway", setup.RecordsBody(records=[refusal]))
    assert "management/left_alone" in kinds(done)
    done = world.ok("gateway", setup.RecordsBody(records=[*old, refusal]))
    assert "management/back_in" not in kinds(done)
    assert _orders(done) == []
    done = world.ok("gateway", setup.RecordsBody(records=[board.powered(100)]))
    assert "management/back_in" in kinds(done)


def test_a_locked_board_is_asked_once_an_hour_and_its_answer_counts():
    world, board, intent = _opted_out_home()
    refusal = board.outcome(intent, codes.REFUSED, codes.R_LOCKED_OUT)
    done = world.ok("gateway", setup.RecordsBody(records=[refusal]))
    assert "management/left_alone" in kinds(done)
    assert world.send(board.powered(100)) == [0]  # shows no flag, and is still locked
    assert _orders(world.block(after_s=3500)) == []
    (event,) = _orders(world.block(after_s=200))
    again = board.outcome(
        world.get(Intent, control.INTENT + event["id"]), codes.REFUSED, codes.R_LOCKED_OUT
    )
    world.send(again)
    assert _orders(world.block(after_s=3500)) == []
    (event,) = _orders(world.block(after_s=200))
    intent = world.get(Intent, control.INTENT + event["id"])
    done = world.ok("gateway", setup.RecordsBody(records=[board.outcome(intent)]))
    assert "management/back_in" in kinds(done)


def test_a_board_left_alone_is_no_candidate_in_a_shortage():
    street = Street(**CHARGERS)
    for priority, name in enumerate(CHARGERS):
        street.want(name, priority=priority, **CHARGER)
    street.boards["c1"].flags = codes.OPTED_OUT
    done = street.minute()
    assert {event["device"] for event in of_kind(done, "management/cut")} == {
        street.boards["c2"].address
    }


def test_bodies_of_the_old_form_still_mean_a_relay():
    street = Street(m1=(codes.METER, ((codes.LOAD, codes.GRID),)))
    done = street.world.prefer("anna", street.boards["m1"])
    assert [event["action"] for event in _orders(done)] == [codes.CLOSE]
    assert errors.BadPreferences.code == 18
