"""Ed25519 (RFC 8032 §5.1) for stock MicroPython: `public_key`, `sign`, `verify`.

Each has a generator form (`sign_steps` ...) that yields between slices of at most 0.8 million
ARMv7 instructions and returns the result (`signature = yield from sign_steps(seed, message)`), so
that an event loop keeps its times. The plain calls drain these. What touches a secret is constant
time and wiped (see `docs/crypto.md` for what that covers).

`verify` applies libsodium's rule: canonical public key and R, S < L, neither of small order, and
the cofactorless equation. Anything else, wrong lengths included, is False and not an error.
"""

import hashlib

from crypto import group, scalar, tables
from crypto.limbs import pack, unpack
from crypto.memory import copy, differs, wipe
from crypto.workspace import acquire, release

SEED_BYTES = 32
PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64

_ORDER = int.from_bytes(tables.ORDER, "little")
_HASH_SLICE_BYTES = 256
_CACHE_LABEL = b"truewatt public key"

# The last seed's public key, and SHA-256 of the seed's secret (which tells nothing of it).
_cached_tag = bytearray(32)
_cached_public = bytearray(32)


class SeedLengthError(ValueError):
    """The seed is not 32 bytes long."""


def _drain(steps):
    try:
        while True:
            next(steps)
    except StopIteration as end:
        return end.value


def _absorb_steps(hasher, message):
    """Hash a message of any length in slices."""
    stop = len(message)
    at = 0
    while at < stop:
        end = min(at + _HASH_SLICE_BYTES, stop)
        hasher.update(message, at, end)
        at = end
        if at < stop:
            yield


def _load_seed(ws, seed):
    """ws.secret = clamped scalar and prefix of the seed."""
    if len(seed) != SEED_BYTES:
        raise SeedLengthError(
            "an Ed25519 seed is 32 bytes, not %d: give the seed alone" % len(seed)
        )
    ws.hash.update(seed)
    ws.hash.finish(ws.secret, 0)
    ws.secret[0] &= 248
    ws.secret[31] = ws.secret[31] & 63 | 64


def _public_key_steps(ws):
    """ws.points[32:] = the public key of ws.secret."""
    yield
    scalar.comb_digits(ws.digits, ws.scratch, ws.secret, 0, tables.ORDER)
    yield from group.base_multiple_steps(ws.registers, ws.digits)
    yield from group.invert_steps(ws.registers)
    group.write_affine(ws.points, 32, ws.registers, group.X, group.Y, group.T)


def _signature_steps(ws, message):
    """The signature of `message` by ws.secret, whose public key is in ws.points[32:]."""
    hasher = ws.hash
    hasher.update(ws.secret, 32, 64)
    yield from _absorb_steps(hasher, message)
    hasher.finish(ws.wide, 0)
    scalar.reduce(ws.nonce, 0, ws.wide, ws.limbs)
    scalar.comb_digits(ws.digits, ws.scratch, ws.nonce, 0, tables.ORDER)
    yield
    yield from group.base_multiple_steps(ws.registers, ws.digits)
    yield from group.invert_steps(ws.registers)
    group.write_affine(ws.points, 0, ws.registers, group.X, group.Y, group.T)
    hasher.update(ws.points)
    yield from _absorb_steps(hasher, message)
    hasher.finish(ws.wide, 0)
    scalar.reduce(ws.challenge, 0, ws.wide, ws.limbs)
    signature = bytearray(SIGNATURE_BYTES)
    copy(signature, ws.points, 0, 0, 32)
    scalar.multiply_add(signature, 32, ws.challenge, ws.secret, ws.nonce, ws.limbs)
    return bytes(signature)


def public_key_steps(seed):
    """`public_key` in slices."""
    ws = acquire()
    try:
        _load_seed(ws, seed)
        yield from _find_public_key_steps(ws)
        return bytes(_cached_public)
    finally:
        release(ws)


def public_key(seed):
    """The 32-byte public key of a 32-byte seed. SeedLengthError for another length."""
    return _drain(public_key_steps(seed))


def sign_steps(seed, message):
    """`sign` in slices."""
    ws = acquire()
    try:
        _load_seed(ws, seed)
        yield from _find_public_key_steps(ws)
        yield
        return (yield from _signature_steps(ws, message))
    finally:
        release(ws)


