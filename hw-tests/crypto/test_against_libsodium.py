"""libsodium (PyNaCl) and a board sign the same bytes and accept each other's signatures."""

import random
from typing import Any

import pytest
from nacl.signing import SigningKey

# Through a board's words all thousand; the other word size needs fewer to show a difference.
COUNT = {"small": 1000, "native": 150}


def _signed(count: int) -> list[tuple[bytes, bytes, bytes, bytes]]:
    """Seeded: seed, public key, message, signature by libsodium."""
    dice = random.Random(8032)
    out = []
    for i in range(count):
        key = SigningKey(dice.randbytes(32))
        # Five signatures a key, so that the remembered public key is used too.
        for _ in range(5 if i % 10 == 0 else 1):
            message = dice.randbytes(dice.choice((0, 1, 31, 100, 127, 240, 400)))
            signature = key.sign(message).signature
            out.append((bytes(key), bytes(key.verify_key), message, signature))
    return out[:count]


@pytest.mark.parametrize("size", ["native", "small"])
def test_signatures_are_those_of_libsodium(size: str, request: pytest.FixtureRequest) -> None:
    board: Any = request.getfixturevalue(f"{size}_board")
    signed = _signed(COUNT[size])
    answers = board.ask(("sign", seed, message) for seed, _, message, _ in signed)
    assert answers == [signature for _, _, _, signature in signed]


@pytest.mark.parametrize("size", ["native", "small"])
def test_signatures_of_libsodium_are_accepted(size: str, request: pytest.FixtureRequest) -> None:
    board: Any = request.getfixturevalue(f"{size}_board")
    signed = _signed(COUNT[size])
    answers = board.ask(("verify", public, message, s) for _, public, message, s in signed)
    assert answers == [b"\1"] * len(signed)
