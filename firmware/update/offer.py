"""A release that somebody offers: whose it is, and whether it is for this board.

Everything that needs no curve arithmetic first; `verify` is the caller's, who knows whether the
board is at work meanwhile.
"""

import binascii
import json
import os
import sys

from update.errors import UpdateError
from wireformat import codes, cose
from wireformat.errors import WireError
from wireformat.release import EVERY_ROLE, MPY_MASK, Release


def chip() -> str:
    """What MicroPython calls this board's chip."""
    machine = getattr(sys.implementation, "_machine", "") or os.uname()[4]
    return machine.split(" with ")[-1].strip()


class Offer:
    """A signed `release`, taken apart. Raises `UpdateError` (BadRelease, BadSignature)."""

    def __init__(self, data: bytes, chain_id: str, certificates: object) -> None:
        try:
            envelope = cose.split(data, 240)
            self.release = Release.from_payload(envelope.payload)
        except WireError as error:
            raise UpdateError("BadRelease", str(error), "the release", "get the file again")
        self.key = _key(certificates, envelope.kid)
        self.to_be_signed = envelope.to_be_signed(cose.external_aad(Release.TYPE, chain_id))
        self.signature = envelope.signature

    def facts(self) -> tuple:
        """(roll-back index, SHA-256 of the listing, files, bytes, the manifest's bytes).

        All that is needed from its acceptance on, so that the record and this module can go.
        """
        release = self.release
        facts = release.index, release.listing, release.files, release.size
        return facts + (_manifest(release),)

    def require(self, role: int, floor: int) -> None:
        """Raises `UpdateError` (ForeignImage, OldImage)."""
        release = self.release
        if release.role not in (EVERY_ROLE, role):
            raise _foreign("role %d, this board's is %d" % (release.role, role))
        if release.chip != chip():
            raise _foreign("%s, this board is an %s" % (release.chip, chip()))
        mpy = getattr(sys.implementation, "_mpy", 0) & MPY_MASK
        if release.mpy != mpy:
            raise _foreign("machine code %d, this MicroPython loads %d" % (release.mpy, mpy))
        version = tuple(sys.implementation.version)[:3]
        if version < tuple(release.micropython):
            oldest = ".".join(str(part) for part in release.micropython)
            raise _foreign("MicroPython %s, this one is older" % oldest)
        if release.index < floor:
            raise UpdateError(
                "OldImage",
                "%s has roll-back index %d, at least %d is needed"
                % (release.version, release.index, floor),
                "the release",
                "build one with a higher index",
            )


def _manifest(release: Release) -> bytes:
    listing = binascii.hexlify(release.listing).decode()
    facts = {
        "format": 2,
        "firmware": release.version,
        "index": release.index,
        "build": listing[:16],
        "listing": listing,
        "chip": release.chip,
        "role": release.role,
        "signed": True,
    }
    return json.dumps(facts).encode()


def _foreign(what: str) -> UpdateError:
    todo = "take the file for this kind of board"
    return UpdateError("ForeignImage", "for " + what, "the release", todo)


def _key(certificates: object, kid: bytes) -> bytes:
    if kid == certificates.root_kid:
        return certificates.root
    key, reason = certificates.signer(codes.RELEASE, kid)
    if reason:
        raise UpdateError(
            "BadSignature",
            "no release key of this operator signed it, reason %d" % reason,
            "the release",
            "certify the key with the operator's root",
        )
    return key
