"""Release files: an image, the signed record that stands for it, and the signer's certificate.

A CBOR sequence (docs/wire-format.md, "Firmware releases"):

    "truewatt release 1"  certificate  release  listing  file ...

    make(image, signer, version, index, micropython) -> bytes
    read(data) -> ReleaseFile          every hash checked; the signature is the board's to judge
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from nacl.signing import SigningKey

from gateway.updates import release_file
from gateway.updates.errors import BadReleaseFile as BadFile
from gateway.updates.release_file import MAGIC, ReleaseFile
from ledger import keys
from ledger.setup import certify, seal
from truewatt.device.errors import BadOption, BadReleaseFile
from truewatt.device.image import Image
from wireformat import cbor, codes, registry
from wireformat.control import Certificate
from wireformat.release import MPY_MASK, Release

_AGAIN = "Get the file again, or build it again: truewatt device release."
_ARCHITECTURE_BITS = 2  # and above, in a file's third byte
_ARCHITECTURE_SHIFT, _SUB_VERSION_SHIFT = 10, 8


@dataclass(frozen=True)
class Signer:
    """Who signs: a release key with its certificate, or the operator's root without one."""

    seed: bytes
    chain_id: str
    certificate: bytes = b""


def make(
    image: Image,
    signer: Signer,
    version: str,
    index: int,
    micropython: tuple[int, int, int] = (1, 25, 0),
) -> bytes:
    """The bytes of a release file."""
    record = Release(
        version=version,
        index=index,
        role=image.facts["role"],
        chip=image.facts["chip"],
        mpy=mpy_of(image.files),
        micropython=list(micropython),
        files=len(image.files),
        size=image.size,
        listing=hashlib.sha256(image.listing).digest(),
    )
    signed = seal(record, signer.seed, signer.chain_id)
    parts = [MAGIC, signer.certificate, signed, image.listing]
    parts += [data for _, data in sorted(image.files.items())]
    return b"".join(map(cbor.encode, parts))


def mpy_of(files: dict[str, bytes]) -> int:
    """`sys.implementation._mpy` of the interpreter that loads these files' machine code.

    A .mpy's second byte is its version, the third its sub-version and architecture
    (MicroPython, docs/reference/mpy_files.rst, "The header").
    """
    heads = [data[:3] for path, data in files.items() if path.endswith(".mpy")]
    native = max(heads, key=lambda head: head[2] >> _ARCHITECTURE_BITS)
    sub_version, architecture = native[2] & 3, native[2] >> _ARCHITECTURE_BITS & 15
    mpy = architecture << _ARCHITECTURE_SHIFT | sub_version << _SUB_VERSION_SHIFT | native[1]
    return mpy & MPY_MASK


def read(data: bytes, where: str) -> ReleaseFile:
    """Take a release file apart and check its hashes. Raises `BadReleaseFile`."""
    try:
        return release_file.read(data, where)
    except BadFile as error:
        raise BadReleaseFile(error.what, where, _AGAIN) from None


def load(path: Path) -> ReleaseFile:
    """The release in a file. Raises `BadReleaseFile`."""
    try:
        return read(path.read_bytes(), str(path))
    except OSError as error:
        raise BadReleaseFile(str(error), str(path), "Name a release file.") from None


def load_signer(key: Path, certificate: Path | None, chain_id: str) -> Signer:
    """The signer whose key and certificate (hexadecimal, one line) are in these files.

    Raises `KeyFileError`, `BadOption`.
    """
    seed = keys.load_seed(key)
    if certificate is None:
        return Signer(seed, chain_id)
    try:
        data = bytes.fromhex(certificate.read_text(encoding="ascii").strip())
        record = registry.open_signed(Certificate.CODE, data, chain_id).record
    except (OSError, ValueError) as error:
        raise BadOption(str(error), str(certificate), "Give a certificate for this key.") from None
    assert isinstance(record, Certificate)
    if record.role != codes.RELEASE or record.public_key != keys.public_key(seed):
        raise BadOption("not the certificate of this release key", str(certificate), "Give it.")
    return Signer(seed, chain_id, data)


def new_key(
    operator: Path, chain_id: str, serial: int, expires_s: int, folder: Path
) -> tuple[Path, Path]:
    """Make release.key and, certified by the operator's root, release.cert in `folder`.

    A key that is there already is kept, and certified anew. Raises `KeyFileError`.
    """
    root = keys.load_seed(operator)
    key, certificate = folder / "release.key", folder / "release.cert"
    seed = keys.load_or_create_seed(key)
    public = bytes(SigningKey(seed).verify_key)
    data = certify(
        root,
        chain_id,
        role=codes.RELEASE,
        area=0,
        public_key=public,
        serial=serial,
        expires_s=expires_s,
    )
    certificate.write_text(data.hex() + "\n", encoding="ascii")
    return key, certificate


def summary(release: ReleaseFile) -> str:
    """What a person wants to know of it."""
    record = release.record
    role = codes.BOARD_ROLES.get(record.role, "every role")
    return (
        f"{record.version}, roll-back index {record.index}, for {role} on {record.chip}: "
        f"{record.files} files, {record.size} bytes"
    )
