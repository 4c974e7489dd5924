"""The gateway's own key: signs acks and beacons under its ack certificate, and transactions."""

from pathlib import Path

from nacl.signing import SigningKey

from gateway.errors import GatewayError
from ledger.keys import load_seed
from ledger.tx import signature_holds
from wireformat import codes, identity
from wireformat.control import Certificate
from wireformat.errors import WireError
from wireformat.registry import open_signed
from wireformat.schema import Record, Unsigned

EVERY_AREA = 0


class BadAckCertificate(GatewayError):
    """The ack certificate can't serve: boards and the ledger would refuse what is under it."""

    code = "bad_ack_certificate"
    todo = "ask the operator for a certificate of role ack for this area and this key"


class Signer:
    """Holds the seed; it never leaves this object, nor a log."""

    def __init__(self, seed: bytes, chain_id: str) -> None:
        self._seed = seed
        self._key = SigningKey(seed)
        self._chain_id = chain_id
        self.public_key = bytes(self._key.verify_key)
        self.address = identity.address(self.public_key)

    @classmethod
    def load(cls, path: Path, chain_id: str) -> "Signer":
        """From a key file (`ledger.keys`); raises its `KeyFileError`."""
        return cls(load_seed(path), chain_id)

    @property
    def seed(self) -> bytes:
        """For `ledger.tx.make_tx` only."""
        return self._seed

    def sign(self, record: Record) -> bytes:
        """`record` as signed bytes."""
        unsigned = Unsigned(record, self.public_key, self._chain_id)
        return unsigned.with_signature(self._key.sign(unsigned.to_be_signed).signature)


def load_ack_certificate(
    path: Path, signer: Signer, chain_id: str, root: bytes, area: int
) -> tuple[Certificate, bytes]:
    """The certificate in `path`, as the operator signed it: raw bytes, or hex.

    Raises `BadAckCertificate`. Its expiry is not checked: time is the caller's.
    """
    try:
        raw = path.read_bytes()
        data = raw if raw[:1] == b"\xd2" else bytes.fromhex(raw.decode().strip())
        certificate = open_certificate(data, chain_id, root)
    except (OSError, ValueError) as error:
        raise BadAckCertificate(str(error), str(path)) from error
    fits = certificate.role == codes.ACK and certificate.area in (EVERY_AREA, area)
    if not fits or certificate.public_key != signer.public_key:
        role = codes.KEY_ROLES.get(certificate.role, str(certificate.role))
        raise BadAckCertificate(
            f"role {role}, area {certificate.area}, key {certificate.public_key.hex()[:16]}...;"
            f" needed: ack, {area}, {signer.public_key.hex()[:16]}...",
            str(path),
        )
    return certificate, data


def open_certificate(data: bytes, chain_id: str, root: bytes) -> Certificate:
    """A certificate that the operator's root signed; raises `ValueError` for any other bytes."""
    opened = open_signed(Certificate.CODE, data, chain_id)
    if opened.kid != identity.kid(root):
        raise WireError("not signed by the operator root")
    if not signature_holds(root, opened.to_be_signed, opened.signature):
        raise WireError("signature of the operator root is wrong")
    assert isinstance(opened.record, Certificate)
    return opened.record
