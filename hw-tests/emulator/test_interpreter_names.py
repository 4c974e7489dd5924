"""The list of names that boards' modules must not shorten knows this interpreter and the stubs."""

from truewatt.mpy_interpreter_names import of_interpreter, of_stubs
from truewatt.mpykept import interpreter_names


def test_every_name_of_the_interpreter_is_listed():
    missing = of_interpreter() - interpreter_names()
    assert not missing, f"python -m truewatt.mpy_interpreter_names; new: {sorted(missing)}"


def test_every_name_of_the_chips_modules_is_listed():
    stubs = of_stubs()
    assert {"UART", "IF_STA", "gatts_write"} <= stubs
    assert not stubs - interpreter_names()
