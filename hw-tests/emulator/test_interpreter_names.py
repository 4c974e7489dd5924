"""The list of names that boards' modules must not shorten knows this interpreter and the stubs."""

import subprocess

from truewatt.mpy_interpreter_names import of_interpreter, of_stubs
from truewatt.mpykept import interpreter_names


def test_every_name_of_the_interpreter_is_listed():
    missing = of_interpreter() - interpreter_names()
    assert not missing, f"python -m truewatt.mpy_interpreter_names; new: {sorted(missing)}"


def test_names_that_no_type_shows_are_listed(micropython_32bit):
    """A firmware that defines one of them too must not rename both."""
    code = (
        "import asyncio\nasync def f(): pass\nt = asyncio.core.Task(f())\nprint(t.cancel, t.done)"
    )
    subprocess.run([*micropython_32bit, "-c", code], check=True, timeout=30)
    assert {"cancel", "done", "uname"} <= interpreter_names()


def test_every_name_of_the_chips_modules_is_listed():
    stubs = of_stubs()
    assert {"UART", "IF_STA", "gatts_write"} <= stubs
    assert not stubs - interpreter_names()
