"""Contracts: pure rules over the state, in integers, with block time as a parameter.

`app` is the way in (`finalize`, `check_tx`). One contract a file: `registry`, `metering`,
`pricing`, `management` (with `policy` and `sections`), `control`. `objects` is what they keep in
the state, `bodies` what transactions carry, `params` what the genesis fixes, `errors` why something
is refused.
"""
