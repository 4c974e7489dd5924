"""Markup escapes what it shows; plots are whole, named, and coloured by the page."""

from html.parser import HTMLParser
from xml.etree import ElementTree

from truewatt.demo.html import plots, tables
from truewatt.demo.html.page import days_on

VOID = {"meta", "input", "br", "link", "img"}


class Balance(HTMLParser):
    """Raises if tags do not close in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_what_a_name_says_is_never_markup() -> None:
    evil = "<script>alert(1)</script>"
    made = tables.table([f"{evil}>", "b~"], [[evil, tables.number(1234.5)]], evil, "t")
    made += tables.tiles([(evil, evil)]) + tables.text(tables.good(False, evil))
    assert "<script" not in made
    assert "1\u202f234.5" in made
    balance = Balance()
    balance.feed(made)
    assert balance.open == []


def test_numbers_for_people() -> None:
    assert tables.text(None) == tables.text("") == "\u2013"
    assert tables.text(-1234567) == "\u22121\u202f234\u202f567"
    assert tables.number(-0.004, 2) == tables.Raw("0.00")
    assert tables.number(None) is None
    assert tables.clock(1_782_921_600_000) == "16:00:00"


def test_a_plot_has_title_description_and_the_page_s_colours() -> None:
    svg = plots.drawn(
        "Load <now>",
        "It rises & falls.",
        lambda axes: plots.curve(axes, [0, 60_000], [1.0, 2.0], color=plots.CONTROL, label="x"),
    )
    root = ElementTree.fromstring(svg)
    texts = [element.text for element in root if element.tag.endswith(("title", "desc"))]
    assert texts == ["Load <now>", "It rises & falls."]
    assert root.get("role") == "img"
    assert "var(--control)" in svg
    assert "#030303" not in svg
    assert "http" not in svg.replace("http://www.w3.org/", "")


def test_thinning_keeps_first_last_and_peaks() -> None:
    values = [0.0] * 50_000
    values[23_456], values[40_001] = 99.0, -99.0
    kept = plots.thinned(values)
    assert len(kept) < 1000
    assert {0, 23_456, 40_001, 49_999} <= set(kept)
    assert plots.thinned([1.0, 2.0]) == [0, 1]


def test_a_run_past_midnight_says_on_which_day_it_ended() -> None:
    hour = 3_600_000
    assert days_on(16 * hour, 19 * hour) == ""
    assert days_on(16 * hour, 40 * hour) == " the next day"
    assert days_on(16 * hour, 65 * hour) == " 2 days later"
