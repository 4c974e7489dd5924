"""The files of a board, and the manifest that says which they are.

Modules go to /lib, which is on MicroPython's path; main.py to /, where a start looks for it.
"""

import ast
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from truewatt.device.chips import BLE, RS485, WIFI
from truewatt.device.errors import BoardCannot, NotInFirmware
from truewatt.device.profiles import Profile
from truewatt.emulator.mpy_tree import tree_for
from truewatt.toolchain.paths import project_root

MAIN = "/main.py"
MANIFEST = "/firmware.json"
FORMAT = 1
ROLES = ("meter", "mlmd")
_NEEDS = {RS485: "links/bus.py", WIFI: "links/mqtt_link.py", BLE: "links/ble_link.py"}


@dataclass(frozen=True)
class Image:
    """`files`: path on the board -> bytes, main.py among them; `manifest`: of /firmware.json."""

    files: dict[str, bytes]
    manifest: bytes

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(map(len, self.files.values()))


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
    files = {
        target: path.read_bytes()
        for path in sorted(tree.rglob("*"))
        if path.is_file() and (target := _target(path.relative_to(tree), role)) is not None
    }
    return Image(files, _manifest(profile, role, wanted, files))


def sources() -> Path:
    """The firmware's sources. Raises `BoardCannot` outside a checkout."""
    root = project_root()
    if root is None:
        raise BoardCannot("no firmware here", "an installed package", "Run it from a checkout.")
    return root / "firmware"


def version() -> str:
    """The firmware's version, as its provision.py has it."""
    tree = ast.parse((sources() / "provision.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FIRMWARE":
            return str(ast.literal_eval(node.value))
    raise NotInFirmware("provision.py has no FIRMWARE", str(sources()), "Restore it.")


def _target(path: Path, role: str | None) -> str | None:
    """Where a file of the tree lives on a board; None: not there."""
    parts = path.parts
    if role is not None and parts[0] in ROLES and parts[0] != role:
        return None
    if str(path) == "main.py":
        return MAIN
    return "/lib/" + "/".join(parts[1:] if parts[0] == "shared" else parts)


def _manifest(
    profile: Profile, role: str | None, links: set[str], files: dict[str, bytes]
) -> bytes:
    listed = {path: [len(data), hashlib.sha256(data).hexdigest()] for path, data in files.items()}
    facts = {
        "format": FORMAT,
        "firmware": version(),
        # Of the files alone, so that the same sources give the same id wherever they are built.
        "build": hashlib.sha256(json.dumps(listed, sort_keys=True).encode()).hexdigest()[:16],
        "chip": profile.chip.name,
        "board": profile.name,
        "role": role,
        "links": sorted(links),
        "files": listed,
    }
    return json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()
