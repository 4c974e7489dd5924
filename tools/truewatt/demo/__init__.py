"""`truewatt demo`: the whole loop on one machine, every part of it a process of its own.

`scenario` says what is built, `site` builds it (keys, ledger home, boards, configs), `parts` and
`supervisor` run it, `chaos` kills at seeded instants, `accounting` and `report` say what came out.
"""
