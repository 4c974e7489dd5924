"""Attributes of a board as its stack holds them, and who may do what with them."""

import secrets
from dataclasses import dataclass, field

READ, WRITE_NO_RESPONSE, WRITE, NOTIFY = 0x02, 0x04, 0x08, 0x10
_READ_SECURED, _READ_AUTHENTICATED = 0x0600, 0x0400
_WRITE_SECURED, _WRITE_AUTHENTICATED = 0x3000, 0x2000
DEFAULT_ROOM = 20
"""What a value holds unless told otherwise (MicroPython, gatts_set_buffer)."""

READ_NOT_PERMITTED, WRITE_NOT_PERMITTED, INSUFFICIENT_AUTHENTICATION = 0x02, 0x03, 0x05
NOT_FOUND, UNLIKELY = 0x0A, 0x0E


class AttError(Exception):
    """An ATT error response (Core, Vol 3 F 3.4.1.1); `code` is its error code."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(f"ATT error 0x{code:02x}")


class PairingFailed(Exception):
    """Another passkey, no passkey, or a key that the other side has not got any more."""


class LinkLost(Exception):
    """The connection ended."""


@dataclass
class Characteristic:
    """`flags` as gatts_register_services takes them; `room` bytes of a value are kept."""

    uuid: str
    flags: int
    handle: int
    value: bytes = b""
    room: int = DEFAULT_ROOM
    append: bool = False

    def store(self, data: bytes) -> None:
        """What a central wrote; what has no room is lost without a word, as in MicroPython."""
        self.value = ((self.value if self.append else b"") + data)[: self.room]

    def require(self, writes: bool, security: "Security") -> None:
        """Raises `AttError` for who may not."""
        if not self.flags & (WRITE if writes else READ):
            raise AttError(WRITE_NOT_PERMITTED if writes else READ_NOT_PERMITTED)
        secured = self.flags & (_WRITE_SECURED if writes else _READ_SECURED)
        authenticated = self.flags & (_WRITE_AUTHENTICATED if writes else _READ_AUTHENTICATED)
        if (secured and not security.encrypted) or (authenticated and not security.authenticated):
            raise AttError(INSUFFICIENT_AUTHENTICATION)


@dataclass
class Service:
    """A primary service."""

    uuid: str
    characteristics: list[Characteristic] = field(default_factory=list)


@dataclass
class Security:
    """Of one connection."""

    encrypted: bool = False
    authenticated: bool = False
    bonded: bool = False


@dataclass(frozen=True)
class Bond:
    """The key that a pairing left, on both sides; laid out for a board's store as NimBLE would."""

    key: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    authenticated: bool = False

    def secret(self, peer: bytes) -> bytes:
        """80 bytes: address type, address, key, flags, and what this emulation has no use for."""
        return (b"\0" + peer + self.key + bytes((self.authenticated,))).ljust(80, b"\0")
