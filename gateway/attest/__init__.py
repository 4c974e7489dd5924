"""Commercial devices inside the gateway: what a board is outside, each of them is in here.

A key of its own for each, an enrolment, a chain of signed records, commands that are checked once
more before they are obeyed. The ledger trusts such a device less than a board: whoever owns this
gateway could invent its readings (ADR 95).

Lowest first: `errors`, `keys` (who it is), `tally` (counters) and `interval` (readings), both pure,
`chain` (sign and commit in one), `driver` (what a model can do), `obey` (commands), `place` (one
address on a bus), `devices` (all of a configuration), `cli`.
"""
