"""What is left out of the wire format on boards changes no answer of it."""

from pathlib import Path

import pytest

from truewatt.emulator.mpy_tree import named_modules
from truewatt.mpyterse import applies, terse
from wireformat.control import Certificate, Enrolment

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"
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
    FIELDS = ((0, "d", Uint(3), False), (1, "e", Uint(4), True))
    def listed(self):
        found = []
        for key, name, _, optional in self.FIELDS:
            found.append((key, name, optional))
        for _, name, kind, _ in self.FIELDS:
            found.append((name, kind.high))
        return found
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


def test_a_field_is_found_by_its_place():
    scope: dict = {}
    exec(terse(FORMAT), scope)
    record = scope["Record"]()
    assert [len(row) for row in record.FIELDS] == [2, 3]
    assert record.listed() == [(0, "d", False), (1, "e", True), ("d", 3), ("e", 4)]


def test_records_of_the_wire_format_are_the_same_on_boards():
    modules, _ = named_modules(FIRMWARE)
    scope: dict = {}
    exec(modules["wireformat.control"], scope)
    values = {"public_key": bytes(32), "role": 2, "area": 7, "serial": 9, "expires_s": 1 << 40}
    payload = Certificate(**values).payload()
    on_board = scope["Certificate"](**values)
    assert on_board.payload() == payload
    assert scope["Certificate"].from_payload(payload).expires_s == 1 << 40
    longer = {"hardware_id": b"h", "firmware": "1", "relays": 1, "channels": [[1, 1]], "role": 1}
    for more in ({}, {"fixed_limit_w": 5}, {"calibration": bytes(32)}):
        values = {"public_key": bytes(32), "area": 7} | longer | more
        values = {name: values[name] for _, name, _, _ in Enrolment.FIELDS if name in values}
        payload = Enrolment(**values).payload()
        assert scope["Enrolment"](**values).payload() == payload
        assert scope["Enrolment"].from_payload(payload).payload() == payload
    with pytest.raises(scope["WireError"]):
        scope["Certificate"](**{"role": 2, "area": -1})


def test_equal_kinds_are_one_object():
    scope: dict = {}
    exec(terse(FORMAT), scope)
    kinds = [row[2] for row in scope["FIELDS"]] + list(scope["Record"].MORE)
    assert len({id(kind) for kind in kinds}) == 2
    assert [kind.high for kind in kinds] == [255, 255, 7, 255, 7]


def test_only_the_wire_format_is_made_terse():
    assert applies("wireformat.control")
    assert not applies("core.config")
