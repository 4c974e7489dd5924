"""`docs/bad-input.md` promises names and tests; both must exist."""

import re
from collections.abc import Iterator
from pathlib import Path

import gateway.run  # noqa: F401 (with it come all named errors of the gateway)
from gateway.errors import GatewayError
from wireformat import codes

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "bad-input.md"
FOLDERS = ("hw-tests", "gateway", "ledger", "tools")
OTHERS = {"StoreFailed"}
"""Names that are no gateway's and no board's."""


def rows() -> list[list[str]]:
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[0] != "Input"]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def known_tests() -> set[str]:
    found = set()
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("test_*.py"):
            found |= set(re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.M))
    return found


def errors(cls: type[GatewayError]) -> Iterator[str]:
    yield cls.code
    for kind in cls.__subclasses__():
        yield from errors(kind)


def time_server_names() -> set[str]:
    """What a board calls a time server's answer that it refuses."""
    source = (ROOT / "firmware" / "links" / "sntp.py").read_text()
    return set(re.findall(r'(?:return|else|Refused\(|_refuse\() ?"([a-z_]+)"', source))


def test_every_row_names_tests_that_exist() -> None:
    known = known_tests()
    assert len(rows()) > 30
    for row in rows():
        assert len(row) == 5, row
        assert names(row[4]), row
        assert set(names(row[4])) <= known, row


def test_every_name_is_one_that_the_programs_use() -> None:
    known = {*errors(GatewayError), *codes.REASONS.values(), *OTHERS, *time_server_names()}
    for row in rows():
        assert set(names(row[1])) <= known, row


def test_every_test_here_is_in_a_row() -> None:
    page = PAGE.read_text()
    for path in Path(__file__).parent.glob("test_*.py"):
        if path.name != Path(__file__).name:
            for test in re.findall(r"^def (test_\w+)", path.read_text(), re.M):
                assert f"`{test}`" in page, f"{path.name}: {test}"
