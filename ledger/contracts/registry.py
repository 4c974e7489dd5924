"""Registry: who is who. Operator root, certified keys, accounts, enrolled boards, revocation.

Keys: `registry/operator`, `registry/kid/<kid8>` -> address, `registry/cert/<addr>`,
`registry/serial/<role><area>`, `registry/device/<addr>`, `registry/area/<area><addr>`,
`registry/section/<mlmd><addr>`,
`registry/account/<addr>`, `registry/owner/<device>` -> account, `registry/nonce/<addr>`.

A key id belongs to one key for ever, also after revocation; everything else goes by full address.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.contracts import objects
from ledger.contracts.bodies import AccountBody, CertificateBody, EnrolBody, RevokeBody
from ledger.contracts.context import Context, iterate, load, u32
from ledger.contracts.errors import (
    BadCertificate,
    BadEnrolment,
    KeyInUse,
    NotAllowed,
    StaleSerial,
    UnknownAddress,
    UnknownArea,
    UnknownDevice,
)
from ledger.contracts.objects import REVOKED, Account, Device, KeyCertificate
from ledger.state import State
from ledger.tx import signature_holds
from wireformat import codes, identity
from wireformat.control import Certificate, Enrolment
from wireformat.errors import WireError
from wireformat.registry import open_signed

OPERATOR = b"registry/operator"
KID, CERT, SERIAL = b"registry/kid/", b"registry/cert/", b"registry/serial/"
DEVICE, AREA, SECTION = b"registry/device/", b"registry/area/", b"registry/section/"
ACCOUNT, OWNER, NONCE = b"registry/account/", b"registry/owner/", b"registry/nonce/"

OPERATOR_ROLE, PROSUMER_ROLE = 0, 16
"""Roles of signers beside `codes.KEY_ROLES`."""

_CHANNELS_OF = {
    codes.METER: (codes.LOAD, codes.GENERATION),
    codes.MLMD: (codes.SECTION,),
    codes.ATTESTED: (codes.LOAD, codes.GENERATION, codes.SECTION),
}


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed a transaction: `role` is a wireformat key role, operator or prosumer."""

    address: bytes
    public_key: bytes
    role: int
    area: int

    def require(self, role: int, area: int | None = None) -> None:
        """Raise `NotAllowed` unless the signer has `role` (and `area`, where 0 is every area)."""
        if self.role != role:
            raise NotAllowed(f"signer {self.address.hex()} has not the role this needs")
        if area is not None and self.area not in (0, area):
            raise NotAllowed(f"signer {self.address.hex()} is certified for area {self.area}")


def initial_state(ctx: Context) -> None:
    """Put the operator root and the genesis' certificates in place."""
    root = ctx.params.operator_root
    ctx.state.put(OPERATOR, root)
    _claim(ctx, root)
    for signed in ctx.params.certificates:
        certificate(ctx, CertificateBody(certificate=signed))


def find_signer(state: State, kid: bytes, now_s: int) -> Signer | None:
    """Who may sign as `kid` at `now_s`; None for unknown, expired and revoked keys."""
    address = state.get(KID + kid)
    if address is None:
        return None
    operator = state.get(OPERATOR)
    if operator is not None and identity.address(operator) == address:
        return Signer(address, operator, OPERATOR_ROLE, 0)
    cert = load(state, KeyCertificate, CERT + address)
    if cert is not None and not cert.revoked_height and cert.expires_s > now_s:
        return Signer(address, cert.public_key, cert.role, cert.area)
    holder = load(state, Account, ACCOUNT + address)
    if holder is not None and not holder.revoked_height:
        return Signer(address, holder.public_key, PROSUMER_ROLE, 0)
    return None


def last_nonce(state: State, address: bytes) -> int:
    """Highest nonce that `address` has used, 0 if none."""
    return int.from_bytes(state.get(NONCE + address) or b"", "big")


def use_nonce(ctx: Context, address: bytes, nonce: int) -> None:
    """Note that `address` has used `nonce`."""
    ctx.state.put(NONCE + address, nonce.to_bytes(6, "big"))


def device_of_kid(ctx: Context, kid: bytes) -> tuple[bytes, Device] | None:
    """The enrolled board whose key has that id."""
    address = ctx.state.get(KID + kid)
    device = ctx.load(Device, DEVICE + address) if address else None
    return (address, device) if address and device else None


def need_device(ctx: Context, address: bytes) -> Device:
    """The enrolled board at `address`; raises `UnknownDevice`."""
    device = ctx.load(Device, DEVICE + address)
    if device is None:
        raise UnknownDevice(f"no board of address {address.hex()} is enrolled")
    return device


def devices_behind(ctx: Context, mlmd: bytes) -> list[tuple[bytes, Device]]:
    """(address, device) of what counts energy behind an M-LMD and is not revoked, ascending."""
    return [(address, need_device(ctx, address)) for address in addresses_behind(ctx, mlmd)]


