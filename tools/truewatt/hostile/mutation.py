"""Seeded hostile inputs: what noise, cuts and a spiteful peer make of good bytes."""

import random
import re
from collections.abc import Iterator

# Heads that matter to a parser: floats, tags, breaks, huge counts, every major type.
_SPITE = bytes.fromhex(
    "001718191a1b1c1f20383b3f40585b5f60787b7f80989b9fa0b8bbbfc0d2d8dbf4f6f7f8f9fafbff"
)


def mutants(seeds: list[bytes], count: int, seed: int) -> Iterator[bytes]:
    """`count` mutants of `seeds`, the same ones for the same `seed`."""
    chance = random.Random(seed)
    for _ in range(count):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 4)):
            _MUTATIONS[chance.randrange(len(_MUTATIONS))](chance, data)
        yield bytes(data)


def _flip(chance: random.Random, data: bytearray) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _spite(chance: random.Random, data: bytearray) -> None:
    if data:
        data[chance.randrange(len(data))] = chance.choice(_SPITE)


def _insert(chance: random.Random, data: bytearray) -> None:
    data.insert(chance.randint(0, len(data)), chance.choice(_SPITE))


def _cut(chance: random.Random, data: bytearray) -> None:
    del data[chance.randint(0, len(data)) :]


def _drop(chance: random.Random, data: bytearray) -> None:
    if data:
        start = chance.randrange(len(data))
        del data[start : start + chance.randint(1, 8)]


def _repeat(chance: random.Random, data: bytearray) -> None:
    start = chance.randint(0, len(data))
    data[start:start] = data[start : start + chance.randint(1, 16)]


def _huge_count(chance: random.Random, data: bytearray) -> None:
    at = chance.randint(0, len(data))
    data[at:at] = bytes((chance.choice((0x5B, 0x7B, 0x9B, 0xBB)),)) + chance.randbytes(8)


_MUTATIONS = (_flip, _spite, _insert, _cut, _drop, _repeat, _huge_count, _flip, _spite)

# ---- text ------------------------------------------------------------------------------------

_WORDS = (
    *("nan", "inf", "-1", "0", "1e999", "9" * 30, "9" * 5000, "true", "null", "0x7f", "1_000"),
    *(
        "[]",
        "{}",
        "[[",
        "]]",
        "{{",
        '"',
        "\\",
        "\\u0000",
        "\\ud800",
        "''",
        '""',
        ",",
        "=",
        ":",
        "#",
        "\u202e",
    ),
    *("\x00", "\n", "\r", "\t", "2026-01-01T00:00:00Z", "99:99:99"),
)


def text_mutants(seeds: list[bytes], count: int, seed: int) -> Iterator[bytes]:
    """As `mutants`, with what vexes readers of TOML and JSON."""
    chance = random.Random(seed)
    for _ in range(count):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 4)):
            _TEXT_MUTATIONS[chance.randrange(len(_TEXT_MUTATIONS))](chance, data)
        yield bytes(data)


def _word(chance: random.Random, data: bytearray) -> None:
    at = chance.randint(0, len(data))
    data[at : at + chance.choice((0, 0, 1, 4))] = chance.choice(_WORDS).encode()


def _token(chance: random.Random, data: bytearray) -> None:
    """Another value in the place of a word or number."""
    found = list(_TOKEN.finditer(data))
    if found:
        match = chance.choice(found)
        data[match.start() : match.end()] = chance.choice(_WORDS).encode()


def _nest(chance: random.Random, data: bytearray) -> None:
    at = chance.randint(0, len(data))
    data[at:at] = chance.choice((b"[", b'{"a":', b"(")) * chance.choice((3, 30, 3000))


_TOKEN = re.compile(rb"[A-Za-z0-9_.]+")
_TEXT_MUTATIONS = (_flip, _word, _word, _token, _token, _token, _cut, _drop, _repeat, _nest)
