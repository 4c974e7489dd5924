"""The files of a board, and the manifest that says which they are.

A slot holds all that an update replaces; the boot stage beside the slots, which chooses one, is
written by a flash alone.
"""

import ast
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from truewatt.device.chips import BLE, RS485, WIFI
from truewatt.device.errors import BoardCannot, NotInFirmware
from truewatt.device.profiles import Profile
from truewatt.emulator.mpy_tree import tree_for
from truewatt.toolchain.paths import project_root
from wireformat import codes
from wireformat.listing import pack_entry
from wireformat.release import EVERY_ROLE

MAIN = "main.py"
FORMAT = 2
ROLES = ("meter", "mlmd")
ROLE_CODES = {None: EVERY_ROLE, "meter": codes.METER, "mlmd": codes.MLMD}
_NEEDS = {RS485: "links/bus.py", WIFI: "links/mqtt_link.py", BLE: "links/ble_link.py"}
_STAGE = "stage"


@dataclass(frozen=True)
class Image:
    """`files`: path below a slot -> bytes, main.py among them; `stage`: path on the board -> bytes.

    `facts` are the manifest's.
    """

    files: dict[str, bytes]
    stage: dict[str, bytes]
    facts: dict[str, Any]

    @property
    def size(self) -> int:
        """Bytes of all files of a slot."""
        return sum(map(len, self.files.values()))

    @property
    def listing(self) -> bytes:
        """The listing: a CBOR sequence of [path, size, SHA-256], paths ascending."""
        return listing_of(self.files)

    @property
    def manifest(self) -> bytes:
        """What is written last: a slot with it is whole."""
        return json.dumps(self.facts, sort_keys=True, separators=(",", ":")).encode()


def listing_of(files: dict[str, bytes]) -> bytes:
    """The listing of those files. Raises `RecordError` for a path or size that can't be listed."""
    return b"".join(
        pack_entry(path, len(data), hashlib.sha256(data).digest())
        for path, data in sorted(files.items())
    )


def build(profile: Profile, role: str | None = None, links: set[str] | None = None) -> Image:
    """What a board of that profile gets; with a role, without the other role's modules.

    Raises `BoardCannot`, `NotInFirmware`, `MpyBuildError`.
    """
    wanted = links or {RS485 if profile.bus else WIFI}
    profile.require_links(wanted)
    firmware = sources()
    for link in sorted(wanted):
        if not (firmware / _NEEDS[link]).exists():
            raise NotInFirmware(
                f"this firmware has no link over {link}", _NEEDS[link], "Choose another --links."
            )
    tree = tree_for(firmware, profile.chip.march)
    files, stage = _sorted_out(tree, role)
    return Image(files, stage, _facts(profile, role, wanted, files))


def _sorted_out(tree: Path, role: str | None) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The tree's files: those of a slot, and those of the boot stage."""
    files: dict[str, bytes] = {}
    stage: dict[str, bytes] = {}
    for path in sorted(tree.rglob("*")):
        parts = path.relative_to(tree).parts
        if not path.is_file() or (role is not None and parts[0] in ROLES and parts[0] != role):
            continue
        if parts[0] == _STAGE:
            name = MAIN if parts[1] == MAIN else "/".join(parts)
            stage["/" + name] = path.read_bytes()
        else:
            files["/".join(parts[1:] if parts[0] == "shared" else parts)] = path.read_bytes()
    return files, stage


def sources() -> Path:
    """The firmware's sources. Raises `BoardCannot` outside a checkout."""
    root = project_root()
    if root is None:
        raise BoardCannot("no firmware here", "an installed package", "Run it from a checkout.")
    return root / "firmware"


def version() -> str:
    """The firmware's version, as its provision.py has it."""
    return str(_constant("FIRMWARE"))


def index() -> int:
    """Its roll-back index, from the same place."""
    return int(_constant("INDEX"))


def _constant(name: str) -> Any:
    tree = ast.parse((sources() / "provision.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.literal_eval(node.value)
    raise NotInFirmware(f"provision.py has no {name}", str(sources()), "Restore it.")


def _facts(
    profile: Profile, role: str | None, links: set[str], files: dict[str, bytes]
) -> dict[str, Any]:
    listing = hashlib.sha256(listing_of(files)).hexdigest()
    return {
        "format": FORMAT,
        "firmware": version(),
        "index": index(),
        # Of the files alone, so that the same sources give the same id wherever they are built.
        "build": listing[:16],
        "listing": listing,
        "chip": profile.chip.word,
        "board": profile.name,
        "role": ROLE_CODES[role],
        "links": sorted(links),
        "signed": False,
    }
