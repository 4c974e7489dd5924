"""What the firmware takes from its chip: randomness, heap, time for a signature and its check."""

import binascii
import gc
import os
import time

from crypto import ed25519

MESSAGE = b"truewatt on this chip"


def took_ms(call):
    gc.collect()
    start = time.ticks_us()
    result = call()
    return result, time.ticks_diff(time.ticks_us(), start) / 1000


seed = os.urandom(32)
assert seed != os.urandom(32), "the same 32 random bytes twice"
key = ed25519.SigningKey(seed)
signature, sign_ms = took_ms(lambda: key.sign(MESSAGE))
good, verify_ms = took_ms(lambda: ed25519.verify(key.public, MESSAGE, signature))
assert good
assert not ed25519.verify(key.public, MESSAGE + b".", signature)
gc.collect()
print("public", binascii.hexlify(key.public).decode())
print("signature", binascii.hexlify(signature).decode())
print("sign_ms", sign_ms)
print("verify_ms", verify_ms)
print("heap_free", gc.mem_free())
