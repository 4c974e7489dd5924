"""Every command line in the pages for people with a board, and which test runs it."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = ("flashing", "metering-chips", "updating", "hardware-tests", "firmware")

# Test of test_docs.py -> the lines that its fixture `mine` gives it to run.
RUN_BY = {
    "test_each_command_of_the_page_does_what_it_says": (
        r"(flashing|metering-chips): truewatt device .*"
    ),
    "test_each_command_of_the_page_on_updates_does_what_it_says": (
        r"updating: truewatt (device|gateway update) .*"
    ),
    "test_a_board_at_work_shows_volts": (
        r"metering-chips: truewatt gateway read .*|hardware-tests inline: mbpoll .*"
    ),
    "test_what_a_killed_run_left_goes_by_mpremote": r"hardware-tests inline: mpremote .*",
    "test_the_ports_are_listed": r"flashing inline: mpremote .*",
    "test_options_of_a_run_on_a_real_board_are_those_that_there_are": (
        r"hardware-tests: tools/test .*"
    ),
    "test_a_breakers_lockout_is_cleared": r"firmware inline: truewatt device clear-lockout .*",
    "test_a_crash_is_put_into_the_sources_names": r".* inline: truewatt trace .*",
    "test_each_command_that_is_named_is_there": (
        r".* inline: truewatt (?!trace |device clear-lockout ).*"
    ),
}

_COMMAND = re.compile(r"(truewatt|mpremote|mbpoll|pytest|esptool|python3?|tools/\w+) ")
_ON_THE_BOARD = re.compile(r"[a-z_]+\.[a-z_]+\(.*\)")


@dataclass(frozen=True)
class Line:
    """A command of `page`: a line of its own, or within a sentence."""

    page: str
    text: str
    is_inline: bool = False

    @property
    def words(self) -> list[str]:
        """As a shell splits it."""
        return shlex.split(self.text, comments=True)

    @property
    def key(self) -> str:
        """What `RUN_BY` matches."""
        return f"{self.page}{' inline' if self.is_inline else ''}: {self.text}"


def lines_in(page: str, text: str) -> list[Line]:
    """The commands of a page, in their order, each once."""
    found, fenced = [], False
    for line in text.replace("\\\n", " ").splitlines():
        bare = line.strip()
        if bare.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            if _COMMAND.match(bare):
                found.append(Line(page, bare))
        else:
            for part in re.findall(r"`([^`]+)`", line):
                if _COMMAND.match(part) or _ON_THE_BOARD.fullmatch(part):
                    found.append(Line(page, part, is_inline=True))
    return list(dict.fromkeys(found))


def lines() -> list[Line]:
    """The commands of all pages."""
    return [
        line
        for page in PAGES
        for line in lines_in(page, (DOCS / f"{page}.md").read_text(encoding="utf-8"))
    ]


def runners(line: Line) -> list[str]:
    """The tests that run it."""
    return [test for test, which in RUN_BY.items() if re.fullmatch(which, line.key)]
