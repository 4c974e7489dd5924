"""What the sources make of answers: whole ones, thin ones, none."""

import json

import pytest
from street import NotingRig, snapshot, state, status

from truewatt.demo.view import gateway_source, rig_source
from truewatt.demo.view.actions import Actions, NothingToDo
from truewatt.demo.view.model import Snapshot
from truewatt.demo.view.switch_tail import SwitchTail
from truewatt.demo.view.trace import Trace


def test_state_becomes_the_world() -> None:
    world = rig_source.world(state())
    assert [home.name for home in world.behind("x2")] == [f"h{n}" for n in range(11, 21)]
    assert not world.sections["x2"].closed
    home = world.homes["h4"]
    assert (home.meter, home.bypass, home.pv_w) == ("m4", 0.5, 1_210.0)
    assert home.assets["battery"].on is None
    assert home.assets["water_heater"].on is True
    answer = state()
    answer["homes"]["h4"]["assets"]["heat_pump"] = {"closed": True, "mode": 3, "power_w": 900.0}
    pump = rig_source.world(answer).homes["h4"].assets["heat_pump"]
    assert (pump.on, pump.mode) == (None, 3)
    assert home.assets["battery"].soc == 1.0


def test_a_thin_state_leaves_out_what_it_does_not_say() -> None:
    thin = {
        "t_ms": 1_782_921_600_000,
        "feeder": {"power_w": 1, "twin_w": 2},
        "sections": {"x1": {"power_w": 1, "closed": True}},
        "homes": {"h1": {"section": "x1", "meter": "m1", "load_w": 300, "pv_w": 100}},
    }
    world = rig_source.world(thin)
    assert world.local == "2026-07-01T16:00:00"
    assert world.feeder.losses_w is None
    assert world.homes["h1"].net_w == 200
    assert not world.homes["h1"].assets


@pytest.mark.parametrize("answer", [{}, {"t_ms": 1}, {"t_ms": "x", "feeder": {}}])
def test_what_is_no_state_is_refused(answer: dict) -> None:
    with pytest.raises((LookupError, ValueError)):
        rig_source.world(answer)


def test_counters_and_boards_of_the_gateway() -> None:
    gateway = gateway_source.gateway(status(state()))
    assert gateway.on_boards == 33
    assert gateway.answering == 32
    assert gateway.bus_failures == 2


def test_a_commercial_device_is_no_board() -> None:
    told = status(state())
    device = {**told["boards"][0], "name": "t1", "attested": True, "state": "ok"}
    gateway = gateway_source.gateway({**told, "boards": [*told["boards"], device]})
    assert gateway.answering == 32
    assert len(gateway.signing) == len(told["boards"])
    assert gateway.boards["t1"].attested


def test_the_limit_of_the_feeder_is_that_of_all_sections_or_unknown() -> None:
    full = snapshot()
    assert full.limit_w == 90_000
    assert full.board_of("h1") is full.board_of("m1") is not None
    assert Snapshot(full.world, gateway_source.gateway(status(state()))).limit_w is None
    assert Snapshot().limit_w is None
    assert Snapshot().board_of("h1") is None


def test_a_trace_keeps_the_course_in_bounded_memory() -> None:
    trace = Trace(64)
    for at in range(10_000):
        trace.add(at, float(at), None)
    assert len(trace) < 64
    shown = [value for value in trace.columns(0, 10) if value is not None]
    assert len(shown) == 10
    assert shown == sorted(shown)
    assert abs(shown[0] - 500) < 300
    assert trace.columns(1, 10) == [None] * 10
    trace.add(5, 0.0)
    assert abs(trace.times()[1] - 9_999) < 300


def test_switches_are_read_once_and_a_torn_line_waits(tmp_path) -> None:
    path = tmp_path / "switches.jsonl"
    tail = SwitchTail(path)
    assert tail.read() == []
    line = json.dumps({"t_ms": 1, "board": "m1", "relay": "ev", "state": "open"})
    path.write_text(f"{line}\nno json\n{line[:20]}")
    assert [move.asset for move in tail.read()] == ["ev"]
    assert tail.read() == []
    path.write_text(f"{line}\nno json\n{line}\n")
    assert len(tail.read()) == 1


def test_a_trip_is_an_overload_that_ends_when_the_breaker_opened() -> None:
    rig = NotingRig()
    actions = Actions(rig, {"x1": 70_000}, {}, lambda _: None)
    assert "x1" in actions.trip(snapshot(), "h1")
    assert rig.asked == [{"cmd": "fault", "section": "x1", "power_w": 84_000}]
    assert actions.after(snapshot()) == []
    answer = state()
    answer["sections"]["x1"]["closed"] = False
    assert len(actions.after(Snapshot(rig_source.world(answer)))) == 1
    assert rig.asked[1:] == [{"cmd": "fault", "section": "x1", "power_w": 0}]
    with pytest.raises(NothingToDo, match="open already"):
        actions.trip(snapshot(), "x2")


def test_the_overload_ends_at_once_when_the_breaker_opens() -> None:
    answers = [True, True, False]

    def answer() -> dict:
        now = state()
        now["sections"]["x1"]["closed"] = answers.pop(0)
        return now

    rig = NotingRig(answer)
    actions = Actions(rig, {"x1": 70_000}, {}, lambda _: None)
    assert actions.trip(snapshot(), "x1") == "x1 tripped at 84 kW; the overload is gone"
    assert [request["power_w"] for request in rig.asked] == [84_000, 0]
    assert actions.after(snapshot()) == []


def test_each_key_is_a_hand_at_the_rig() -> None:
    rig = NotingRig()
    actions = Actions(rig, {}, {"m1": 33})
    now = snapshot()
    for action, selected in (
        (actions.fault, "h1"),
        (actions.fault, "h1"),
        (actions.fault, "x1"),
        (actions.cut, "h1"),
        (actions.sun, ""),
        (actions.sun, ""),
        (actions.opt_out, "h1"),
        (actions.opt_out, "h1"),
        (actions.bypass, "h1"),
        (actions.bypass, "h4"),
        (actions.power, "h1"),
    ):
        assert action(now, selected)
    assert rig.asked == [
        {"cmd": "fault", "home": "h1", "power_w": 8_000},
        {"cmd": "fault", "home": "h1", "power_w": 0},
        {"cmd": "fault", "section": "x1", "power_w": 8_000},
        {"cmd": "inject", "bus": "bus1", "cut": True},
        {"cmd": "sun", "scale": 0.0},
        {"cmd": "sun", "scale": 1.0},
        {"cmd": "pin", "board": "m1", "pin": 33, "value": 0},
        {"cmd": "pin", "board": "m1", "pin": 33, "value": 1},
        {"cmd": "bypass", "home": "h1", "share": 0.5},
        {"cmd": "bypass", "home": "h4", "share": 0.0},
        {"cmd": "power", "board": "m1"},
    ]


def test_keys_that_do_not_apply_say_why() -> None:
    actions = Actions(NotingRig(), {}, {})
    with pytest.raises(NothingToDo, match="no opt-out switch"):
        actions.opt_out(snapshot(), "h1")
    with pytest.raises(NothingToDo, match="select a home"):
        actions.bypass(snapshot(), "x1")
    with pytest.raises(NothingToDo, match="not answered"):
        actions.trip(Snapshot(), "h1")
    with pytest.raises(NothingToDo, match="knows no bus"):
        actions.cut(Snapshot(), "h1")