def sign(seed, message):
    """The 64-byte signature of bytes-like `message`. SeedLengthError for a seed not of 32 bytes.

    The public key of the last seed is remembered, so only the first use of a seed computes it.
    `SigningKey` holds one key's for good.
    """
    return _drain(sign_steps(seed, message))


def _find_public_key_steps(ws):
    """ws.points[32:] = the public key, from the cache if it is that of ws.secret."""
    # The secret first: it fills a block, so the hash object's buffer ends with the label alone.
    hasher = hashlib.sha256(ws.secret)
    hasher.update(_CACHE_LABEL)
    tag = hasher.digest()
    if differs(tag, _cached_tag, 32):
        yield from _public_key_steps(ws)
        copy(_cached_tag, tag, 0, 0, 32)
        copy(_cached_public, ws.points, 0, 32, 32)
    copy(ws.points, _cached_public, 32, 0, 32)


class SigningKey:
    """A seed expanded once: scalar, prefix and public key stay in memory until `wipe`."""

    def __init__(self, seed):
        self._secret = bytearray(64)
        ws = acquire()
        try:
            _load_seed(ws, seed)
            _drain(_public_key_steps(ws))
            copy(self._secret, ws.secret, 0, 0, 64)
            self.public = bytes(memoryview(ws.points)[32:])
        finally:
            release(ws)

    def sign_steps(self, message):
        """`sign` in slices."""
        ws = acquire()
        try:
            copy(ws.secret, self._secret, 0, 0, 64)
            copy(ws.points, self.public, 32, 0, 32)
            return (yield from _signature_steps(ws, message))
        finally:
            release(ws)

    def sign(self, message):
        """The 64-byte signature of bytes-like `message`."""
        return _drain(self.sign_steps(message))

    def wipe(self):
        """Overwrite the secret; the key signs no more that anyone would accept."""
        wipe(self._secret)


def _is_small_order(encoded):
    """Whether y, sign bit aside, is that of a point whose order divides 8."""
    y = bytes(encoded[:31]) + bytes((encoded[31] & 127,))
    return any(tables.SMALL_ORDER_Y[i : i + 32] == y for i in range(0, 160, 32))


def _is_canonical(ws, encoded):
    """Whether y < p."""
    unpack(ws.registers, group.A, encoded, 0)
    pack(ws.scratch, 0, ws.registers, group.A)
    ws.scratch[31] |= encoded[31] & 128
    return not differs(ws.scratch, encoded, 32)


def _is_acceptable(ws, public, signature):
    """The checks that need no arithmetic on points."""
    if len(public) != PUBLIC_KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    if int.from_bytes(bytes(signature[32:]), "little") >= _ORDER:
        return False
    if _is_small_order(public) or _is_small_order(signature):
        return False
    return _is_canonical(ws, public) and _is_canonical(ws, signature)


def verify_steps(public_key, message, signature):
    """`verify` in slices."""
    ws = acquire()
    try:
        if not _is_acceptable(ws, public_key, signature):
            return False
        yield
        # Scalars first: their limbs lie where the registers do, their digits where the hash did.
        ws.hash.update(signature, 0, 32)
        ws.hash.update(public_key)
        yield from _absorb_steps(ws.hash, message)
        ws.hash.finish(ws.wide, 0)
        yield
        scalar.reduce(ws.challenge, 0, ws.wide, ws.limbs)
        scalar.naf_digits(ws.naf, ws.challenge)
        scalar.comb_digits(ws.digits, ws.scratch, signature, 32, tables.ORDER)
        yield
        unpack(ws.registers, group.TWICE_D, tables.D2, 0)
        if not (yield from group.decode_steps(ws.registers, public_key, ws.secret)):
            return False
        yield
        group.prepare_multiples(ws.registers)
        yield
        yield from group.double_multiple_steps(ws.registers, ws.digits, ws.naf)
        yield from group.invert_steps(ws.registers)
        group.write_affine(ws.points, 0, ws.registers, group.X, group.Y, group.T)
        return not differs(ws.points, signature, 32)
    finally:
        release(ws)


def verify(public_key, message, signature):
    """Whether `signature` (64 bytes) of `message` is by `public_key` (32 bytes)."""
    return _drain(verify_steps(public_key, message, signature))
