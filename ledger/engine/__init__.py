"""The embedded engine: one process, SQLite, one authority, blocks in CometBFT v0.38's format.

`chain` makes and adopts blocks, `db` keeps them (block, state, signature and signed commands in one
transaction), `engine` decides when, `mempool` holds what waits, `query` answers `abci_query`,
`verify` replays a whole chain, `home` is the folder with genesis, keys and database.
"""
