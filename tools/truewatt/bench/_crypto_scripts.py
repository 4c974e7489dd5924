"""The programs that `truewatt bench crypto` runs on MicroPython."""

# Arguments: which operation, how often. The set-up, the same for all, cancels out between N times
# and none.
OPERATIONS = """
import sys
from crypto import ed25519

seed = bytes(range(32))
message = bytes(100)
public = ed25519.public_key(seed)
signature = ed25519.sign(seed, message)
key = ed25519.SigningKey(seed)


def sign_first():
    ed25519._cached_tag[0] ^= 1
    ed25519.sign(seed, message)


operations = {
    "sign": lambda: ed25519.sign(seed, message),
    "sign_first": sign_first,
    "sign_key": lambda: key.sign(message),
    "verify": lambda: ed25519.verify(public, message, signature),
    "public_key": lambda: ed25519.SigningKey(seed),
}
operation = operations[sys.argv[1]]
for _ in range(int(sys.argv[2])):
    operation()
"""

# Argument: length of the message. One mark before each slice and one after the last; what must not
# count as a slice is done before the first.
SLICES = """
import sys
from crypto import ed25519

marks = open(3, "wb")


def drain(steps):
    marks.write(b"x")
    try:
        while True:
            next(steps)
            marks.write(b"x")
    except StopIteration as end:
        marks.write(b"x")
        return end.value


seed = bytes(range(32))
message = bytes(int(sys.argv[1]))
key = ed25519.SigningKey(seed)
public = drain(ed25519.public_key_steps(seed))
signature = drain(ed25519.sign_steps(seed, message))
assert drain(ed25519.verify_steps(public, message, signature))
assert drain(key.sign_steps(message)) == signature
"""

GARBAGE = """
import gc
from crypto import ed25519

seed = bytes(range(32))
message = bytes(100)
ed25519.sign(seed, message)
gc.collect()
gc.disable()
before = gc.mem_alloc()
for _ in range(8):
    ed25519.sign(seed, message)
print((gc.mem_alloc() - before) // 8)
"""

HEAP = """
import gc
from crypto import ed25519

seed = bytes(range(32))
public = ed25519.public_key(seed)
signature = ed25519.sign(seed, bytes(100))
assert ed25519.verify(public, bytes(100), signature)
gc.collect()
print(gc.mem_alloc())
"""
