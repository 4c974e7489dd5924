"""Byte moves for secrets: no slices, so no copies left behind on the heap."""

# ruff: noqa: F821  (viper's pointer types)
from array import array

import micropython


@micropython.viper
def copy(target: ptr8, at: int, source: ptr8, start: int, count: int):
    """target[at : at + count] = source[start : start + count]."""
    i = 0
    while i < count:
        target[at + i] = source[start + i]
        i += 1


@micropython.viper
def fill(target: ptr8, at: int, count: int, value: int):
    """Set `count` bytes from `at` to `value`."""
    i = 0
    while i < count:
        target[at + i] = value
        i += 1


@micropython.viper
def differs(first: ptr8, second: ptr8, count: int) -> int:
    """0 if the first `count` bytes are equal, else not 0; the time depends on `count` alone."""
    difference = 0
    i = 0
    while i < count:
        difference = difference | (first[i] ^ second[i])
        i += 1
    return difference


def wipe(buffer):
    """Overwrite a whole bytearray or array with zeros."""
    fill(buffer, 0, len(memoryview(buffer)) * _item_bytes(buffer), 0)


def _item_bytes(buffer):
    return 1 if isinstance(buffer, bytearray) else 4


@micropython.viper
def _address_mod_4(data: ptr8) -> int:
    return int(data) & 3


def word_table(data):
    """`data`, or a copy of it on a word boundary: a frozen module may hold bytes anywhere."""
    return array("I", data) if _address_mod_4(data) else data
