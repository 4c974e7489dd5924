"""Which keys may tell this board what: certificates under the pinned operator root.

The highest serial per role is persisted together with its key, so an older certificate can't
come back, over reboots either.
"""

from wireformat import codes, identity

ROLES = (codes.CONTROL, codes.ACK, codes.RELEASE)
_EVERY_AREA = 0
_SLOT_BYTES = 48  # public key 32, serial 8, expiry 8


class Holder:
    """The key that holds a role now."""

    def __init__(self, blob: bytes) -> None:
        self.public_key = blob[:32]
        self.kid = identity.kid(self.public_key)
        self.serial = int.from_bytes(blob[32:40], "big")
        self.expires_s = int.from_bytes(blob[40:48], "big")


class Certificates:
    """Holders of the roles that matter to a board, from NVS and from new certificates."""

    def __init__(self, root: bytes, area: int, store: object, clock: object) -> None:
        self.root = root
        self.root_kid = identity.kid(root)
        self._area = area
        self._store = store
        self._clock = clock
        self._holders = {}
        for role in ROLES:
            blob = store.blob("cert%d" % role)
            if len(blob) == _SLOT_BYTES:
                self._holders[role] = Holder(blob)

    def serial(self, role: int) -> int:
        """Serial of the newest certificate known for `role`, 0 if none."""
        holder = self._holders.get(role)
        return holder.serial if holder else 0

    def expires_s(self, role: int) -> int:
        """Unix second from which on the newest certificate of `role` is no longer valid."""
        holder = self._holders.get(role)
        return holder.expires_s if holder else 0

    def signer(self, role: int, kid: bytes) -> "tuple[bytes, int]":
        """(public key, codes.R_NONE) of `role`'s holder if `kid` is its key and still valid."""
        holder = self._holders.get(role)
        if holder is None or holder.kid != kid:
            for other in self._holders.values():
                if other.kid == kid:
                    return b"", codes.R_WRONG_ROLE
            return b"", codes.R_UNKNOWN_KEY
        # An untrusted clock is a lower bound: what is past on it is past.
        if self._clock.now_s() >= holder.expires_s:
            return b"", codes.R_CERT_EXPIRED
        return holder.public_key, codes.R_NONE

    def fault(self, certificate: object) -> int:
        """Why a certificate is refused before its signature is looked at, or R_NONE."""
        if certificate.role not in ROLES:
            return codes.R_WRONG_ROLE
        if certificate.area not in (_EVERY_AREA, self._area):
            return codes.R_WRONG_TARGET
        if self._clock.now_s() >= certificate.expires_s:
            return codes.R_CERT_EXPIRED
        holder = self._holders.get(certificate.role)
        if holder is None or certificate.serial > holder.serial:
            return codes.R_NONE
        if certificate.serial < holder.serial or certificate.public_key != holder.public_key:
            return codes.R_CERT_SUPERSEDED
        return codes.R_NONE

    def accept(self, certificate: object) -> bool:
        """Persist a certificate whose signature is good; False if it was known already.

        Raises `StorageError`.
        """
        if self.serial(certificate.role) == certificate.serial:
            return False
        blob = (
            certificate.public_key
            + certificate.serial.to_bytes(8, "big")
            + certificate.expires_s.to_bytes(8, "big")
        )
        self._store.commit(**{"cert%d" % certificate.role: blob})
        self._holders[certificate.role] = Holder(blob)
        return True
