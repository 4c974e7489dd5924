"""Checks signatures in a process of its own, and nothing else: no keys, no files, no sockets.

    python -m gateway.verifier          # jobs on standard input, answers on standard output

Jobs: how many bytes follow (4), then for each its public key (32), a length (2), and signature with
message behind it. Answer: a byte for each, 1 if the signature holds. It ends when its input does.
"""

import signal
import struct
import sys
from collections.abc import Iterator, Sequence

from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

Job = tuple[bytes, bytes]
"""(public key, signature followed by what was signed)"""

READY = b"\x02"
_SIZE, _HEAD = struct.Struct(">I"), struct.Struct(">32sH")


def holds(job: Job) -> bool:
    """libsodium's rule: canonical A and R, S < L, no small order, cofactorless."""
    public_key, signed = job
    try:
        crypto_sign_open(signed, public_key)
    except (BadSignatureError, ValueError):
        return False
    return True


def pack(jobs: Sequence[Job]) -> bytes:
    """Jobs as the process reads them."""
    parts = [b""]
    for public_key, signed in jobs:
        parts += (_HEAD.pack(public_key, len(signed)), signed)
    parts[0] = _SIZE.pack(sum(map(len, parts)))
    return b"".join(parts)


def unpack(data: bytes) -> Iterator[Job]:
    """The inverse of `pack`, behind the size."""
    at = 0
    while at < len(data):
        public_key, size = _HEAD.unpack_from(data, at)
        at += _HEAD.size + size
        yield public_key, data[at - size : at]


def main() -> None:
    """Answer until the input ends."""
    # A Ctrl-C is for the gateway; this ends with it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # And a gateway that is gone wants no answer: the pipe says so by ending this quietly.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    jobs, answers = sys.stdin.buffer, sys.stdout.buffer
    answers.write(READY)
    answers.flush()
    while size := jobs.read(_SIZE.size):
        data = jobs.read(_SIZE.unpack(size)[0])
        answers.write(bytes(map(holds, unpack(data))))
        answers.flush()


if __name__ == "__main__":
    main()
