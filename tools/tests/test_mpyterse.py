"""What is left out of the wire format on boards changes no answer of it."""

import pytest

from truewatt.mpyterse import applies, terse

FORMAT = """
class Wrong(Exception):
    def __init__(self, what, at=None):
        super().__init__(what)
        self.at = at
class Uint:
    def __init__(self, high):
        self.high = high
    def fault(self, value):
        return "" if value <= self.high else "is too much"
FIELDS = ((0, "a", Uint(255)), (1, "b", Uint(255)), (2, "c", Uint(7)))
class Record:
    MORE = (Uint(255), Uint(7))
    def __repr__(self):
        return "shown"
    def check(self, values):
        for (_, name, kind), value in zip(FIELDS, values):
            if kind.fault(value):
                raise Wrong("%s %s" % (name, kind.fault(value)), value)
        return Uint(9).high
"""


def test_answers_are_the_same_and_errors_keep_class_and_offset():
    scope: dict = {}
    exec(terse(FORMAT), scope)
    record = scope["Record"]()
    assert record.check((255, 1, 7)) == 9
    with pytest.raises(scope["Wrong"]) as caught:
        record.check((1, 256, 7))
    assert (str(caught.value), caught.value.at) == ("", 256)
    assert repr(record) != "shown"


def test_equal_kinds_are_one_object():
    scope: dict = {}
    exec(terse(FORMAT), scope)
    kinds = [row[2] for row in scope["FIELDS"]] + list(scope["Record"].MORE)
    assert len({id(kind) for kind in kinds}) == 2
    assert [kind.high for kind in kinds] == [255, 255, 7, 255, 7]


def test_only_the_wire_format_is_made_terse():
    assert applies("wireformat.control")
    assert not applies("core.config")
