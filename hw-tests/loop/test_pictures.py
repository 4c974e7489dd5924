"""What a run shows: the picture of its live view and its report, of real boards and chain."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from demo_run import DemoRun

from truewatt.demo.html import page

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

_VOID = {"meta", "input"}


class Page(HTMLParser):
    """Checks that tags close in order; keeps ids, texts, and whatever could make a request."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.requests: list[str] = []
        self.rows: dict[str, int] = {}
        self._table = ""
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        words = dict(attrs)
        if tag not in _VOID:
            self.open.append(tag)
        if words.get("id"):
            self.ids.append(words["id"] or "")
        self.requests += [v or "" for k, v in attrs if k in ("src", "href", "xlink:href", "data")]
        if tag == "table":
            self._table = words.get("id") or ""
        if tag == "tr":
            self.rows[self._table] = self.rows.get(self._table, 0) + 1

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_live_view_s_picture_shows_the_street(quiet_run: DemoRun) -> None:
    svg = quiet_run.folder.with_suffix(".svg").read_text()
    root = ElementTree.fromstring(svg)
    assert "url(http" not in svg.replace('"', "")
    text = "".join(root.itertext()).replace("\xa0", " ")
    for part in ("T1 ", "x1", "h1", "h2", "h3", "4/4 boards", "block ", "mix ", "lost 0", "with"):
        assert part in text, part
    assert "no answer" not in text
    # Cars and heaters moved, and the log says so.
    assert re.search(r"m[123] (opened|closed) (ev|water heater)", text)


def test_the_page_is_whole_and_asks_nobody(quiet_run: DemoRun) -> None:
    markup = (quiet_run.folder / page.REPORT_FILE).read_text()
    shown = Page(markup)
    assert shown.open == []
    assert [one for one in shown.requests if not one.startswith("#")] == []
    assert "http" not in markup.replace("http://www.w3.org/", "")
    assert "@import" not in markup
    assert len(shown.ids) == len(set(shown.ids))


def test_the_page_has_every_home_and_every_command(quiet_run: DemoRun) -> None:
    markup = (quiet_run.folder / page.REPORT_FILE).read_text()
    rows = Page(markup).rows
    assert rows["commands-table"] - 1 == quiet_run.report["commands_issued"]
    assert rows["homes-table"] - 1 == 3
    assert "The run held its promises" in markup
    assert f"--seed {quiet_run.report['seed']} " in markup


def test_the_page_can_be_made_again_and_is_the_same(quiet_run: DemoRun, tmp_path) -> None:
    again = page.write(quiet_run.folder, tmp_path / "again.html")
    assert again.read_text() == (quiet_run.folder / page.REPORT_FILE).read_text()
