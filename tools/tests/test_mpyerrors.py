"""Errors that a board tells apart nowhere are one class there; what is asked for by name stays."""

import pytest

from truewatt.mpyerrors import merge

FORMAT = """
class Wrong(ValueError):
    def __init__(self, what, at=-1):
        super().__init__(what)
        self.at = at
class Short(Wrong):
    'The input ends.'
class Shorter(Short):
    pass
class Text(Wrong):
    'No text.'
class Listed(Wrong):
    'In a table.'
class Told(Wrong):
    'Is in an argument.'
TABLE = {1: Listed}
def read(kind):
    if kind == 1:
        raise Shorter("short", 3)
    if kind == 2:
        raise Wrong(Told.__name__)
    try:
        raise Text("text")
    except Text as error:
        return error
"""
READER = """
from wireformat.form import Short, Wrong, read
def ask():
    raise Short("asked")
"""


def _merged():
    return merge({"wireformat.form": FORMAT, "core.reader": READER})


def test_what_was_raised_is_its_base():
    scope: dict = {}
    exec(_merged()["wireformat.form"], scope)
    assert "Short" not in scope
    assert "Shorter" not in scope
    with pytest.raises(scope["Wrong"]) as caught:
        scope["read"](1)
    assert (type(caught.value), caught.value.at) == (scope["Wrong"], 3)


def test_what_is_caught_or_named_elsewhere_stays():
    scope: dict = {}
    exec(_merged()["wireformat.form"], scope)
    assert {"Text", "Listed", "Told"} <= scope.keys()
    assert type(scope["read"](3)) is scope["Text"]


def test_other_modules_import_the_base_once():
    reader = _merged()["core.reader"]
    assert "import Wrong, read" in reader
    assert "raise Wrong('asked')" in reader


def test_other_modules_keep_their_classes():
    assert merge({"core.form": FORMAT}) == {"core.form": FORMAT}
