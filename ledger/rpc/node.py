"""One ledger process: lock, chain, engine and RPC server, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

from ledger.clock import Clock
from ledger.engine.chain import Chain, genesis_id
from ledger.engine.clock_guard import check_clock
from ledger.engine.db import ChainDb
from ledger.engine.engine import Engine
from ledger.engine.home import Home
from ledger.rpc.methods import Methods
from ledger.rpc.server import RpcServer


async def run_node(
    home: Home, host: str, port: int, clock: Clock | None = None, *, accept_clock: bool = False
) -> int:
    """Run until told to stop; the ready line and `<home>/rpc.json` name the URL.

    Raises `ClockFarAhead`, unless `accept_clock`, if the clock is far beyond the last block.
    """
    home.genesis()
    clock = clock or Clock.from_env()
    with home.locked():
        chain = Chain.open(home)
        if chain.last is not None and not accept_clock:
            check_clock(chain.last_vote_ns, clock.unix_ns())
        reader = ChainDb.open(home.database, genesis_id(chain.genesis), readonly=True)
        try:
            await _serve(home, Engine(chain, clock), reader, host, port)
        finally:
            reader.close()
            chain.close()
    return 0


async def _serve(home: Home, engine: Engine, reader: ChainDb, host: str, port: int) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, engine.stop)
    server = RpcServer(Methods(engine, reader), engine, host, port)
    await server.start()
    _write(home.rpc_file, {"url": server.url, "chain_id": engine.chain.genesis.chain_id})
    print(f"ledger ready: {server.url} chain {engine.chain.genesis.chain_id}", flush=True)
    try:
        await engine.run()
    finally:
        await server.stop()
        home.rpc_file.unlink(missing_ok=True)


def _write(path: Path, document: dict[str, str]) -> None:
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(document) + "\n")
    draft.replace(path)
