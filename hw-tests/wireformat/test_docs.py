"""The tables of docs/wire-format.md say what the code says."""

import itertools
import re
from pathlib import Path
from typing import Any

from wireformat import codes, cose, errors, modbus_map, registry

PATH = Path(__file__).resolve().parents[2] / "docs" / "wire-format.md"
TEXT = PATH.read_text()


def _rows(*headers: str) -> list[list[str]]:
    """Rows of the one table whose header begins with `headers`; cells without blanks and ticks."""
    header = r" \| ".join(re.escape(name) for name in headers)
    found = re.findall(rf"^\| {header} \|.*\n\|[-|]+\n((?:\|.*\n)+)", TEXT, re.M)
    assert len(found) == 1, f"{len(found)} tables begin with {headers}"
    lines = found[0].splitlines()
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]


def _constants(module: Any, prefix: str) -> dict[str, int]:
    return {
        name: value
        for name, value in vars(module).items()
        if name.startswith(prefix) and isinstance(value, int)
    }


def _sizes(golden: dict[str, Any], record_type: str) -> tuple[int, int]:
    records = [record for record in golden["records"] if record["type"] == record_type]
    sizes = [len(record["signed"]) // 2 for record in records]
    return sizes[0], max(sizes)


def test_records_and_their_sizes(golden: dict[str, Any]) -> None:
    said = {
        int(row[0]): (row[1], row[2] == "yes", int(row[4]), int(row[5]))
        for row in _rows("Code", "Type")
    }
    assert said == {
        code: (cls.TYPE, cls.CHAINED, *_sizes(golden, cls.TYPE))
        for code, cls in registry.BY_CODE.items()
    }
    assert f"The envelope adds {cose.OVERHEAD_BYTES} bytes" in TEXT
    assert f"No signed record is longer than {registry.MAX_RECORD_BYTES} bytes" in TEXT


def test_refusal_codes() -> None:
    rows = _rows("Code", "Reason")
    assert {int(row[0]): row[1] for row in rows} == codes.REASONS
    assert all(row[2] for row in rows)


def test_flags() -> None:
    said = {row[0]: int(row[1]) for row in _rows("Flag")}
    assert {name: vars(codes)[name] for name in said} == said
    # Every bit up to the last is there.
    assert sorted(said.values()) == [1 << bit for bit in range(len(said))]
    masks = {name for name, value in vars(codes).items() if value in said.values()}
    assert len(said) == 11
    assert set(said) <= masks


def test_kinds_roles_and_states() -> None:
    assert {int(row[0]): row[1] for row in _rows("Event kind")} == codes.EVENT_KINDS
    assert {int(row[0]): row[1] for row in _rows("Update")} == codes.UP_STATES
    assert {int(row[0]): row[1] for row in _rows("Roll-back")} == codes.ROLL_BACKS
    assert {int(row[0]): row[1] for row in _rows("Action")} == codes.ACTIONS
    assert {int(row[0]): row[1] for row in _rows("Board role")} == codes.BOARD_ROLES
    assert {int(row[0]): row[1] for row in _rows("Key role")} == codes.KEY_ROLES
    assert {int(row[0]): row[1] for row in _rows("Outcome status")} == codes.OUTCOME_STATUS
    states = {f"INBOX_{row[1].upper()}": int(row[0]) for row in _rows("State")}
    assert states == _constants(codes, "INBOX_")


def test_errors() -> None:
    abstract = {"WireError", "CborError"}
    classes = {name for name, cls in vars(errors).items() if isinstance(cls, type)}
    assert {row[0] for row in _rows("Error")} == classes - abstract


_BLOCK_WORDS = {
    "STATUS": modbus_map.STATUS_WORDS,
    "CURSOR": modbus_map.CURSOR_WORDS,
    "WINDOW": modbus_map.WINDOW_WORDS,
    "INBOX": modbus_map.INBOX_MAX_WORDS,
    "INBOX_STATUS": modbus_map.INBOX_STATUS_WORDS,
    "ENROLMENT": modbus_map.WINDOW_WORDS,
}


def test_register_map() -> None:
    said = {row[0]: (int(row[1], 16), row[2]) for row in _rows("Name", "Address", "Words")}
    assert said.pop("RELAY_COILS") == (modbus_map.RELAY_COILS, "")
    assert said == {
        name: (vars(modbus_map)[name], str(words)) for name, words in _BLOCK_WORDS.items()
    }


def test_blocks_do_not_overlap_and_fit_their_transactions() -> None:
    spans = sorted((vars(modbus_map)[name], words) for name, words in _BLOCK_WORDS.items())
    for (start, words), (following, _) in itertools.pairwise(spans):
        assert start + words <= following
    # Modbus Application Protocol V1.1b3: 125 words in a read, 123 in a write (6.3, 6.12).
    record_words = registry.MAX_RECORD_BYTES // 2
    assert record_words + modbus_map.WINDOW_HEAD_WORDS == modbus_map.WINDOW_WORDS <= 125
    assert record_words + modbus_map.INBOX_HEAD_WORDS == modbus_map.INBOX_MAX_WORDS <= 123


def test_status_block() -> None:
    rows = _rows("Name", "Word of the status block")
    assert {row[0]: int(row[1]) for row in rows} == _constants(modbus_map, "ST_")
    words = sorted((int(row[1]), int(row[2])) for row in rows)
    for (at, size), (following, _) in itertools.pairwise(words):
        assert at + size == following
    assert sum(words[-1]) == modbus_map.STATUS_WORDS
    assert f"0x{modbus_map.MAGIC:04X}" in TEXT
    assert f"version of this map: {modbus_map.MAP_VERSION}" in TEXT


def test_live_registers() -> None:
    expected = _constants(modbus_map, "LIVE_")
    expected.pop("LIVE_END")
    rows = _rows("Name", "Address", "Value")
    assert {row[0]: int(row[1], 16) for row in rows} == expected


def test_words_and_bytes_are_inverse() -> None:
    for size in range(8):
        data = bytes(range(200, 200 + size))
        assert modbus_map.from_words(modbus_map.to_words(data), size) == data
    assert modbus_map.uint(modbus_map.uint_words(0x0102_0304_0506, 3)) == 0x0102_0304_0506
    assert modbus_map.uint_words(0x0102_0304, 2) == [0x0102, 0x0304]


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", TEXT):
        assert (PATH.parent / target).exists(), target
