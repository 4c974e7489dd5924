"""SHA-512 against hashlib."""

import hashlib
from typing import Any

DATA = bytes((i * 89 + (i >> 3)) & 255 for i in range(2000))


def test_every_length_to_300(board: Any) -> None:
    answers = board.ask(("sha512", DATA[:n]) for n in range(301))
    assert answers == [hashlib.sha512(DATA[:n]).digest() for n in range(301)]


def test_extreme_words(board: Any) -> None:
    blocks = [bytes([value]) * n for value in (0, 0x7F, 0x80, 0xFF) for n in (128, 256, 1000)]
    assert board.ask(("sha512", b) for b in blocks) == [hashlib.sha512(b).digest() for b in blocks]


def test_pieces_of_any_size_give_the_same(board: Any) -> None:
    sizes = [1, 3, 64, 127, 128, 129, 255]
    answers = board.ask(("pieces", DATA, bytes([size])) for size in sizes)
    assert answers == [hashlib.sha512(DATA).digest()] * len(sizes)
