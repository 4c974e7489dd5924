"""The passkeys from the boards' labels: `NAME PASSKEY` or `ADDRESS PASSKEY`, a line a board.

The file is read at each pairing, so that a replaced board needs no restart. It must be nobody
else's to read: who has a passkey and stands near can keep the board's connection to himself.
"""

import re
from pathlib import Path

from gateway.ble.errors import BadPasskeys, NoPasskey

MAX_BYTES = 64 * 1024
_OTHERS = 0o077
_LINE = re.compile(r"(\S{1,32})\s+([0-9]{6})")


def passkey(path: Path, *names: str) -> int:
    """The passkey of the board with one of `names`. Raises `NoPasskey`, `BadPasskeys`."""
    known = _read(path)
    for name in names:
        if name.lower() in known:
            return known[name.lower()]
    raise NoPasskey(f"no passkey for {names[0]}", str(path))


def _read(path: Path) -> dict[str, int]:
    try:
        if path.stat().st_mode & _OTHERS:
            raise BadPasskeys("others may read it", str(path))
        with path.open("rb") as file:
            return read(file.read(MAX_BYTES + 1), str(path))
    except OSError as error:
        raise BadPasskeys(error.strerror or str(error), str(path)) from error


def read(raw: bytes, where: str) -> dict[str, int]:
    """Passkeys by name or address, in lower case. Raises `BadPasskeys`."""
    if len(raw) > MAX_BYTES:
        raise BadPasskeys(f"more than {MAX_BYTES} bytes", where)
    found = {}
    for number, line in enumerate(raw.decode(errors="replace").splitlines(), 1):
        text = line.split("#")[0].strip()
        match = _LINE.fullmatch(text)
        if match:
            found[match[1].lower()] = int(match[2])
        elif text:
            # Not the line itself: it may well hold a passkey.
            raise BadPasskeys(f"line {number} is not NAME and six digits", where)
    return found
