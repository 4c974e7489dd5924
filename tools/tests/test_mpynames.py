"""Short names: same behaviour, no two that meet, nothing that others look up by name."""

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


def run(sources, total="total"):
    spaces = {}
    for module, text in sources.items():
        scope = dict(spaces.get("base", {}))
        exec(compile(text.replace("from base import Base", ""), module, "exec"), scope)
        spaces[module] = scope
    return getattr(spaces["child"]["Child"](), total)(), spaces["other"]["run"]()


def test_what_runs_runs_as_before():
    sources = {"base": BASE, "child": CHILD, "other": OTHER}
    names = short_names(sources, {})
    short = {module: rename(text, names) for module, text in sources.items()}
    assert run(short, names["total"]) == run(sources) == (101, 8)
    assert "_first_thing" not in short["base"]
    assert max(len(name) for name in names.values()) == 2
    assert names["total"].isupper()
    assert names["_step"].startswith("_")


def test_names_that_can_meet_differ_and_others_are_shared():
    names = short_names({"base": BASE, "child": CHILD, "other": OTHER}, {})
    family = {names[n] for n in ("_first_thing", "_step", "_second_thing")}
    assert len(family) == 3
    module = {names[n] for n in ("_helper", "_argument", "_counter")}
    assert len(module) == 3
    assert family & module  # a variable and an attribute never meet
    assert names["total"] == names["self"]


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
    assert set(names) == {"_by_name", "self"}
    assert "_mpy" in rename(text, names)


def test_a_short_name_is_none_that_is_taken():
    names = short_names({"a": "_a = 1\n_long_name = 2\nprint(x._b)\n"}, {})
    assert names["_long_name"] not in {"_a", "_b"}


def test_public_names_that_somebody_asks_for_by_their_text_stay():
    text = """
import machine
from outside import given
class NamedError(ValueError):
    "What a person reads."
class Thing:
    "Whatever this says: 'in_a_docstring'."
    def __init__(self, in_a_docstring: "in_an_annotation", in_an_annotation):
        self.field = getattr(self, "looked_up")
        self.read = given(keyword=machine.Pin)
    def looked_up(self, uint, keyword):
        return uint
"""
    other = "def other(x): return uint(x)\n"
    names = short_names({"a.b": text, "a.c": other}, {"main": "import a.b; print(a.b.Thing)"})
    assert set(names) == {"self", "in_a_docstring", "in_an_annotation", "field", "other", "x"}


def test_what_people_call_at_the_console_keeps_its_name():
    text = "LIMIT = 3\ndef configure(amount):\n    return amount + LIMIT\n"
    assert set(short_names({"provision": text}, {})) == {"amount"}
    assert set(short_names({"core.provision": text}, {})) == {"amount", "LIMIT", "configure"}


def test_an_attribute_that_a_stranger_sets_shares_its_name_with_nobody():
    bag = "class Bag:\n    pass\n"
    giver = "def give(bag):\n    bag.given = 1\n"
    other = "class C{0}:\n    def b{0}(self):\n        self.a{0} = 1\n"
    others = {f"m.n{n}": other.format(n) for n in range(3)}
    names = short_names({"m.bag": bag, "m.giver": giver, **others}, {})
    attributes = [names[f"{kind}{n}"] for n in range(3) for kind in "ab"]
    assert names["given"] not in attributes
    assert names["a0"] == names["a1"] == names["a2"]
    assert names["a0"] != names["b0"]


def test_an_attribute_of_a_known_class_need_not_be_a_strangers():
    bag = "class Bag:\n    def stuff(self):\n        return self\n"
    giver = "from m.bag import Bag\ndef give():\n    bag = Bag()\n    bag.given = 1\n"
    other = "class Other:\n    def mine(self):\n        return 2\n"
    names = short_names({"m.bag": bag, "m.giver": giver, "m.other": other}, {})
    assert names["given"] != names["stuff"]
    assert names["mine"] in {names["given"], names["stuff"]}


def test_a_method_does_not_hide_a_global_of_its_class_body():
    text = (
        "def chosen():\n    return 5\n"
        "class Thing:\n    def first(self):\n        return 1\n"
        "    value = chosen()\n    def last(self, extra=chosen()):\n        return extra\n"
        "def result():\n    thing = Thing()\n    return thing.first(), thing.value, thing.last()\n"
    )
    names = short_names({"m.a": text}, {})
    scope: dict = {}
    exec(rename(text, names), scope)
    assert scope[names["result"]]() == (1, 5, 5)


def test_viper_keeps_its_types_and_generators_stay_what_they_are():
    text = "@micropython.viper\ndef turn(where: ptr8) -> int:\n    return int(where)\n"
    names = short_names({"a.b": text}, {})
    assert set(names) == {"turn", "where"}
    assert f"def {names['turn']}({names['where']}: ptr8) -> int:" in rename(text, names)


def test_what_a_task_of_asyncio_answers_to_stays_though_it_lists_it_nowhere():
    ours = "class Slots:\n    def cancel(self):\n        pass\n    def done(self):\n        pass\n"
    names = short_names({"a": ours, "b": "def stop(task):\n    task.cancel()\n"}, {})
    assert not {"cancel", "done"} & set(names)
