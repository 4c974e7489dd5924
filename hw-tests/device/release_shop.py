"""An operator who builds releases for a board on a desk, and reads that board's chain."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from nacl.signing import SigningKey

from ledger import keys
from truewatt.device import image, release, slots
from truewatt.device.cli import main
from truewatt.device.link import attached
from truewatt.emulator.board import EmulatedBoard
from wireformat.chained import Event
from wireformat.cose import split

CHAIN = "truewatt-test"
ROOT_SEED = bytes(range(32))
ROOT_KEY = bytes(SigningKey(ROOT_SEED).verify_key).hex()


_INSTALL = """
import os, sys
def copy(source, target):
    for entry in os.ilistdir(source):
        old, new = source + "/" + entry[0], target + "/" + entry[0]
        if entry[1] & 0x4000:
            os.mkdir(new)
            copy(old, new)
        else:
            with open(old, "rb") as file, open(new, "wb") as out:
                out.write(file.read())
copy("/rom", "")
sys.path[:] = ["/a", ".frozen", ""]
config = %r
if config != "null":
    import provision
    provision.run(config)
"""


def install(
    board: EmulatedBoard, built: image.Image, config: dict[str, Any] | None
) -> dict[str, str]:
    """What flash and provision leave, without a cable's time; the board runs from slot /a.

    What provisioning said: ENROLMENT, PASSKEY.
    """
    rom = board.directory / "rom"
    ours = {f"a/{path}": data for path, data in built.files.items()}
    ours |= {"a/files.cbor": built.listing, "a/firmware.json": built.manifest} | built.stage
    for path, data in ours.items():
        file = rom / path.strip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    spec = replace(board.spec, firmware=rom, precompiled=False)
    said = EmulatedBoard(board.directory, spec).execute(_INSTALL % json.dumps(config))
    return dict(line.split(" ", 1) for line in said.splitlines() if " " in line)


def meter(**changes: Any) -> dict[str, Any]:
    """A meter's configuration."""
    return {
        "role": "meter",
        "name": "m1",
        "chain_id": CHAIN,
        "area": 1,
        "operator_root": ROOT_KEY,
        "bus": {"uart": 1, "address": 11},
        "metering": {"driver": "pzem004t", "uart": 2},
        "channels": [{"kind": "load", "energy": "grid", "sensor": 1}],
        "relays": [{"pin": 26, "safe": "closed"}],
        **changes,
    }


class Shop:
    """An operator who builds releases for one board."""

    def __init__(self, built: image.Image, folder: Path) -> None:
        self.image, self.folder = built, folder
        keys.save_seed(folder / "operator.key", ROOT_SEED)
        who = ["--operator-key", str(folder / "operator.key"), "--chain-id", CHAIN]
        main(["release-key", *who, "--out", str(folder)])
        self.signer = release.load_signer(folder / "release.key", folder / "release.cert", CHAIN)

    def install(self, board: EmulatedBoard, **changes: Any) -> dict[str, str]:
        """Leave on a board what flashing and provisioning leave."""
        return install(board, self.image, meter(**{"interval_s": 10, "boundary_s": 60} | changes))

    def build(self, index: int, changed: dict[str, bytes] | None = None, **other: Any) -> Path:
        """A release of the checkout's firmware, but for `changed` files; its path."""
        files = self.image.files | (changed or {})
        facts = self.image.facts | {k: v for k, v in other.items() if k in ("role", "chip")}
        built = replace(self.image, files=files, facts=facts)
        version = other.get("version", f"0.{index}.0")
        path = self.folder / f"{version}.tw"
        oldest = other.get("micropython", (1, 25, 0))
        signer = other.get("signer", self.signer)
        path.write_bytes(release.make(built, signer, version, index, oldest))
        return path

    def for_rv32(self) -> bytes:
        """A module with another chip's machine code: its header says so, and no more is read."""
        return b"M" + bytes((self.native()[1][1], 11 << 2 | 3, 31))

    def native(self) -> tuple[str, bytes]:
        """A module with machine code: its path and its bytes."""
        modules = (item for item in self.image.files.items() if item[0].endswith(".mpy"))
        return max(modules, key=lambda item: item[1][2] >> 2)


def events(made: Any) -> list[tuple[int, list[int]]]:
    """Events on the board's chain beside boots: (kind, detail)."""
    with attached(str(made.port)) as link:
        link.require()
        slots.use(link)
        said = link.run("import provision;provision.dump_journal()")
        link.restart()
    records = [line.split() for line in said.splitlines() if line.strip()]
    found = [
        Event.from_payload(split(bytes.fromhex(data)).payload)
        for code, data in records
        if int(code) == Event.CODE
    ]
    return [(event.kind, list(event.detail)) for event in found if event.kind in (13, 14)]
