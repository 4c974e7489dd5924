"""Short private names: same behaviour, no two that meet, nothing that others look up by name."""

from truewatt.mpynames import rename, short_names

BASE = """
class Base:
    def __init__(self):
        self._first_thing = 1
    def total(self):
        return self._first_thing + self._step()
    def _step(self):
        return 10
"""
CHILD = """
from base import Base
_START_VALUE = 100
class Child(Base):
    def __init__(self):
        super().__init__()
        self._second_thing = _START_VALUE
    def _step(self):
        return self._second_thing
"""
OTHER = """
def _helper(_argument=3):
    global _counter
    _counter = _argument
    return _counter
def run():
    return _helper(_argument=5) + _helper()
"""


def run(sources):
    spaces = {}
    for module, text in sources.items():
        scope = dict(spaces.get("base", {}))
        exec(compile(text.replace("from base import Base", ""), module, "exec"), scope)
        spaces[module] = scope
    return spaces["child"]["Child"]().total(), spaces["other"]["run"]()


def test_what_runs_runs_as_before():
    sources = {"base": BASE, "child": CHILD, "other": OTHER}
    names = short_names(sources, {})
    short = {module: rename(text, names) for module, text in sources.items()}
    assert run(short) == run(sources) == (101, 8)
    assert "_first_thing" not in short["base"]
    assert max(len(name) for name in names.values()) == 2


def test_names_that_can_meet_differ_and_others_are_shared():
    names = short_names({"base": BASE, "child": CHILD, "other": OTHER}, {})
    family = {names[n] for n in ("_first_thing", "_step", "_second_thing", "_START_VALUE")}
    assert len(family) == 4
    assert family & {names["_helper"], names["_argument"], names["_counter"]}


def test_what_others_may_look_up_stays():
    text = (
        "import sys\n"
        "class A:\n"
        "    def __init__(self):\n"
        "        self._by_name = getattr(self, '_looked_up')\n"
        "        self._looked_up = sys.implementation._mpy\n"
        "        self._used_by_main = 1\n"
    )
    names = short_names({"a": text}, {"main": "print(a._used_by_main)"})
    assert set(names) == {"_by_name"}
    assert "_mpy" in rename(text, names)


def test_a_short_name_is_none_that_is_taken():
    names = short_names({"a": "_a = 1\n_long_name = 2\nprint(x._b)\n"}, {})
    assert names["_long_name"] not in {"_a", "_b"}
