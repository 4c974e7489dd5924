"""`truewatt ledger ...`: make, run, look at and verify a chain of the embedded engine.

main(argv) -> exit code: 0 done, 1 a named error, 2 wrong usage
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from ledger import cli_init, cli_prove, cli_show
from ledger.clock import ClockError
from ledger.contracts.params import ParamsError
from ledger.engine.errors import EngineError
from ledger.engine.home import Home
from ledger.engine.verify import verify
from ledger.genesis import GenesisError
from ledger.keys import KeyFileError
from ledger.light.errors import ProviderError
from ledger.record_proof import ProofRefused
from ledger.rpc.node import run_node

_DESCRIPTION = """\
The ledger: one authority that orders signed transactions into blocks, runs the contracts on them,
and signs the commands that relays obey. Blocks have the format of CometBFT v0.38.

A first chain, in three commands:
  truewatt ledger init --home ledger          new keys, a genesis for area 1
  truewatt ledger run --home ledger           makes blocks, serves RPC on 127.0.0.1:26657
  truewatt ledger status --rpc http://127.0.0.1:26657
Later, with the ledger running or not:
  truewatt ledger verify --home ledger        replays and checks every block from the genesis on
"""
_NAMED = (
    EngineError,
    GenesisError,
    KeyFileError,
    ParamsError,
    ClockError,
    ProviderError,
    ProofRefused,
    cli_show.NothingToShow,
    cli_init.InitError,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        result = arguments.run(arguments)
    except _NAMED as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"OSError: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return int(result)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="truewatt ledger",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_init(commands)
    _add_run(commands)
    _add_shows(commands)
    _add_verify_record(commands)
    check = commands.add_parser("verify", help="replay the whole chain and check everything")
    _home(check, required=True)
    check.set_defaults(run=_verify)
    return parser


def _add_init(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    init = commands.add_parser(
        "init",
        help="make a home: keys and genesis",
        description="Makes keys (operator, validator, control, gateway, installer) and a genesis.",
        epilog="Keep keys/operator.key offline afterwards: the ledger itself never needs it.",
    )
    _home(init, required=True)
    init.add_argument("--chain-id", default="truewatt-1", help="name of the chain (%(default)s)")
    init.add_argument("--areas", type=int, default=1, help="number of areas, 1..256 (%(default)s)")
    init.add_argument(
        "--price-interval", type=int, default=300, help="seconds between prices (%(default)s)"
    )
    init.set_defaults(run=lambda a: cli_init.init(a.home, a.chain_id, a.areas, a.price_interval))


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = commands.add_parser(
        "run",
        help="make blocks and serve the RPC until SIGTERM or Ctrl-C",
        description="Runs the chain. Killed at any instant, it loses nothing that is in a block.",
        epilog="The RPC has no authentication: give --host only an address that you trust.",
    )
    _home(run, required=True)
    run.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    run.add_argument("--port", type=int, default=26657, help="port; 0: any free one (%(default)s)")
    run.add_argument(
        "--accept-clock",
        action="store_true",
        help="go on although the clock is more than 30 days after the last block",
    )
    run.set_defaults(
        run=lambda a: asyncio.run(
            run_node(Home(a.home), a.host, a.port, accept_clock=a.accept_clock)
        )
    )


def _add_shows(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    status = commands.add_parser("status", help="tip of the chain and what is on it")
    block = commands.add_parser("block", help="one block with its results and events")
    block.add_argument("height", type=int, nargs="?", help="height (the last one)")
    tx = commands.add_parser("tx", help="one transaction by its id")
    tx.add_argument("id", help="SHA-256 of the transaction, 64 hex digits")
    for command, show in (
        (status, lambda a: cli_show.status(a.home, a.rpc)),
        (block, lambda a: cli_show.block(a.home, a.rpc, a.height)),
        (tx, lambda a: cli_show.tx(a.home, a.rpc, a.id)),
    ):
        source = command.add_mutually_exclusive_group(required=True)
        _home(source, required=False)
        source.add_argument("--rpc", metavar="URL", help="ask a running node")
        command.set_defaults(run=show)


def _add_verify_record(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    prove = commands.add_parser(
        "verify-record",
        help="hold the proof of one record against the chain alone",
        description="FILE is what `truewatt gateway prove` wrote. The node is asked, not "
        "believed:\nheaders are verified from the genesis, all else against them.",
        epilog="example: truewatt ledger verify-record proof.json --genesis genesis.json"
        " --rpc http://127.0.0.1:26657",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = prove.add_argument
    add("file", type=Path, metavar="FILE", help="the proof")
    add("--genesis", type=Path, required=True, metavar="FILE", help="the chain's genesis")
    add("--rpc", required=True, metavar="URL", help="a node of the chain")
    add("--trusted", type=_trusted, metavar="HEIGHT:HASH", help="begin at a block that you trust")
    add("--trusting-period", type=int, default=366, metavar="DAYS", help="default %(default)s")
    prove.set_defaults(
        run=lambda a: cli_prove.verify_record(
            a.file, a.genesis, a.rpc, a.trusted, a.trusting_period * 86_400
        )
    )


def _trusted(text: str) -> tuple[int, bytes]:
    height, _, block_hash = text.partition(":")
    if not height.isdecimal() or len(block_hash) != 64:
        raise argparse.ArgumentTypeError("expected HEIGHT:HASH, 64 hexadecimal digits")
    return int(height), bytes.fromhex(block_hash)


def _home(parser: argparse._ActionsContainer, *, required: bool) -> None:
    text = "the ledger's folder: genesis.json, keys/, chain.db"
    if required:
        parser.add_argument("--home", type=Path, required=True, metavar="DIR", help=text)
    else:
        parser.add_argument("--home", type=Path, metavar="DIR", help=f"read {text}")


def _verify(arguments: argparse.Namespace) -> int:
    def progress(done: int, last: int) -> None:
        if done % 500 == 0 and done != last:
            print(f"verified {done} of {last} blocks", file=sys.stderr, flush=True)

    found = verify(Home(arguments.home), progress)
    print(f"ok: {found.height} blocks, {found.txs} transactions, {found.commands} signed commands")
    print(f"last block {found.block_hash.hex()}")
    print(f"state      {found.app_hash.hex()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
