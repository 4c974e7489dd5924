"""Drawings fit the size they get, whatever it is, and say what they must."""

import pytest
from rich.text import Text
from street import T_MS, snapshot

from truewatt.demo.view.board_page import BoardDetail, board_lines
from truewatt.demo.view.diagram import diagram, height_of, places
from truewatt.demo.view.event_lines import event_lines
from truewatt.demo.view.model import ALARM, MOVE, Command, Event, Snapshot
from truewatt.demo.view.plot import load_plot
from truewatt.demo.view.screens import help_text
from truewatt.demo.view.status_lines import RunPlan, counter_line, head_line, price_line
from truewatt.demo.view.text import joined, kw, sparkline
from truewatt.demo.view.trace import Trace

SIZES = [(1, 1), (2, 3), (7, 2), (20, 8), (80, 14), (81, 13), (160, 40), (400, 120)]
PLAN = RunPlan("truewatt", 60.0, 1440.0, 33)


def fits(drawn: Text, width: int, height: int) -> None:
    lines = drawn.split("\n", allow_blank=True)
    assert len(lines) <= height
    assert all(line.cell_len <= width for line in lines)


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("shown", [snapshot(), snapshot(1, 1), snapshot(3, 100), Snapshot()])
def test_every_drawing_fits_every_size(shown: Snapshot, width: int, height: int) -> None:
    trace = Trace()
    for at in range(50):
        trace.add(at * 1000, 900.0 * (at - 10), 2000.0 * at, 20_000.0)
    fits(diagram(shown, width, height, "h1"), width, height)
    fits(joined(load_plot(trace, width, height, "16:00", "17:00")), width, height)
    fits(joined(load_plot(Trace(), width, height)), width, height)
    for line in (
        head_line(shown, PLAN, 720.0, width),
        price_line(shown, trace, width),
        counter_line(shown, width),
    ):
        fits(line, width, 1)
    log = [Event(T_MS, ALARM, "a long story " * 20), Event(T_MS, MOVE, "x" * 300)] * 20
    fits(joined(event_lines(log, width, height)), width, height)
    for line in board_lines(shown, "h1", BoardDetail(), width):
        assert line.cell_len <= width


def test_80_x_24_shows_all_30_homes_with_breakers_limits_and_warnings() -> None:
    drawn = diagram(snapshot(), 80, 13, "h1").plain
    assert height_of(snapshot().world) == 13
    for number in range(1, 31):
        assert f"h{number} " in drawn
    assert drawn.count("[■]") == 2
    assert "[/] OPEN" in drawn
    assert "8.20/30.0 kW" in drawn
    assert "206!" in drawn  # below EN 50160's band
    assert "h4 ≠" in drawn  # bypassed
    assert "h3 ?" in drawn  # its meter is silent
    assert "E○47" in drawn
    assert "B↑99" in drawn


def test_what_does_not_fit_scrolls_with_the_selection() -> None:
    shown = snapshot(3, 100)
    assert "h100 " in diagram(shown, 80, 10, "h100").plain
    assert "x3 " in diagram(shown, 26, 10, "h300").plain
    assert "x3 " not in diagram(shown, 26, 10, "h1").plain
    assert [len(column) for column in places(shown.world)] == [101] * 3


def test_the_head_names_who_does_not_answer() -> None:
    shown = snapshot()
    assert "32/33 boards" in head_line(shown, PLAN, 0.0, 100).plain
    gone = Snapshot(shown.world, shown.gateway, shown.ledger, {"gateway": 12.0, "rig": 0.4})
    drawn = head_line(gone, PLAN, 0.0, 100).plain
    assert "no answer: gateway 12 s" in drawn
    assert "rig" not in drawn


def test_counters_account_for_every_record() -> None:
    drawn = counter_line(snapshot(), 120).plain
    assert "signed 3333 = kept 3300 + on boards 33  lost 0  refused 2" in drawn
    assert "50 done 3 waiting 0 refused 1 expired" in drawn
    narrow = counter_line(snapshot(), 80).plain
    assert "signed 3333 = kept 3300 + held 33  lost 0  refused 2  cmd 50 done 3 waiting" in narrow


def test_the_plot_can_be_read_without_colours() -> None:
    trace = Trace()
    for at in range(40):
        trace.add(at * 1000, 10_000.0, 30_000.0, 20_000.0)
    lines = [line.plain for line in load_plot(trace, 46, 14, "16:00", "17:00")]
    assert lines[0].split() == ["kW", "█", "control", "━━", "without", "╌╌", "limit"]
    body = "\n".join(lines[1:-1])
    assert body.index("━") < body.index("╌") < body.index("█")
    assert lines[-1].split() == ["16:00", "17:00"]


def test_a_board_s_page_has_its_chain_and_its_commands() -> None:
    life = Command("aa", "open", 1, "done", "", T_MS, T_MS + 900, T_MS + 1400)
    refused = Command("bb", "close", 0, "refused", "opted out", T_MS, None, T_MS + 100)
    detail = BoardDetail("00", "deadbeef" * 8, [life, refused])
    page = joined(board_lines(snapshot(), "h1", detail, 70)).plain
    for part in ("epoch 1, next 101", "deadbeefdeadbeef", "+1.4s", "opted out", "(price)", "47%"):
        assert part in page
    section = joined(board_lines(snapshot(), "x2", detail, 70)).plain
    assert "fixed limit" in section
    assert "/ open" in section


def test_help_fits_80_x_24() -> None:
    fits(help_text(74), 74, 22)


def test_numbers_use_the_room_they_have() -> None:
    assert kw(24_600, 5) == "24.60"
    assert kw(24_600, 4) == "24.6"
    assert kw(-1_234_000, 5) == "-1234"
    assert kw(1e12, 4) == "####"
    assert kw(None, 4) == "   -"
    assert sparkline([None, 1.0, 2.0, 3.0]) == " ▁▄█"
    assert sparkline([]) == ""
