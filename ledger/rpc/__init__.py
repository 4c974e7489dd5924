"""CometBFT v0.38's RPC, the subset that both engines serve, on loopback.

`server` (aiohttp), `methods` (what each answers), `params` (how arguments are spelt), `shapes`
(JSON of results and events), `client` (`RpcClient`, a gateway's one interface to any engine).
"""
