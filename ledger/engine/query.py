"""`abci_query`: what of the state can be asked, with proof where a header can back it.

| path | data | value |
|---|---|---|
| `/store` | a state key | its value; with `prove` at the last state whose root a header carries |
| `/list` | CBOR {0: prefix, 1: key to go on after} | CBOR list of at most 256 [key, value] |
| `/commands` | CBOR {0: area} | CBOR list of the signed commands of its open intents |
| `/certificate` | CBOR {0: area} | signed certificate of the control key in force there |
| `/due` | - | CBOR {0: block time in ms when contracts next work by themselves} |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ledger.contracts import control, registry
from ledger.engine.chain import Chain
from ledger.engine.db import ChainDb
from wireformat import cbor
from wireformat.errors import WireError

MAX_LISTED = 256
MAX_QUERY_BYTES = 1024
CODE_UNKNOWN_PATH, CODE_BAD_DATA, CODE_NOT_FOUND = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer to a query; `value` holds for the state after block `height`, proven by the next.

    `proof` is an encoded `ledger.state.StateProof`, empty if none was asked for. An absent key has
    an empty value, code `CODE_NOT_FOUND`, and its proof is one of absence.
    """

    height: int
    value: bytes = b""
    code: int = 0
    log: str = ""
    key: bytes = b""
    proof: bytes = b""


class _BadData(ValueError):
    pass


def query(chain: Chain, db: ChainDb, path: str, data: bytes, prove: bool) -> Answer:
    """Answer one query; never raises on hostile input."""
    handler = _PATHS.get(path)
    if handler is None:
        known = ", ".join(sorted(_PATHS))
        return Answer(chain.height, code=CODE_UNKNOWN_PATH, log=f"no path {path!r}; known: {known}")
    if len(data) > MAX_QUERY_BYTES:
        return Answer(chain.height, code=CODE_BAD_DATA, log=f"data above {MAX_QUERY_BYTES} bytes")
    try:
        return handler(chain, db, data, prove)
    except (_BadData, WireError) as error:
        return Answer(chain.height, code=CODE_BAD_DATA, log=str(error))


def _store(chain: Chain, db: ChainDb, key: bytes, prove: bool) -> Answer:
    snapshot = chain.provable if prove else chain.current
    value = snapshot.state.get(key)
    return Answer(
        height=snapshot.height,
        value=value or b"",
        code=CODE_NOT_FOUND if value is None else 0,
        log="no such key" if value is None else "",
        key=key,
        proof=snapshot.tree.prove(key).encode() if prove else b"",
    )


def _list(chain: Chain, db: ChainDb, data: bytes, prove: bool) -> Answer:
    fields = _map(data)
    prefix, after = fields.get(0), fields.get(1, b"")
    if not isinstance(prefix, bytes) or not isinstance(after, bytes):
        raise _BadData("expected CBOR {0: prefix, 1: key to go on after}")
    rows = [[key, value] for key, value in chain.current.state.iterate(prefix) if key > after][
        :MAX_LISTED
    ]
    return Answer(chain.height, cbor.encode(rows))


def _commands(chain: Chain, db: ChainDb, data: bytes, prove: bool) -> Answer:
    intents = control.open_intents(chain.current.state, _area(data))
    signed = [command for intent in intents if (command := db.command(intent.id)) is not None]
    return Answer(chain.height, cbor.encode(signed))


def _certificate(chain: Chain, db: ChainDb, data: bytes, prove: bool) -> Answer:
    now_s = chain.last_vote_ns // 1_000_000_000
    signed = registry.control_certificate(chain.current.state, _area(data), now_s)
    if signed is None:
        return Answer(chain.height, code=CODE_NOT_FOUND, log="no control certificate in force")
    return Answer(chain.height, signed)


def _due(chain: Chain, db: ChainDb, data: bytes, prove: bool) -> Answer:
    return Answer(chain.height, cbor.encode({0: chain.due_ms()}))


def _area(data: bytes) -> int:
    area = _map(data).get(0)
    if isinstance(area, bool) or not isinstance(area, int) or not 0 <= area < 1 << 32:
        raise _BadData("expected CBOR {0: area number}")
    return area


def _map(data: bytes) -> dict[object, object]:
    fields = cbor.decode(data, MAX_QUERY_BYTES)
    if not isinstance(fields, dict):
        raise _BadData("expected a CBOR map")
    return fields


_PATHS: dict[str, Callable[[Chain, ChainDb, bytes, bool], Answer]] = {
    "/store": _store,
    "/list": _list,
    "/commands": _commands,
    "/certificate": _certificate,
    "/due": _due,
}
