"""Have the board make its key and say who it is; check what it says; write it down."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from truewatt.device.errors import (
    BadEnrolment,
    BoardRefused,
    NotConfirmed,
    NotFlashed,
    WrongRole,
)
from truewatt.device.flash import damaged, listed, read_manifest
from truewatt.device.image import ROLE_CODES
from truewatt.device.link import Link
from wireformat import codes, identity, registry
from wireformat.control import Enrolment
from wireformat.errors import WireError
from wireformat.release import EVERY_ROLE

# Code of ours runs with the firmware's modules on the path, as a start finds them.
_CALL = "import provision\nprovision."


@dataclass(frozen=True)
class Enrolled:
    """A board's proof that it holds a key: the record's bytes, and what is in them.

    `passkey`: of its BLE radio, six digits for the label; the board says it this once.
    """

    name: str
    data: bytes
    record: Enrolment
    passkey: str = ""

    @property
    def address(self) -> str:
        """The board's address on the ledger, hexadecimal."""
        return identity.address(self.record.public_key).hex()


def provision(link: Link, config: dict[str, Any]) -> Enrolled:
    """Configure the board; its key is made there and stays there.

    Raises `NotFlashed`, `BoardRefused`, `BadEnrolment`.
    """
    manifest = require_whole(link)
    if manifest["role"] not in (EVERY_ROLE, ROLE_CODES[config["role"]]):
        raise BoardRefused(
            f"its image is for the role {codes.BOARD_ROLES.get(manifest['role'])}",
            config["name"],
            f"truewatt device flash --role {config['role']}",
        )
    said = link.run(f"{_CALL}run({json.dumps(config)!r})")
    words = dict(line.split(" ", 1) for line in said.splitlines() if " " in line)
    if "ENROLMENT" not in words:
        raise BoardRefused("the board printed no enrolment", config["name"], "Flash it again.")
    enrolled = check(config["name"], bytes.fromhex(words["ENROLMENT"]), config["chain_id"])
    return replace(enrolled, passkey=words.get("PASSKEY", "").strip())


def check(name: str, data: bytes, chain_id: str) -> Enrolled:
    """Open an enrolment and verify that it was signed by the key in it. Raises `BadEnrolment`."""
    try:
        opened = registry.open_signed(Enrolment.CODE, data, chain_id)
        record = opened.record
        assert isinstance(record, Enrolment)
        VerifyKey(record.public_key).verify(opened.to_be_signed, opened.signature)
    except (WireError, BadSignatureError) as error:
        raise BadEnrolment(
            str(error), name, "Flash the board again; if it stays, replace it."
        ) from None
    return Enrolled(name, data, record)


def require_whole(link: Link) -> dict[str, Any]:
    """The board's manifest, if every file is as it says. Raises `NotFlashed`."""
    manifest = read_manifest(link)
    if bad := damaged(link, listed(link, manifest)):
        more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        raise NotFlashed(
            f"{bad[0]}{more} isn't what was flashed", "the board's files", "truewatt device flash"
        )
    return manifest


def facts(link: Link) -> dict[str, Any]:
    """What the board says of itself (provision.info)."""
    found: dict[str, Any] = json.loads(link.run(f"{_CALL}info()"))
    return found


def require_role(link: Link, role: str) -> None:
    """Raises `WrongRole` if the board was not provisioned as that; `NotFlashed`."""
    require_whole(link)
    found = facts(link)
    has = found.get("role")  # firmware of before this was asked says nothing
    if has != role:
        raise WrongRole(
            f"the board is {'a ' + has if has else 'none yet'}, not a {role}; nothing was changed",
            str(found["name"] or found["hardware_id"]),
            "See that the cable is in the board that you mean, or leave --role out.",
        )


def clear_lockout(link: Link) -> None:
    """Let an M-LMD's breaker close again at the next start. Raises `NotFlashed`."""
    require_whole(link)
    link.run(f"{_CALL}clear_lockout()")


def factory_reset(link: Link, typed: str) -> None:
    """Destroy key, configuration and journal, if `typed` is what `confirmation` asks for.

    Raises `NotConfirmed`; then nothing was changed.
    """
    wanted = confirmation(link)
    if typed.strip() != wanted:
        raise NotConfirmed(
            "not typed as asked; nothing was changed", "the board", f"Type: {wanted}"
        )
    link.run(f"{_CALL}factory_reset()")


def confirmation(link: Link) -> str:
    """What a person types to destroy this board's key: its name, or its chip's id."""
    require_whole(link)
    found = facts(link)
    return str(found["name"] or found["hardware_id"])


def write_files(enrolled: Enrolled, label: str, folder: Path) -> list[Path]:
    """NAME.enrolment (the record's bytes, for the installer) and NAME.svg (the label)."""
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / f"{enrolled.name}.enrolment", folder / f"{enrolled.name}.svg"]
    written[0].write_bytes(enrolled.data)
    if enrolled.passkey:
        # Nobody else on this machine needs it.
        written[1].touch()
        written[1].chmod(0o600)
    written[1].write_text(label, encoding="utf-8")
    return written
