"""The buffers of one signature or verification, kept between calls and wiped after each."""

from crypto.group import REGISTERS
from crypto.limbs import REGISTER_BYTES
from crypto.memory import wipe
from crypto.scalar import LIMB_BUFFER_BYTES
from crypto.sha512 import Sha512


class Workspace:
    """About 4 KB; every buffer may hold secrets until `wipe`."""

    def __init__(self):
        self.registers = bytearray(REGISTERS * REGISTER_BYTES)
        self.hash = Sha512()
        self.secret = bytearray(64)  # clamped scalar, then prefix (RFC 8032 §5.1.5)
        self.wide = bytearray(64)  # a digest to be reduced mod L
        self.nonce = bytearray(32)
        self.challenge = bytearray(32)
        self.digits = bytearray(52)
        self.naf = bytearray(256)
        self.limbs = [bytearray(LIMB_BUFFER_BYTES) for _ in range(4)]
        self.scratch = bytearray(36)
        self.points = bytearray(64)  # R, then the public key, encoded

    def wipe(self):
        """Overwrite everything."""
        wipe(self.registers, self.secret, self.wide, self.nonce, self.challenge)
        wipe(self.digits, self.naf, self.scratch, self.points, *self.limbs)
        self.hash.wipe()


# One is made at import, while the heap is still whole: registers need 2.8 KB in one piece.
_idle = [Workspace()]


def acquire():
    """An idle workspace, or a new one while others are in use by interleaved generators."""
    return _idle.pop() if _idle else Workspace()


def release(workspace):
    """Wipe and keep for the next call; one is kept, so a burst does not hold the heap."""
    workspace.wipe()
    if not _idle:
        _idle.append(workspace)