def addresses_behind(ctx: Context, mlmd: bytes) -> list[bytes]:
    """Addresses of what counts energy behind an M-LMD and is not revoked, ascending."""
    prefix = SECTION + mlmd
    return [key[len(prefix) :] for key, _ in ctx.state.iterate(prefix)]


def devices_of_area(ctx: Context, area: int) -> list[bytes]:
    """Addresses of an area's boards, ascending."""
    prefix = AREA + u32(area)
    return [key[len(prefix) :] for key, _ in ctx.state.iterate(prefix)]


def certificate(ctx: Context, body: CertificateBody) -> None:
    """Admit a key that the operator root certified; a higher serial renews the same key."""
    cert = _opened_certificate(ctx, body.certificate)
    address = identity.address(cert.public_key)
    serial_key = SERIAL + bytes((cert.role,)) + u32(cert.area)
    last = int.from_bytes(ctx.state.get(serial_key) or b"", "big")
    if ctx.state.get(serial_key) is not None and cert.serial <= last:
        raise StaleSerial(f"serial {cert.serial} is not above {last}, the last of role and area")
    known = ctx.load(KeyCertificate, CERT + address)
    if known is None:
        _claim(ctx, cert.public_key)
    elif (known.role, known.area) != (cert.role, cert.area) or known.revoked_height:
        raise KeyInUse(f"key {address.hex()} is certified for another role or area, or revoked")
    ctx.state.put(serial_key, cert.serial.to_bytes(6, "big"))
    ctx.save(
        CERT + address,
        KeyCertificate(
            cert.role,
            cert.area,
            cert.public_key,
            cert.serial,
            cert.expires_s,
            body.certificate,
            ctx.height,
        ),
    )
    ctx.emit("registry/certificate", address=address, role=cert.role, area=cert.area)


def _opened_certificate(ctx: Context, signed: bytes) -> Certificate:
    root = ctx.params.operator_root
    try:
        opened = open_signed(Certificate.CODE, signed, ctx.chain_id)
    except WireError as error:
        raise BadCertificate(str(error)) from error
    cert = opened.record
    if not isinstance(cert, Certificate) or opened.kid != identity.kid(root):
        raise BadCertificate("not signed by the operator root")
    if cert.role not in codes.KEY_ROLES or (cert.area and not ctx.params.area(cert.area)):
        raise BadCertificate(f"role {cert.role} or area {cert.area} does not exist")
    if cert.expires_s <= ctx.now_s:
        raise BadCertificate(f"expired at {cert.expires_s}, block time is {ctx.now_s}")
    if not signature_holds(root, opened.to_be_signed, opened.signature):
        raise BadCertificate("signature of the operator root is wrong")
    return cert


def account(ctx: Context, signer: Signer, body: AccountBody) -> None:
    """Register a prosumer's key, or give a known one more devices."""
    signer.require(OPERATOR_ROLE)
    address = identity.address(body.public_key)
    known = ctx.load(Account, ACCOUNT + address)
    if known is None:
        _claim(ctx, body.public_key)
        ctx.save(ACCOUNT + address, Account(body.public_key, ctx.height))
    elif known.revoked_height:
        raise KeyInUse(f"account {address.hex()} is revoked")
    for device in body.devices:
        need_device(ctx, device)
        owner = ctx.state.get(OWNER + device)
        if owner not in (None, address):
            raise NotAllowed(f"board {device.hex()} belongs to another account")
        ctx.state.put(OWNER + device, address)
    ctx.emit("registry/account", address=address, devices=len(body.devices))


def enrol(ctx: Context, signer: Signer, body: EnrolBody) -> None:
    """Admit a board that proves possession of its key; the installer's signature vouches for it."""
    signer.require(codes.INSTALLER, body.area)
    if ctx.params.area(body.area) is None:
        raise UnknownArea(f"area {body.area} is not in the genesis")
    record = _opened_enrolment(ctx, body.enrolment)
    _check_channels(ctx, record)
    _check_section(ctx, record, body)
    _check_behind(ctx, record, body)
    address = _claim(ctx, record.public_key)
    ctx.save(
        DEVICE + address,
        Device(
            public_key=record.public_key,
            role=record.role,
            channels=[list(row) for row in record.channels],
            hardware_id=record.hardware_id,
            firmware=record.firmware,
            relays=record.relays,
            fixed_limit_w=record.fixed_limit_w or 0,
            area=body.area,
            section=body.section,
            installer=signer.address,
            enrolled_height=ctx.height,
            trust=objects.ATTESTED if record.role == codes.ATTESTED else objects.SIGNED,
            behind=body.behind or b"",
            calibration=record.calibration or b"",
        ),
    )
    ctx.state.put(AREA + u32(body.area) + address, b"\x01")
    if body.section and body.behind is None:
        ctx.state.put(SECTION + body.section + address, b"\x01")
    ctx.emit("registry/enrolled", address=address, role=record.role, area=body.area)


