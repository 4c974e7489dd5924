"""Byte moves for secrets: no slices, so no copies left behind on the heap."""

# ruff: noqa: F821  (viper's pointer types)
from array import array

import micropython


@micropython.viper
def copy(target: ptr8, source: ptr8, at: int, start: int, count: int):
    """target[at : at + count] = source[start : start + count]."""
    target = ptr8(int(target) + at)
    source = ptr8(int(source) + start)
    while count:
        target[0] = source[0]
        target = ptr8(int(target) + 1)
        source = ptr8(int(source) + 1)
        count -= 1


@micropython.viper
def clear(target: ptr8, count: int, at: int):
    """target[at : at + count] = zeros."""
    target = ptr8(int(target) + at)
    while count:
        target[0] = 0
        target = ptr8(int(target) + 1)
        count -= 1


@micropython.viper
def differs(first: ptr8, second: ptr8, count: int) -> int:
    """0 if the first `count` bytes are equal, else not 0; the time depends on `count` alone."""
    difference = 0
    while count:
        count -= 1
        difference = first[count] ^ second[count] | difference
    return difference


@micropython.viper
def _clear_words(target: ptr32, count: int):
    while count > 0:
        target[0] = 0
        target = ptr32(int(target) + 4)
        count -= 4


def wipe(*buffers):
    """Overwrite whole bytearrays, each a multiple of 4 bytes long, with zeros."""
    for buffer in buffers:
        _clear_words(buffer, len(buffer))


@micropython.viper
def _address_mod_4(data: ptr8) -> int:
    return int(data) & 3


def word_table(data):
    """`data`, or a copy of it on a word boundary: a frozen module may hold bytes anywhere."""
    return array("I", data) if _address_mod_4(data) else data
