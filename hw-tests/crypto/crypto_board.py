"""Runs on MicroPython: answers one request a line, `operation hex hex ...`, until end of file."""

import sys
from array import array
from binascii import hexlify, unhexlify

from crypto import ed25519, field_vm, limbs, scalar
from crypto.sha512 import Sha512, sha512


def _limb_buffers(count):
    return [bytearray(scalar.LIMB_BUFFER_BYTES) for _ in range(count)]


def reduce(wide):
    out = bytearray(32)
    scalar.reduce(out, 0, wide, _limb_buffers(2))
    return out


def multiply_add(a, b, c):
    out = bytearray(32)
    scalar.multiply_add(out, 0, a, b, c, _limb_buffers(4))
    return out


def program(code, first, second):
    """Run a program on registers 4 and 5, given as 20 limbs each; answer register 6's limbs."""
    registers = array("H", bytes(7 * 40))
    view = memoryview(registers)
    view[80:100] = array("H", first)
    view[100:120] = array("H", second)
    field_vm.run(1, registers, code)
    return bytes(view[120:140])


def packed(words):
    """The canonical bytes of a register of 20 limbs."""
    registers = array("H", words)
    out = bytearray(32)
    limbs.pack(out, 0, registers, 0)
    return out


def pieces(data, size):
    """SHA-512 of data given in pieces of a size, and a digest in between that changes nothing."""
    hasher = Sha512()
    for at in range(0, len(data), size[0]):
        hasher.update(data, at, min(at + size[0], len(data)))
        hasher.digest()
    return hasher.digest()


def verify(public, message, signature):
    return bytes((ed25519.verify(public, message, signature),))


OPERATIONS = {
    "public_key": ed25519.public_key,
    "sign": ed25519.sign,
    "verify": verify,
    "sha512": sha512,
    "pieces": pieces,
    "reduce": reduce,
    "multiply_add": multiply_add,
    "program": program,
    "packed": packed,
}


def main():
    while True:
        line = sys.stdin.readline()
        if not line:
            break
        name, *arguments = line[:-1].split(" ")
        answer = OPERATIONS[name](*[unhexlify(a) for a in arguments])
        print(hexlify(answer).decode())


if __name__ == "__main__":
    main()
