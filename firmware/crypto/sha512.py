"""SHA-512 (FIPS 180-4) in viper, for MicroPython ports whose hashlib stops at SHA-256.

`sha512(data) -> bytes` in one call, or `Sha512` with `update` and `digest`.
Constant time in the data: no branch and no address depends on it.
"""

# ruff: noqa: F821  (viper's pointer types)
import micropython

from crypto.memory import clear, copy, wipe, word_table
from crypto.sha512_constants import INITIAL_STATE, ROUND_CONSTANTS

BLOCK_BYTES = 128
DIGEST_BYTES = 64
ROOM_BYTES = 256

_K = word_table(ROUND_CONSTANTS)


@micropython.viper
def _load_block(w: ptr32, data: ptr8, start: int):
    i = 0
    while i < 32:
        high = data[start] << 24 | data[start + 1] << 16
        w[i] = high | data[start + 2] << 8 | data[start + 3]
        start += 4
        i += 1


@micropython.viper
def _expand(s: uint, x: uint, w: ptr32):
    """Replace W[t - 16 .. t - 1] by W[t .. t + 15], in place.

    Words are (high, low) pairs. Low halves are summed in two 16-bit columns, because viper has no
    carry flag and a comparison compiles to a branch on some targets. `s` and `x` come first to
    live in machine registers.
    """
    j = 0
    while j < 32:
        k = (j + 2) & 31
        h = uint(w[k])
        l = uint(w[k + 1])  # noqa: E741
        x = h
        s = x >> 1
        s = (x >> 8) ^ s
        s = (x >> 7) ^ s
        x = l
        s = (x << 31) ^ s
        s = (x << 24) ^ s
        high = s
        s = x >> 1
        s = (x >> 8) ^ s
        s = (x >> 7) ^ s
        x = h
        s = (x << 31) ^ s
        s = (x << 24) ^ s
        s = (x << 25) ^ s
        p = s & 0xFFFF
        q = (s >> 16) & 0xFFFF
        k = (j + 28) & 31
        h = uint(w[k])
        l = uint(w[k + 1])  # noqa: E741
        x = h
        s = x >> 19
        s = (x << 3) ^ s
        s = (x >> 6) ^ s
        x = l
        s = (x << 13) ^ s
        s = (x >> 29) ^ s
        high = s + high
        s = x >> 19
        s = (x << 3) ^ s
        s = (x >> 6) ^ s
        x = h
        s = (x << 13) ^ s
        s = (x >> 29) ^ s
        s = (x << 26) ^ s
        p = (s & 0xFFFF) + p
        q = ((s >> 16) & 0xFFFF) + q
        k = (j + 18) & 31
        high = uint(w[k]) + high + uint(w[j])
        s = uint(w[k + 1])
        x = uint(w[j + 1])
        p = (s & 0xFFFF) + p
        p = (x & 0xFFFF) + p
        q = (s >> 16) + q
        q = (x >> 16) + q
        q = (p >> 16) + q
        w[j + 1] = int(p & 0xFFFF | q << 16)
        w[j] = int(high + (q >> 16))
        j += 2


@micropython.viper
def _sixteen_rounds(s: uint, x: uint, v: ptr32, w: ptr32, constants: ptr32, first: int):
    """Rounds `first` .. `first` + 15 on the working variables a..h in `v`, (high, low) pairs."""
    ah = uint(v[0])
    al = uint(v[1])
    bh = uint(v[2])
    bl = uint(v[3])
    ch = uint(v[4])
    cl = uint(v[5])
    dh = uint(v[6])
    dl = uint(v[7])
    eh = uint(v[8])
    el = uint(v[9])
    fh = uint(v[10])
    fl = uint(v[11])
    gh = uint(v[12])
    gl = uint(v[13])
    hh = uint(v[14])
    hl = uint(v[15])
    word = uint(0xFFFF)
    word = word << 16 | word
    k = ptr32(int(constants) + 8 * first)
    j = 0
    while j < 32:
        # T1 = h + Sum1(e) + Ch(e, f, g) + K + W
        x = eh
        s = x >> 14
        s = (x >> 18) ^ s
        s = (x << 23) ^ s
        x = el
        s = (x << 18) ^ s
        s = (x << 14) ^ s
        s = (x >> 9) ^ s
        high = s + hh
        s = x >> 14
        s = (x >> 18) ^ s
        s = (x << 23) ^ s
        x = eh
        s = (x << 18) ^ s
        s = (x << 14) ^ s
        s = (x >> 9) ^ s
        p = s & 0xFFFF
        q = (s >> 16) & 0xFFFF
        high = ((fh ^ gh) & x ^ gh) + high + uint(k[j]) + uint(w[j])
        x = el
        s = (fl ^ gl) & x
        s = s ^ gl
        x = hl
        p = (s & 0xFFFF) + p
        p = (x & 0xFFFF) + p
        q = (s >> 16) + q
        q = (x >> 16) + q
        s = uint(k[j + 1])
        x = uint(w[j + 1])
        p = (s & 0xFFFF) + p
        p = (x & 0xFFFF) + p
        q = (s >> 16) + q
        q = (x >> 16) + q
        hh = gh
        hl = gl
        gh = fh
        gl = fl
        fh = eh
        fl = el
        # e = d + T1
        x = dl
        s = (x & 0xFFFF) + p
        x = (x >> 16) + q
        x = (s >> 16) + x
        el = s & 0xFFFF | (x & 0xFFFF) << 16
        eh = (x >> 16) + high + dh & word
        # a = T1 + Sum0(a) + Maj(a, b, c)
        x = ah
        s = x >> 28
        s = (x << 30) ^ s
        s = (x << 25) ^ s
        high = ((bh | ch) & x | bh & ch) + high
        x = al
        s = (x << 4) ^ s
        s = (x >> 2) ^ s
        s = (x >> 7) ^ s
        high = s + high
        s = (bl | cl) & x | bl & cl
        p = (s & 0xFFFF) + p
        q = (s >> 16) + q
        s = x >> 28
        s = (x << 30) ^ s
        s = (x << 25) ^ s
        x = ah
        s = (x << 4) ^ s
        s = (x >> 2) ^ s
        s = (x >> 7) ^ s
        p = (s & 0xFFFF) + p
        q = ((s >> 16) & 0xFFFF) + q
        dh = ch
        dl = cl
        ch = bh
        cl = bl
        bh = ah
        bl = al
        x = (p >> 16) + q
        al = p & 0xFFFF | (x & 0xFFFF) << 16
        ah = (x >> 16) + high & word
        j += 2
    v[0] = int(ah)
    v[1] = int(al)
    v[2] = int(bh)
    v[3] = int(bl)
    v[4] = int(ch)
    v[5] = int(cl)
    v[6] = int(dh)
    v[7] = int(dl)
    v[8] = int(eh)
    v[9] = int(el)
    v[10] = int(fh)
    v[11] = int(fl)
    v[12] = int(gh)
    v[13] = int(gl)
    v[14] = int(hh)
    v[15] = int(hl)


