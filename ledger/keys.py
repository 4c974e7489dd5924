"""Key files: one Ed25519 seed as 64 hex digits, readable by its owner alone.

    create_seed(path) -> bytes      # new random key; never overwrites
    load_seed(path) -> bytes        # refuses a file that others can read
    load_or_create_seed(path), public_key(seed), address(seed)

KeyFileError
+- KeyFileMissing      nothing at that path
+- KeyFileExists       creating would overwrite a key
+- KeyFileExposed      group or others have access: its key may be known to them
+- KeyFileMalformed    not 64 hex digits
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from nacl.signing import SigningKey

from wireformat import identity

SEED_BYTES = 32
_SEED = re.compile(rb"[0-9a-f]{64}\n?")


class KeyFileError(Exception):
    """A key file that cannot be used; the text says which and what to do."""


class KeyFileMissing(KeyFileError):
    """There is no key file at that path."""


class KeyFileExists(KeyFileError):
    """A key is there already and is never overwritten."""


class KeyFileExposed(KeyFileError):
    """The file's mode gives others access."""


class KeyFileMalformed(KeyFileError):
    """The file does not hold 64 hex digits."""


def create_seed(path: Path) -> bytes:
    """Make a key from the system's randomness and keep it at `path`, mode 0600."""
    seed = os.urandom(SEED_BYTES)
    save_seed(path, seed)
    return seed


def save_seed(path: Path, seed: bytes) -> None:
    """Keep `seed` at `path`, mode 0600, durable when this returns; raises `KeyFileExists`."""
    if len(seed) != SEED_BYTES:
        raise KeyFileMalformed(f"a seed has {SEED_BYTES} bytes, not {len(seed)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written aside and linked into place: a power cut leaves the whole key or none.
    draft = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(seed.hex().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        raise KeyFileExists(f"{path}: a key is there already; move it away first") from None
    finally:
        draft.unlink()
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def load_seed(path: Path) -> bytes:
    """The seed in `path`, 32 bytes."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            data = file.read(2 * SEED_BYTES + 2)
    except FileNotFoundError:
        raise KeyFileMissing(f"{path}: no key file; restore it from your backup") from None
    if mode & 0o077:
        raise KeyFileExposed(
            f"{path}: mode {mode:04o} lets others read the key; replace the key, or if nobody"
            f" else has an account here: chmod 600 {path}"
        )
    if not _SEED.fullmatch(data):
        raise KeyFileMalformed(f"{path}: expected 64 lower-case hex digits and a newline")
    return bytes.fromhex(data.decode())


def load_or_create_seed(path: Path) -> bytes:
    """The seed in `path`, made first if there is no file."""
    try:
        return load_seed(path)
    except KeyFileMissing:
        return create_seed(path)


def public_key(seed: bytes) -> bytes:
    """Ed25519 public key of `seed`, 32 bytes."""
    return bytes(SigningKey(seed).verify_key)


def address(seed: bytes) -> bytes:
    """Address of `seed`'s public key, 20 bytes."""
    return identity.address(public_key(seed))
