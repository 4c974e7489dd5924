"""The edge gateway: collects signed records, keeps them safe, carries decisions to the relays.

Layers, lowest first: `errors`, `schema` and `config` (what an operator may write), `store`
(SQLite, append-only), `admit` (who may pass and why not), `collect` (Modbus RTU buses),
`light_node`, `submit`, `enforce` (the ledger's side), `run` (one process of it all), `cli`.
"""
