"""`truewatt gateway verify|export|prove|backup|restore|prune`: looking after a store."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from gateway.config import Config, load_config
from gateway.keep.audit import BoardAudit, audit
from gateway.keep.backup import back_up, restore
from gateway.keep.errors import BackupExists, BadRecordName, NoSuchBoard
from gateway.keep.export import Span, write_csv, write_senml
from gateway.keep.progress import Progress
from gateway.keep.prove import prove
from gateway.keep.times import unix_s
from gateway.store import Store
from gateway.store.database import STORE_FILE
from ledger.clock import Clock
from wireformat import codes
from wireformat.identity import ADDRESS_BYTES

EXIT_OK, EXIT_FAULTY = 0, 1
DAY_MS = 86_400_000

_WRITERS: dict[str, Callable[..., int]] = {"csv": write_csv, "senml": write_senml}


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommands; each parsed result has `keep`, to be called with the arguments."""
    check = _add(commands, "verify", _verify, "check every signature, link and head of the store")
    check.add_argument("--db", type=Path, metavar="FILE", help="a back-up, in place of the store")
    out = _add(commands, "export", _export, "readings as CSV or SenML (RFC 8428)")
    out.add_argument("--format", choices=sorted(_WRITERS), default="csv")
    out.add_argument("--board", action="append", default=[], metavar="ADDRESS", help="default all")
    out.add_argument("--from", dest="begin", default="", metavar="TIME", help="2026-07-01T06:15")
    out.add_argument("--to", dest="end", default="", metavar="TIME", help="up to, not including")
    out.add_argument("--out", type=Path, metavar="FILE", help="default: standard output")
    show = _add(commands, "prove", _prove, "how one record is on the ledger, for anybody to check")
    show.add_argument("--record", required=True, metavar="DEVICE:EPOCH:SEQ")
    show.add_argument("--out", type=Path, metavar="FILE", help="default: standard output")
    save = _add(commands, "backup", _backup, "copy the store, also while the gateway runs")
    save.add_argument("file", type=Path, metavar="FILE", help="must not exist yet")
    back = _add(commands, "restore", _restore, "put a back-up where the store belongs")
    back.add_argument("file", type=Path, metavar="FILE")
    thin = _add(commands, "prune", _prune, "let old records go that the ledger has")
    thin.add_argument("--days", type=_days, required=True, metavar="N", help="keep the last N days")


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    function: Callable[[argparse.Namespace, Config], int],
    text: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text)
    parser.add_argument("--config", type=Path, required=True, metavar="FILE")
    parser.set_defaults(keep=lambda arguments: function(arguments, load_config(arguments.config)))
    return parser


def _prove(arguments: argparse.Namespace, config: Config) -> int:
    device, epoch, seq = _record_name(arguments.record)
    with closing(Store.open_readonly(config.data_dir / STORE_FILE)) as store:
        found = prove(store, device, epoch, seq)
    text = json.dumps(found.to_json(), indent=1) + "\n"
    if arguments.out is None:
        print(text, end="")
    else:
        arguments.out.write_text(text)
    return EXIT_OK


def _record_name(text: str) -> tuple[bytes, int, int]:
    try:
        device, epoch, seq = text.split(":")
        address = bytes.fromhex(device)
        if len(address) != ADDRESS_BYTES:
            raise ValueError
        return address, int(epoch), int(seq)
    except ValueError:
        raise BadRecordName(repr(text)) from None


def _days(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("expected a whole number of days, 1 or more")
    return int(text)


def _store_path(config: Config) -> Path:
    return config.data_dir / STORE_FILE


@contextmanager
def _reading(path: Path) -> Iterator[Store]:
    with closing(Store.open_readonly(path)) as store:
        yield store


def _verify(arguments: argparse.Namespace, config: Config) -> int:
    path = arguments.db or _store_path(config)
    progress = Progress("records checked")
    with _reading(path) as store:
        found = audit(store, config.ledger.chain_id, progress)
    progress.close()
    print(audit_table(found))
    return EXIT_FAULTY if any(board.fault_count for board in found) else EXIT_OK


def audit_table(found: list[BoardAudit]) -> str:
    """What `verify` prints."""
    lines = [f"{'board':40}  {'role':8} {'records':>9} {'pruned':>9} {'gaps':>5}  result"]
    for board in found:
        role = codes.BOARD_ROLES.get(board.role, "?")
        result = f"{board.fault_count} FAULTS" if board.fault_count else "good"
        lines.append(
            f"{board.address.hex():40}  {role:8} {board.records:9} {board.pruned:9}"
            f" {board.gaps:5}  {result}"
        )
        lines += [f"    {fault}" for fault in board.faults]
    records = sum(board.records for board in found)
    faults = sum(board.fault_count for board in found)
    verdict = f"{faults} faults" if faults else "every signature, link and head is good"
    return "\n".join([*lines, f"{records} records of {len(found)} boards: {verdict}"])


def _export(arguments: argparse.Namespace, config: Config) -> int:
    span = Span(
        unix_s(arguments.begin) if arguments.begin else 0,
        unix_s(arguments.end) if arguments.end else 1 << 48,
    )
    if arguments.out is not None and arguments.out.exists():
        raise BackupExists("is there already", str(arguments.out))
    write = _WRITERS[arguments.format]
    with _reading(_store_path(config)) as store:
        devices = _devices(store, arguments.board)
        if arguments.out is None:
            write(sys.stdout, store, devices, span)
            return EXIT_OK
        with arguments.out.open("x", encoding="utf-8") as file:
            count = write(file, store, devices, span)
    print(f"{arguments.out}: {count} readings of {len(devices)} boards", file=sys.stderr)
    return EXIT_OK


def _devices(store: Store, wanted: list[str]) -> list[bytes]:
    """Boards by the beginning of their address in hex."""
    known = store.retention.devices()
    for start in wanted:
        if not any(device.hex().startswith(start.lower()) for device in known):
            raise NoSuchBoard(f"no board {start}", str(store.database.path))
    starts = tuple(start.lower() for start in wanted)
    return [device for device in known if not starts or device.hex().startswith(starts)]


def _backup(arguments: argparse.Namespace, config: Config) -> int:
    progress = Progress("pages copied")
    back_up(_store_path(config), arguments.file, progress)
    progress.close()
    size_mb = arguments.file.stat().st_size / 1e6
    print(f"{arguments.file}: {size_mb:.1f} MB, checked; restore it with: truewatt gateway restore")
    return EXIT_OK


def _restore(arguments: argparse.Namespace, config: Config) -> int:
    target = _store_path(config)
    restore(arguments.file, target)
    print(f"{target}: restored. Start the gateway: boards send what came after the back-up.")
    return EXIT_OK


def _prune(arguments: argparse.Namespace, config: Config) -> int:
    before_ms = Clock.from_env().unix_ms() - arguments.days * DAY_MS
    progress, gone = Progress("records let go"), 0
    with closing(Store.open(_store_path(config))) as store:
        total = sum(store.counts().values())
        for device in store.retention.devices():
            while went := store.retention.prune(device, before_ms):
                gone += went
                progress(gone, total)
                # A running gateway's commits go first.
                time.sleep(0.002)
    progress.close()
    print(f"{gone} records older than {arguments.days} days went; chains can still be verified")
    return EXIT_OK
