"""The one definition of bytes on the wire, for MicroPython and CPython alike.

It imports nothing of ours and only what both Pythons have. Layers, lowest first:
`errors`, `cbor` (strict deterministic subset), `cose` (COSE_Sign1 without crypto), `identity`
(addresses and hashes), `schema` (how a record is checked), `codes` (numbers with names),
`chained`, `unchained`, `control`, `release` (the records themselves), `registry` (type code <->
class), `modbus_map` (where a board's Modbus server shows them).
"""

__all__ = ["VERSION"]

VERSION = 1
