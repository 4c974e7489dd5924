"""What must be refused, and that libsodium refuses exactly the same."""

import hashlib
import random
from collections.abc import Iterator
from typing import Any

import pytest
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from truewatt.cryptogen import curve

pytestmark = pytest.mark.device

Case = tuple[bytes, bytes, bytes]  # public key, message, signature
MESSAGE = b"open the relay of the heater"
DICE = random.Random(25519)


def _libsodium(case: Case) -> bool:
    public, message, signature = case
    try:
        VerifyKey(public).verify(message, signature)
    except BadSignatureError:
        return False
    return True


def _agree(board: Any, cases: list[Case]) -> list[bool]:
    """Both verdicts are equal for each case; return them."""
    expected = [_libsodium(case) for case in cases]
    answers = [answer == b"\1" for answer in board.ask(("verify", *case) for case in cases)]
    assert answers == expected
    return answers


def _valid() -> Case:
    key = SigningKey(DICE.randbytes(32))
    return bytes(key.verify_key), MESSAGE, key.sign(MESSAGE).signature


def _with_bit_flipped(data: bytes, bit: int) -> bytes:
    return bytes(b ^ (1 << bit % 8 if i == bit // 8 else 0) for i, b in enumerate(data))


def _flips() -> Iterator[Case]:
    public, message, signature = _valid()
    for bit in DICE.sample(range(512), 40):
        yield public, message, _with_bit_flipped(signature, bit)
    for bit in DICE.sample(range(256), 20):
        yield _with_bit_flipped(public, bit), message, signature
    for bit in DICE.sample(range(8 * len(message)), 10):
        yield public, _with_bit_flipped(message, bit), signature
    yield public, message + b"\0", signature
    yield public, message[:-1], signature


def test_flipped_bits(board: Any) -> None:
    assert not any(_agree(board, list(_flips())))


def test_s_not_below_the_order(board: Any) -> None:
    public, message, signature = _valid()
    s = int.from_bytes(signature[32:], "little")
    values = [s + curve.L, s + 2 * curve.L, curve.L, curve.L + 1, 2**253, 2**256 - 1]
    cases = [(public, message, signature[:32] + v.to_bytes(32, "little")) for v in values]
    assert not any(_agree(board, cases))


def _sign(a: int, public: bytes, r: int, big_r: bytes, message: bytes) -> bytes:
    """The equation of RFC 8032 §5.1.6 with chosen encodings of A and R."""
    digest = hashlib.sha512(big_r + public + message).digest()
    challenge = int.from_bytes(digest, "little") % curve.L
    return big_r + ((r + challenge * a) % curve.L).to_bytes(32, "little")


def _small_order_encodings() -> list[bytes]:
    """Every encoding of the eight points: canonical, with y + p, with either sign bit."""
    ys = {point[1] for point in curve.small_order_points()}
    ys |= {y + curve.P for y in ys if y + curve.P < 2**255}
    return [(y | sign << 255).to_bytes(32, "little") for y in sorted(ys) for sign in (0, 1)]


def test_small_order_public_keys_and_nonces(board: Any) -> None:
    encodings = _small_order_encodings()
    assert len(encodings) == 14
    cases = []
    for encoded in encodings:
        # Satisfied by a rule without the check whenever the small part vanishes.
        for n in range(8):
            message = bytes([n])
            cases.append((encoded, message, _sign(0, encoded, 7, curve.encode(_base(7)), message)))
            cases.append((curve.encode(_base(5)), message, _sign(5, _key(5), 0, encoded, message)))
    assert not any(_agree(board, cases))


def _base(scalar: int) -> curve.Point:
    return curve.multiply(scalar, curve.BASE)


def _key(scalar: int) -> bytes:
    return curve.encode(_base(scalar))


def test_points_with_a_small_order_part_follow_the_cofactorless_equation(board: Any) -> None:
    torsion = curve.small_order_points()
    cases = []
    for i in (0, 1, 2, 4):
        public = curve.encode(curve.add(_base(5), torsion[i]))
        for j in (0, 1, 4):
            big_r = curve.encode(curve.add(_base(7), torsion[j]))
            for n in range(8):
                message = bytes([n])
                cases.append((public, message, _sign(5, public, 7, big_r, message)))
    verdicts = _agree(board, cases)
    # Both verdicts occur, or the test shows nothing.
    assert 8 < sum(verdicts) < len(verdicts) - 8


def test_encodings_that_are_not_canonical(board: Any) -> None:
    public, message, signature = _valid()
    over = [
        (curve.P + y | sign << 255).to_bytes(32, "little") for y in range(19) for sign in (0, 1)
    ]
    cases = [(encoded, message, signature) for encoded in over]
    cases += [(public, message, encoded + signature[32:]) for encoded in over]
    assert not any(_agree(board, cases))


def test_keys_that_are_no_point(board: Any) -> None:
    _, message, signature = _valid()
    cases = []
    y = 2
    while len(cases) < 12:
        try:
            curve.recover_x(y, 0)
        except ValueError:
            cases.append((y.to_bytes(32, "little"), message, signature))
        y += 1
    assert not any(_agree(board, cases))


def test_wrong_lengths_are_false_and_no_error(board: Any) -> None:
    public, message, signature = _valid()
    cases = [
        (b"", message, signature),
        (public[:31], message, signature),
        (public + b"\0", message, signature),
        (public, message, b""),
        (public, message, signature[:63]),
        (public, message, signature + b"\0"),
    ]
    assert board.ask(("verify", *case) for case in cases) == [b"\0"] * len(cases)
    assert _agree(board, [(public, message, signature)]) == [True]


def test_a_seed_of_another_length_is_a_named_error(board: Any) -> None:
    script = (
        "from crypto import ed25519\n"
        "for seed in (b'', bytes(31), bytes(33), bytes(64)):\n"
        "    sign = lambda seed: ed25519.sign(seed, b'')\n"
        "    for call in (ed25519.public_key, sign, ed25519.SigningKey):\n"
        "        try:\n"
        "            call(seed)\n"
        "        except ed25519.SeedLengthError as error:\n"
        "            assert isinstance(error, ValueError)\n"
        "            print(error)\n"
    )
    done = board.run("-c", script)
    said = done.stdout.splitlines()
    assert len(said) == 12, done.stderr
    assert said[3] == "an Ed25519 seed is 32 bytes, not 31: give the seed alone"
