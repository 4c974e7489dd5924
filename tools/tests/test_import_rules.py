"""Who may import whom, where a graph of CPython packages can't tell.

import-linter (pyproject.toml) keeps the layers; here are the rules that cross the line between
CPython and MicroPython, and the rule that decisions about money see no clock and no chance.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FIRMWARE = ROOT / "firmware"
WIREFORMAT = FIRMWARE / "shared" / "wireformat"
CPYTHON_PACKAGES = [ROOT / "gateway", ROOT / "ledger", WIREFORMAT, ROOT / "tools" / "truewatt"]
# Code for the emulated boards: it lives with the emulator, and MicroPython runs it.
EMULATED_MODULES = [ROOT / "tools" / "truewatt" / "emulator" / "chip"]
PURE = [
    ROOT / "gateway" / "admit",
    ROOT / "ledger" / "blocks",
    ROOT / "ledger" / "contracts",
    ROOT / "ledger" / "light" / "commits.py",
    ROOT / "ledger" / "light" / "light_block.py",
    ROOT / "ledger" / "light" / "verifier.py",
    ROOT / "ledger" / "merkle.py",
]

# What MicroPython's unix and esp32 ports and CPython all have, and mean the same by.
ON_BOTH = frozenset({"binascii", "errno", "hashlib", "io", "json", "os", "struct", "sys"})
ON_BOARDS = ON_BOTH | {
    "array",
    "asyncio",
    "bluetooth",
    "collections",
    "deflate",
    "esp32",
    "espnow",
    "gc",
    "machine",
    "math",
    "micropython",
    "network",
    "ntptime",
    "random",
    "select",
    "socket",
    "time",
    "tls",
    "uctypes",
    "vfs",
}
IMPURE_MODULES = frozenset(
    {"asyncio", "datetime", "io", "os", "pathlib", "random", "secrets", "select", "socket"}
    | {"sqlite3", "subprocess", "sys", "threading", "time", "uuid"}
)
IMPURE_CALLS = frozenset({"float", "hash", "id", "input", "open", "print"})
TAKES_AN_ORDER = frozenset({"enumerate", "iter", "list", "map", "next", "tuple", "zip"})


@dataclass(frozen=True)
class Import:
    """One imported module, and where."""

    module: str
    line: int

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]


def imports_of(source: str) -> Iterator[Import]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield Import(node.module or "", node.lineno)


def impurities_of(source: str) -> Iterator[str]:
    for used in imports_of(source):
        if used.top in IMPURE_MODULES:
            yield f"{used.line}: imports {used.module}"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield f"{node.lineno}: float {node.value}"
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            yield f"{node.lineno}: true division"
        elif isinstance(node, ast.Call) and getattr(node.func, "id", None) in IMPURE_CALLS:
            yield f"{node.lineno}: calls {node.func.id}()"
    yield from set_orders_of(source)


def set_orders_of(source: str) -> Iterator[str]:
    """Find where the order of a set would decide; membership, len() and sorted() are fine."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.For | ast.comprehension):
            iterated = [node.iter]
        elif isinstance(node, ast.Call) and getattr(node.func, "id", None) in TAKES_AN_ORDER:
            iterated = node.args
        else:
            continue
        yield from (f"{each.lineno}: a set has no order" for each in iterated if is_set(each))


def is_set(node: ast.expr) -> bool:
    called = getattr(getattr(node, "func", None), "id", None)
    return isinstance(node, ast.Set | ast.SetComp) or called in {"set", "frozenset"}


def sources(*folders: Path) -> list[Path]:
    found: list[Path] = []
    for folder in folders:
        found += [folder] if folder.is_file() else sorted(folder.rglob("*.py"))
    return [p for p in found if "tests" not in p.relative_to(ROOT).parts]


def under(path: Path, folders: list[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def firmware_modules() -> frozenset[str]:
    """Top-level names that firmware code is imported by, on a board."""
    entries = [p for p in FIRMWARE.iterdir() if p.name not in {"shared", "tests"}]
    shared = [p for p in (FIRMWARE / "shared").iterdir() if p.name != "wireformat"]
    names = {p.stem for p in entries + shared if p.is_dir() or p.suffix == ".py"}
    return frozenset({"firmware"} | {n for n in names if n.isidentifier()})


def complaints(paths: list[Path], allowed: frozenset[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{used.line}: {used.module}"
        for path in paths
        for used in imports_of(path.read_text(encoding="utf-8"))
        if used.top not in allowed
    ]


def test_wireformat_imports_only_what_both_pythons_have() -> None:
    paths = sources(WIREFORMAT)
    assert paths
    assert complaints(paths, ON_BOTH | {"wireformat"}) == []


def test_firmware_imports_only_firmware_wireformat_and_the_boards_modules() -> None:
    paths = [p for p in sources(FIRMWARE) if not p.is_relative_to(WIREFORMAT)]
    assert complaints(paths, ON_BOARDS | firmware_modules() | {"wireformat"}) == []


def test_cpython_code_starts_firmware_and_never_imports_it() -> None:
    paths = [p for p in sources(*CPYTHON_PACKAGES) if not under(p, EMULATED_MODULES)]
    assert paths
    names = firmware_modules()
    found = [
        f"{path.relative_to(ROOT)}:{used.line}: {used.module}"
        for path in paths
        for used in imports_of(path.read_text(encoding="utf-8"))
        if used.top in names
    ]
    assert found == []


def test_contracts_see_no_clock_no_chance_no_float() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{what}"
        for path in sources(*PURE)
        for what in impurities_of(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "def f():\n    from os import path",
        "import socket as s",
        "x = 0.5",
        "x = a / b",
        "x /= 2",
        "for x in {1, 2}: pass",
        "x = [k for k in {k for k in y}]",
        "x = list(set(y))",
        "for i, x in enumerate(frozenset(y)): pass",
        "x = float(y)",
    ],
)
def test_the_checker_sees_impurity(source: str) -> None:
    assert list(impurities_of(source))


@pytest.mark.parametrize(
    "source",
    [
        "def price(wh: int) -> int:\n    return wh * 3 // 1000\n",
        "for x in sorted(set(y)): pass",
        "x = len(set(y)) == len(y) and y[0] in {1, 2}",
    ],
)
def test_the_checker_accepts_integer_rules(source: str) -> None:
    assert not list(impurities_of(source))


def test_the_checker_sees_imports_wherever_they_hide() -> None:
    source = "import a.b\ndef f():\n    from c.d import e\nif x:\n    import g as h\n"
    assert [used.top for used in imports_of(source)] == ["a", "c", "g"]
