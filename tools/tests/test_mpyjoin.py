"""Joined modules do what they did apart, and what can't be joined is refused by name."""

import ast
import builtins
import sys
import types

import pytest

from truewatt.emulator import mpy_tree
from truewatt.mpyfold import constants_below, fold
from truewatt.mpygroups import GROUPS
from truewatt.mpyjoin import JoinError, join
from truewatt.mpykept import _built_in
from truewatt.toolchain.paths import project_root

LOW = """
import struct
LIMIT = 7
_count = 0
def size(value):
    global _count
    _count += 1
    return len(struct.pack(">I", value)) + _count
class Meter:
    LIMIT = 40
    size = 2
    def total(self, size):
        return size + self.size + LIMIT + sum(LIMIT for LIMIT in (1, 2)) + self.LIMIT
"""
HIGH = """
import struct
from p import low
from p.low import Meter as Base, size as how_big
LIMIT = 1000
def size(values, extra=LIMIT):
    low = [how_big(value) for value in values]
    return sum(low) + extra
class Meter(Base):
    def total(self, size):
        return super().total(size) + low.LIMIT + LIMIT + struct.calcsize("I")
def late():
    from p.low import size
    from q.other import twice
    return twice(size(1))
"""
OTHER = """
from p.low import LIMIT
from p import high
def twice(n):
    return 2 * n + LIMIT
def run():
    return high.Meter().total(3), high.size([1, 2]), high.late(), high.LIMIT, LIMIT
"""
SOURCES = {"p.low": LOW, "p.high": HIGH, "q.other": OTHER}


def run(sources, monkeypatch):
    """What q.other.run() returns when modules are imported from `sources`."""
    for package in ("p", "q"):
        monkeypatch.setitem(sys.modules, package, types.ModuleType(package))
    waiting = dict(sources)
    while waiting:
        for name, text in list(waiting.items()):
            module = types.ModuleType(name)
            try:
                exec(compile(text, name, "exec"), module.__dict__)
            except ImportError:
                continue
            monkeypatch.setitem(sys.modules, name, module)
            package, _, last = name.partition(".")
            setattr(sys.modules[package], last, module)
            del waiting[name]
    return sys.modules["q.other"].run()


@pytest.mark.parametrize("groups", [{}, {"p.high": ("p.low",)}])
def test_what_runs_runs_as_before(monkeypatch, groups):
    joined = join(SOURCES, groups)
    assert set(joined) == set(SOURCES) - set(groups.get("p.high", ()))
    assert run(joined, monkeypatch) == run(SOURCES, monkeypatch)


def test_what_stands_before_the_imports_stays_before_them():
    text = "import gc\ngc.threshold(1)\nfrom p.low import LIMIT\nprint(LIMIT)\n"
    lines = join({"p.low": LOW, "main": text}, {})["main"].splitlines()
    assert lines == ["import gc", "gc.threshold(1)", "from p.low import LIMIT", "print(LIMIT)"]


@pytest.mark.parametrize(
    ("sources", "groups", "words"),
    [
        ({"p.a": "from p.b import x\ny = 1", "p.b": "from p.a import y\nx = 1"}, {}, "need each"),
        (
            {"p.a": "from q.c import z\ny = 1", "p.b": "x = 1", "q.c": "from p.b import x\nz = x"},
            {"p.a": ("p.b",)},
            "need each other",
        ),
        ({"p.a": "from p import b\nprint(b)", "p.b": "x = 1"}, {"p.a": ("p.b",)}, "as an object"),
        (
            {"p.a": "def f():\n    from p import b\n", "p.b": "x = 1"},
            {"p.a": ("p.b",)},
            "as an object",
        ),
        ({"p.a": "from p import b\nprint(b.z)", "p.b": "x = 1"}, {"p.a": ("p.b",)}, "none of its"),
    ],
)
def test_what_cannot_be_joined_is_refused(sources, groups, words):
    with pytest.raises(JoinError, match=words):
        join(sources, groups)


def test_the_firmwares_modules_are_joined_and_miss_no_name():
    source = project_root() / "firmware"
    files = [path for path in mpy_tree._sources(source) if path.name != "__init__.py"]
    constants = constants_below(source)
    texts = {mpy_tree._module(path): fold((source / path).read_text(), constants) for path in files}
    grouped = {name for leader, members in GROUPS.items() for name in (leader, *members)}
    assert grouped <= set(texts), "a group names a module that the firmware has not"
    joined = join(texts)
    known = {*dir(builtins), "ptr8", "ptr16", "ptr32", "uint"}
    for module, text in joined.items():
        assert _built_in(ast.parse(text)) <= known, module


def test_a_program_that_imports_nothing_of_the_tree_has_its_imports_first():
    program = "from struct import pack\nasked = pack('>B', 1)\ndef f():\n    return pack('>B', 2)\n"
    scope: dict = {}
    exec(join({"main": program})["main"], scope)
    assert (scope["asked"], scope["f"]()) == (b"\x01", b"\x02")
