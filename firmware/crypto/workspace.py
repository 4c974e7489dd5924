"""The buffers of one signature or verification, kept between calls and wiped after each."""

from crypto.group import REGISTERS
from crypto.limbs import REGISTER_BYTES
from crypto.memory import wipe
from crypto.scalar import LIMB_BUFFER_BYTES
from crypto.sha512 import ROOM_BYTES, Sha512


class Workspace:
    """About 4 KB; every buffer may hold secrets until `wipe`.

    Two lie in others: `limbs` in the registers, since scalars are reduced while no point is at
    work, and `naf` in what the hash uses between `update` and `finish`.
    """

    def __init__(self):
        self.registers = bytearray(REGISTERS * REGISTER_BYTES)
        self.naf = bytearray(ROOM_BYTES)
        self.hash = Sha512(self.naf)
        self.secret = bytearray(64)  # clamped scalar, then prefix (RFC 8032 §5.1.5)
        self.wide = bytearray(64)  # a digest to be reduced mod L
        self.nonce = bytearray(32)
        self.challenge = bytearray(32)
        self.digits = bytearray(52)
        room, size = memoryview(self.registers), LIMB_BUFFER_BYTES
        self.limbs = [room[size * i : size * (i + 1)] for i in range(4)]
        self.scratch = bytearray(36)
        self.points = bytearray(64)  # R, then the public key, encoded

    def wipe(self):
        """Overwrite everything."""
        wipe(self.registers, self.secret, self.wide, self.nonce, self.challenge)
        wipe(self.digits, self.scratch, self.points)
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
