"""`truewatt device release-key` and `release`: what an operator does before boards are updated."""

import argparse
import sys
from pathlib import Path
from typing import Any

from ledger.clock import Clock
from truewatt.device import image, release
from truewatt.device.profiles import load


def add_commands(commands: Any) -> None:
    """Making releases needs no board."""
    key = commands.add_parser("release-key", help="make a release key, certified by the operator")
    key.add_argument(
        "--operator-key", required=True, type=Path, metavar="FILE", help="its root key"
    )
    key.add_argument("--serial", type=int, default=1, help="above the last one's (%(default)s)")
    key.add_argument("--days", type=int, default=365, help="how long it is good (%(default)s)")
    key.set_defaults(run=_release_key)
    made = commands.add_parser("release", help="sign the firmware of this checkout into one file")
    made.add_argument("--board", required=True, metavar="NAME", help="as for flash")
    made.add_argument("--role", choices=image.ROLES, help="leave the other role's modules out")
    made.add_argument("--key", required=True, type=Path, metavar="FILE", help="release or root key")
    made.add_argument(
        "--certificate", type=Path, metavar="FILE", help="the release key's (not for the root)"
    )
    made.add_argument("--version", help="of the release (the firmware's own)")
    made.add_argument(
        "--index", type=int, help="roll-back index: boards refuse a lower one than they confirmed"
    )
    made.set_defaults(run=_release)
    for parser, default in ((key, "."), (made, "release.tw")):
        parser.add_argument("--chain-id", required=True, help="whose boards: as provisioned")
        parser.add_argument("--out", type=Path, default=Path(default), help="(%(default)s)")


def _release_key(options: argparse.Namespace) -> int:
    expires_s = Clock.from_env().unix_ms() // 1000 + options.days * 86_400
    written = release.new_key(
        options.operator_key, options.chain_id, options.serial, expires_s, options.out
    )
    print(f"written    {', '.join(map(str, written))}")
    return 0


def _release(options: argparse.Namespace) -> int:
    profile = load(options.board)
    signer = release.load_signer(options.key, options.certificate, options.chain_id)
    print(f"device: building the image for {profile.chip.name}", file=sys.stderr, flush=True)
    built = image.build(profile, options.role)
    index = image.index() if options.index is None else options.index
    data = release.make(built, signer, options.version or image.version(), index)
    options.out.write_bytes(data)
    print(f"release    {release.summary(release.read(data, str(options.out)))}")
    print(f"written    {options.out}, {len(data)} bytes")
    return 0