@micropython.viper
def _add_state(state: ptr32, v: ptr32):
    """state += v, word by word mod 2^64."""
    j = 0
    while j < 16:
        s = uint(state[j + 1])
        x = uint(v[j + 1])
        p = (s & 0xFFFF) + (x & 0xFFFF)
        q = (s >> 16) + (x >> 16) + (p >> 16)
        state[j + 1] = int(p & 0xFFFF | q << 16)
        state[j] = int(uint(state[j]) + uint(v[j]) + (q >> 16))
        j += 2


@micropython.viper
def _store_big_endian(out: ptr8, at: int, words: ptr32):
    i = 0
    while i < 16:
        word = uint(words[i])
        out[at] = int(word >> 24)
        out[at + 1] = int(word >> 16)
        out[at + 2] = int(word >> 8)
        out[at + 3] = int(word)
        at += 4
        i += 1


class Sha512:
    """Incremental SHA-512. `update` takes bytes-like data, `digest` gives 64 bytes."""

    def __init__(self, room=None):
        """`room`: a bytearray of `ROOM_BYTES` that others may use after `finish`."""
        room = memoryview(bytearray(ROOM_BYTES) if room is None else room)
        # state (64 bytes), working variables (64), message schedule (128), partial block (128)
        self._state = bytearray(64)
        self._working = bytearray(64)
        self._schedule = room[:128]
        self._block = room[128:]
        self.reset()

    def reset(self):
        """Start a new message."""
        copy(self._state, INITIAL_STATE, 0, 0, 64)
        self._length = 0

    def wipe(self):
        """Overwrite what is left of the message."""
        wipe(self._working, self._schedule, self._block)
        self.reset()

    def update(self, data, start=0, stop=None):
        """Add data[start:stop]."""
        if stop is None:
            stop = len(data)
        used = self._length % BLOCK_BYTES
        self._length += stop - start
        if used:
            count = min(BLOCK_BYTES - used, stop - start)
            copy(self._block, data, used, start, count)
            start += count
            if used + count < BLOCK_BYTES:
                return
            self._compress(self._block, 0)
        while stop - start >= BLOCK_BYTES:
            self._compress(data, start)
            start += BLOCK_BYTES
        copy(self._block, data, 0, start, stop - start)

    def digest(self):
        """The hash of everything so far; more may be added afterwards."""
        fork = Sha512()
        copy(fork._state, self._state, 0, 0, 64)
        copy(fork._block, self._block, 0, 0, BLOCK_BYTES)
        fork._length = self._length
        out = bytearray(DIGEST_BYTES)
        fork.finish(out, 0)
        return bytes(out)

    def finish(self, out, at):
        """Write the hash to out[at : at + 64] and start a new message."""
        used = self._length % BLOCK_BYTES
        block = self._block
        block[used] = 0x80
        clear(block, BLOCK_BYTES - used - 1, used + 1)
        if used >= BLOCK_BYTES - 16:
            self._compress(block, 0)
            clear(block, BLOCK_BYTES, 0)
        block[BLOCK_BYTES - 8 :] = (self._length * 8).to_bytes(8, "big")
        self._compress(block, 0)
        _store_big_endian(out, at, self._state)
        self.reset()

    def _compress(self, data, start):
        schedule = self._schedule
        working = self._working
        _load_block(schedule, data, start)
        copy(working, self._state, 0, 0, 64)
        _sixteen_rounds(0, 0, working, schedule, _K, 0)
        for first in (16, 32, 48, 64):
            _expand(0, 0, schedule)
            _sixteen_rounds(0, 0, working, schedule, _K, first)
        _add_state(self._state, working)


def sha512(data):
    """SHA-512 of bytes-like `data`: 64 bytes."""
    state = Sha512()
    state.update(data)
    out = bytearray(DIGEST_BYTES)
    state.finish(out, 0)
    return bytes(out)
