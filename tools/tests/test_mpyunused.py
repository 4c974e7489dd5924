"""What nobody on a board calls is left out, and nothing else."""

from truewatt.mpyunused import without_unused

LINK = """
def send():
    'Like host_only, for boards.'
    return _frame()
def _frame():
    return 1
def host_only():
    return _deeper()
def _deeper():
    return 2
def make():
    return 3
def asked():
    return 4
"""
MAIN = "from links.link import asked\nasked()\n"
CORE = "module = __import__('links.link', None, None, ('make',))\nmodule.send()\n"


def test_functions_that_nobody_names_go_with_what_they_alone_call():
    left = without_unused({"links.link": LINK, "core.node": CORE}, {"main": MAIN})
    scope: dict = {}
    exec(left["links.link"], scope)
    assert {"send", "_frame", "make", "asked"} <= scope.keys()
    assert not {"host_only", "_deeper"} & scope.keys()
    assert left["core.node"] == CORE


def test_what_people_call_stays():
    sources = {"provision": LINK, "update.cable": LINK}
    assert without_unused(sources, {}) == sources