def _opened_enrolment(ctx: Context, signed: bytes) -> Enrolment:
    try:
        opened = open_signed(Enrolment.CODE, signed, ctx.chain_id)
    except WireError as error:
        raise BadEnrolment(str(error)) from error
    record = opened.record
    if not isinstance(record, Enrolment) or opened.kid != identity.kid(record.public_key):
        raise BadEnrolment("key id is not that of the key enrolled")
    if not signature_holds(record.public_key, opened.to_be_signed, opened.signature):
        raise BadEnrolment("the board's signature is wrong: no proof of possession")
    return record


def _check_channels(ctx: Context, record: Enrolment) -> None:
    if record.role not in _CHANNELS_OF:
        raise BadEnrolment(f"board role {record.role} does not exist")
    for kind, energy in record.channels:
        if kind not in _CHANNELS_OF[record.role]:
            raise BadEnrolment(f"a {codes.BOARD_ROLES[record.role]} has no channel kind {kind}")
        if energy not in codes.ENERGY_TYPES:
            raise BadEnrolment(f"energy type {energy} is not registered")
    kinds = {kind for kind, _ in record.channels}
    if codes.SECTION in kinds and len(kinds) > 1:
        raise BadEnrolment("a section's channels and those of a home can't be on one device")
    if record.role == codes.MLMD and not record.fixed_limit_w:
        raise BadEnrolment("an M-LMD needs fixed_limit_w, the limit that no contract raises")


def _check_section(ctx: Context, record: Enrolment, body: EnrolBody) -> None:
    if not body.section:
        return
    if record.role == codes.MLMD or len(body.section) != identity.ADDRESS_BYTES:
        raise BadEnrolment("section: an M-LMD has none, a meter that of an M-LMD (20 bytes)")
    head = need_device(ctx, body.section)
    if head.role != codes.MLMD or head.area != body.area:
        raise BadEnrolment(f"section {body.section.hex()} is no M-LMD of area {body.area}")


def _check_behind(ctx: Context, record: Enrolment, body: EnrolBody) -> None:
    if body.behind is None:
        return
    outer = need_device(ctx, body.behind)
    if record.role != codes.ATTESTED or outer.role != codes.METER:
        raise BadEnrolment("behind: an attested device may be part of a meter's circuit, no other")
    if (outer.area, outer.section) != (body.area, body.section):
        raise BadEnrolment(f"behind: meter {body.behind.hex()} is of another area or section")


def measures_a_home(device: Device) -> bool:
    """True if the device's energy is that of homes and counted nowhere else.

    A section's or transformer's meter sees what the meters behind it count; so does the meter of
    a home for a device on its own circuit.
    """
    return not device.behind and all(kind != codes.SECTION for kind, _ in device.channels)


def revoke(ctx: Context, signer: Signer, body: RevokeBody) -> None:
    """End whatever is registered at an address, dated by this height."""
    signer.require(OPERATOR_ROLE)
    address = body.address
    device = ctx.load(Device, DEVICE + address)
    cert = ctx.load(KeyCertificate, CERT + address)
    holder = ctx.load(Account, ACCOUNT + address)
    if device is not None:
        device.status, device.status_height = REVOKED, ctx.height
        ctx.save(DEVICE + address, device)
        ctx.state.delete(SECTION + device.section + address)
    elif cert is not None:
        cert.revoked_height = ctx.height
        ctx.save(CERT + address, cert)
    elif holder is not None:
        holder.revoked_height = ctx.height
        ctx.save(ACCOUNT + address, holder)
    else:
        raise UnknownAddress(f"nothing to revoke at {address.hex()}")
    ctx.emit("registry/revoked", address=address, why=body.why)


def control_certificate(state: State, area: int, now_s: int) -> bytes | None:
    """Signed certificate of the control key in force for `area`: highest serial, area before 0."""
    found = [
        (cert.area == area, cert.serial, cert.signed)
        for _, cert in iterate(state, KeyCertificate, CERT)
        if cert.role == codes.CONTROL
        and cert.area in (0, area)
        and not cert.revoked_height
        and cert.expires_s > now_s
    ]
    return max(found)[2] if found else None


def _claim(ctx: Context, public_key: bytes) -> bytes:
    """Take the key id for this key; returns the key's address."""
    address, kid = identity.address(public_key), identity.kid(public_key)
    if ctx.state.get(KID + kid) is not None:
        raise KeyInUse(f"key id {kid.hex()} is registered already")
    ctx.state.put(KID + kid, address)
    return address
